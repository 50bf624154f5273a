"""Policy documents of AWS: read them, and decide by them.

Pure. A document is read once and refused as a whole when a part of it means
nothing; deciding never raises. Called for identities (sending authorization),
topics, queues and the scopes of credentials: one engine for all.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pillarbox.kit import policy_conditions
from pillarbox.kit.policy_conditions import Condition
from pillarbox.kit.wildcards import Context, fits, tokens

_OLD, _CURRENT = "2008-10-17", "2012-10-17"
_FIELDS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_FIELDS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_KINDS_OF_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_AWS_PRINCIPAL = re.compile(
    r"\*|[0-9]{12}|arn:aws[a-z-]*:(?:iam::[0-9]{12}:(?:root|(?:user|role)/[\w+=,.@/-]+)"
    r"|sts::[0-9]{12}:(?:assumed-role|federated-user)/[\w+=,.@/-]+)|A(?:ID|RO)A[A-Z0-9]{16,}",
    re.ASCII,
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")


class Malformed(ValueError):
    """The text is no policy document; the message says what is wrong with it."""


class Decision(Enum):
    """What policies say of a request. UNDECIDED is no permission."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


@dataclass(slots=True, frozen=True)
class Principal:
    """Who asks: a user of an account, or (with neither) a service of AWS or nobody in particular."""

    account: str = ""
    user_name: str = ""
    service: str = ""

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.user_name}"


