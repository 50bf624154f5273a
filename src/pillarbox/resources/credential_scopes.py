"""What a credential may be good for: everything, or one of a few scopes.

Pure. A scope is short for a policy of the key's user, by which the engine of
all policies decides. Called by resources/credentials.py and edge/.
https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
"""

import json
from functools import lru_cache

from pillarbox.kit.errors import Invalid
from pillarbox.kit.policy import Policy, read
from pillarbox.resources.identity_names import checked as checked_identity
from pillarbox.resources.tenant_names import checked as checked_tenant

EVERYTHING = ""
SEND_ONLY, READ_ONLY = "send-only", "read-only"
_IDENTITY, _TENANT = "identity=", "tenant="
_SENDS = ["ses:SendEmail", "ses:SendRawEmail", "ses:SendTemplatedEmail", "ses:SendBulkTemplatedEmail"]
_READS = [
    f"{service}:{verb}"
    for service, verbs in {
        "ses": ("Get*", "List*", "Describe*", "BatchGet*", "Test*"),
        "sns": ("Get*", "List*", "Check*"),
        "sqs": ("Get*", "List*"),
    }.items()
    for verb in verbs
]


def checked(text: str) -> str:
    """Return the scope in its one spelling, or raise Invalid."""
    if text in (EVERYTHING, SEND_ONLY, READ_ONLY):
        return text
    if text.startswith(_IDENTITY):
        return _IDENTITY + checked_identity(text.removeprefix(_IDENTITY))
    if text.startswith(_TENANT):
        return _TENANT + checked_tenant(text.removeprefix(_TENANT))
    raise Invalid(f"a scope is {SEND_ONLY}, {READ_ONLY}, {_IDENTITY}NAME or {_TENANT}NAME, and not {text!r}")


@lru_cache(maxsize=4096)
def grants(scope: str, account: str) -> Policy | None:
    """Return what a key of that scope may do, or None when it may do everything."""
    if scope == EVERYTHING:
        return None
    if scope == READ_ONLY:
        return _allowing(_READS, "*")
    if scope == SEND_ONLY:
        return _allowing([*_SENDS, "ses:SendBounce", "ses:SendCustomVerificationEmail"], "*")
    if scope.startswith(_TENANT):
        return _allowing(_SENDS, "*", {"StringEquals": {"ses:TenantName": scope.removeprefix(_TENANT)}})
    # The name may hold what would be a wildcard in a pattern.
    name = "".join(f"${{{mark}}}" if mark in "*?$" else mark for mark in scope.removeprefix(_IDENTITY))
    return _allowing(_SENDS, f"arn:aws:ses:*:{account}:identity/{name}")


def _allowing(actions: list[str], resource: str, condition: dict[str, dict[str, str]] | None = None) -> Policy:
    statement: dict[str, object] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return read(json.dumps({"Version": "2012-10-17", "Statement": statement}), attached=True)