@dataclass(slots=True, frozen=True)
class Asked:
    """A request as policies see it; the keys of `context` are in lower case."""

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Patterns:
    """What an element names, or with `negated` everything but that."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(slots=True, frozen=True)
class Principals:
    """Principals by their kind."""

    by_kind: Mapping[str, tuple[str, ...]]
    negated: bool = False

    def include(self, asking: Principal) -> bool:
        return self._name(asking) is not self.negated

    def _name(self, asking: Principal) -> bool:
        if asking.service:
            return asking.service in self.by_kind.get("Service", ()) or "*" in self.by_kind.get("Service", ())
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
        for value in self.by_kind.get("AWS", ()):
            if value == "*" or (asking.account and value in (asking.account, asking.arn)):
                return True
            if asking.account and value.endswith(f":iam::{asking.account}:root"):
                return True
        return False


@dataclass(slots=True, frozen=True)
class Statement:
    """One rule. `principals` None fits whoever the document is attached to."""

    allows: bool
    principals: Principals | None
    actions: Patterns
    resources: Patterns
    conditions: tuple[Condition, ...]
    sid: str = ""

    def applies(self, asked: Asked, variables: Context | None) -> bool:
        return (
            (self.principals is None or self.principals.include(asked.principal))
            and _action_fits(self.actions, asked.action)
            and _resource_fits(self.resources, asked.resource, variables)
            and all(condition.holds(asked.context, variables) for condition in self.conditions)
        )


@dataclass(slots=True, frozen=True)
class Policy:
    """A document that was read."""

    statements: tuple[Statement, ...]
    has_variables: bool = True

    def asks_for(self, key: str) -> bool:
        """Say whether a condition depends on a key (in lower case)."""
        return any(condition.key == key for one in self.statements for condition in one.conditions)


def decide(policies: Iterable[Policy], asked: Asked) -> Decision:
    """Say what policies together decide: one that denies outweighs all that allow."""
    decision = Decision.UNDECIDED
    for policy in policies:
        variables = asked.context if policy.has_variables else None
        for statement in policy.statements:
            if not statement.applies(asked, variables):
                continue
            if not statement.allows:
                return Decision.DENIED
            decision = Decision.ALLOWED
    return decision


def read(text: str, *, attached: bool = False) -> Policy:
    """Read the policy of a resource, or one `attached` to a user (it names no principals); raise Malformed."""
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except Malformed:
        raise
    except (ValueError, RecursionError):  # a number of thousands of digits is no JSONDecodeError
        raise Malformed("Syntax errors in policy.") from None
    if not isinstance(document, dict) or not document.keys() <= _FIELDS:
        raise Malformed("Syntax errors in policy.")
    version = document.get("Version", _OLD)
    if version not in (_OLD, _CURRENT):
        raise Malformed("The policy must contain a valid version string")
    if not isinstance(document.get("Id", ""), str):
        raise Malformed("Invalid policy id")
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if not given:
        raise Malformed("Missing required field Statement")
    read_ones = tuple(_statement(one, attached) for one in statements)
    sids = [one.sid for one in read_ones if one.sid]
    if len(sids) != len(set(sids)):
        raise Malformed("Statement IDs (SID) in a single policy must be unique.")
    return Policy(read_ones, has_variables=version == _CURRENT)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("Duplicate keys in policy.")
    return found


def _statement(given: Any, attached: bool) -> Statement:
    if not isinstance(given, dict):
        raise Malformed("Syntax errors in policy.")
    if unknown := given.keys() - _STATEMENT_FIELDS:
        raise Malformed(f"Unknown field {min(unknown)}")
    effect = given.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise Malformed(f"Invalid effect: {effect}" if effect is not None else "Missing required field Effect")
    if not isinstance(sid := given.get("Sid", ""), str):
        raise Malformed("Invalid Sid")
    actions = _patterns(given, "Action")
    for action in actions.values:
        if not _ACTION.fullmatch(action):
            raise Malformed("Policy has invalid action")
    resources = _patterns(given, "Resource")
    for resource in resources.values:
        if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
            raise Malformed("Policy has invalid resource")
    principals = None if attached else _principals(given, effect)
    if attached and ("Principal" in given or "NotPrincipal" in given):
        raise Malformed("Policy document should not specify a principal.")
    return Statement(effect == "Allow", principals, actions, resources, _conditions(given.get("Condition", {})), sid)


def _patterns(given: Mapping[str, Any], name: str) -> Patterns:
    """Read `Action` or `NotAction`, `Resource` or `NotResource`."""
    names = [one for one in (name, f"Not{name}") if one in given]
    if len(names) != 1:
        raise Malformed(f"Missing required field {name}" if not names else f"{name} and Not{name} exclude each other")
    values = _texts(given[names[0]])
    if not values:
        raise Malformed(f"Policy has invalid {name.lower()}")
    return Patterns(values, negated=names[0] != name)


def _principals(given: Mapping[str, Any], effect: str) -> Principals:
    names = [one for one in ("Principal", "NotPrincipal") if one in given]
    if len(names) != 1:
        raise Malformed("Missing required field Principal" if not names else "Invalid principal in policy")
    if names[0] == "NotPrincipal" and effect == "Allow":
        raise Malformed("Allow with NotPrincipal is not allowed.")
    value = given[names[0]]
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous
    everybody = value in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    by_kind = {"AWS": ("*",), "Service": ("*",)} if everybody else _by_kind(value)
    return Principals(by_kind, negated=names[0] == "NotPrincipal")


def _by_kind(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value or not value.keys() <= _KINDS_OF_PRINCIPALS:
        raise Malformed("Invalid principal in policy")
    by_kind = {kind: _texts(names) for kind, names in value.items()}
    if (
        not all(by_kind.values())
        or not all(_AWS_PRINCIPAL.fullmatch(name) for name in by_kind.get("AWS", ()))
        or not all(_SERVICE.fullmatch(name) for name in by_kind.get("Service", ()))
    ):
        raise Malformed("Invalid principal in policy")
    return by_kind


def _conditions(given: Any) -> tuple[Condition, ...]:
    if not isinstance(given, dict) or not all(isinstance(keys, dict) and keys for keys in given.values()):
        raise Malformed("Policy has an invalid condition")
    found = []
    for operator, keys in given.items():
        for key, value in keys.items():
            values = _texts(value, scalars=True)
            if not values or not key:
                raise Malformed("Policy has an invalid condition")
            try:
                found.append(policy_conditions.read(operator, key, values))
            except ValueError as error:
                raise Malformed(str(error)) from None
    return tuple(found)


def _texts(value: Any, *, scalars: bool = False) -> tuple[str, ...]:
    """Return one text or a list of them as a tuple; empty when it is neither. Conditions may hold JSON's scalars."""
    values = value if isinstance(value, list) else [value]
    if scalars:
        values = [json.dumps(one) if isinstance(one, bool | int | float) else one for one in values]
    return tuple(values) if all(isinstance(one, str) and one for one in values) else ()


def _action_fits(actions: Patterns, action: str) -> bool:
    # Names of services and actions are compared without regard to case.
    named = any(fits(tokens(pattern.lower(), None), action.lower()) for pattern in actions.values)
    return named is not actions.negated


def _resource_fits(resources: Patterns, resource: str, variables: Context | None) -> bool:
    return any(fits(tokens(pattern, variables), resource) for pattern in resources.values) is not resources.negated
