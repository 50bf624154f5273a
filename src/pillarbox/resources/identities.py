"""Identities: the domains and addresses that an account may send from.

Plans. v1 and v2 are two spellings of what stands here. An identity is pending
until something vouches for it: the operator, or dev mode, which verifies at
once. Called by api/, sending (is the sender verified?), destinations (the
topics) and operate (`vouch`).
"""

import base64
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, pages, tags
from pillarbox.resources.identity_names import canonical, checked, checked_address, checked_domain
from pillarbox.resources.identity_names import is_domain as is_domain_name
from pillarbox.resources.notification_topics import check_topic
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

KIND = "identity"
MOST_IDENTITIES = 10_000
MOST_ASKED = 100
NOTIFICATION_TYPES = ("Bounce", "Complaint", "Delivery")
PENDING, SUCCESS, NOT_STARTED = "Pending", "Success", "NotStarted"
OPERATOR, DEV_MODE = "operator", "dev mode"


class IdentityExists(Duplicate):
    """The account has that identity already."""


class IdentityMissing(NotFound):
    """The account has no such identity in this region."""


class Identity(msgspec.Struct, frozen=True):
    """One identity. `topics` are ARNs by notification type; a type without one is not published.

    `headers_in` are the notification types that carry the original headers;
    `verified_by` says who vouched (OPERATOR or DEV_MODE).
    """

    name: str
    verification_token: str
    dkim_tokens: list[str]
    status: str = PENDING
    verified_by: str = ""
    verified_at: Millis | None = None
    dkim_started: bool = False
    feedback_forwarding: bool = True
    topics: dict[str, str] = msgspec.field(default_factory=dict)
    headers_in: list[str] = msgspec.field(default_factory=list)
    default_configuration_set: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def verified(self) -> bool:
        return self.status == SUCCESS

    @property
    def is_domain(self) -> bool:
        return is_domain_name(self.name)

    @property
    def dkim_status(self) -> str:
        return PENDING if self.dkim_started else NOT_STARTED


class Filter(NamedTuple):
    """What a list is narrowed by; an empty value narrows nothing."""

    domains: bool | None = None
    status: str = ""
    contains: str = ""

    def fits(self, identity: Identity) -> bool:
        return (
            self.domains in (None, identity.is_domain)
            and self.status in ("", identity.status)
            and self.contains.lower() in identity.name.lower()
        )


class Page(NamedTuple):
    identities: list[Identity]
    next_token: str | None


_read = msgspec.json.Decoder(Identity).decode


def get(scope: Scope, name: str) -> Plan[Identity | None]:
    """Return an identity by any spelling of its name, or None."""
    noun = yield from nouns.get(scope, KIND, canonical(name))
    return _read(noun.document) if noun else None


def existing(scope: Scope, name: str) -> Plan[Identity]:
    """Return an identity, or raise IdentityMissing."""
    identity = yield from get(scope, name)
    if identity is None:
        raise _missing(name)
    return identity


def asked_for(scope: Scope, names: list[str]) -> Plan[dict[str, Identity]]:
    """Return those that exist, by the names that they were asked by."""
    if len(names) > MOST_ASKED:
        raise Invalid(f"At most {MOST_ASKED} identities can be asked for at a time.")
    found = yield from nouns.get_many(scope, KIND, [canonical(name) for name in names])
    by_name = {noun.name: _read(noun.document) for noun in found}
    return {name: by_name[canonical(name)] for name in names if canonical(name) in by_name}


def list_page(scope: Scope, wanted: Filter, token: str | None, size: int | None) -> Plan[Page]:
    def fits(noun: Noun) -> bool:
        return wanted.fits(_read(noun.document))

    page = yield from pages.page_of(scope, KIND, token, size, fits)
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def verified_addresses(scope: Scope) -> Plan[list[str]]:
    names: list[str] = []
    token: str | None = None
    while True:
        page = yield from list_page(scope, Filter(domains=False, status=SUCCESS), token, None)
        names += [identity.name for identity in page.identities]
        token = page.next_token
        if token is None:
            return names


def create(
    scope: Scope,
    name: str,
    now: Millis,
    *,
    verify_at_once: bool,
    tag_pairs: Iterable[tuple[str, str]] = (),
    configuration_set: str | None = None,
) -> Plan[Identity]:
    """Create an identity with Easy DKIM set up for a domain; IdentityExists when it is there (v2)."""
    identity = msgspec.structs.replace(
        _new(checked(name)),
        dkim_started=is_domain_name(name),
        tags=tags.checked(tag_pairs),
        default_configuration_set=configuration_set,
    )
    if configuration_set is not None:
        yield from configuration_sets.existing(scope, configuration_set)
    if verify_at_once:
        identity = _verified(identity, DEV_MODE, now)
    if not (yield from _insert(scope, identity, now)):
        raise IdentityExists(f"Email identity {name} already exist.")
    return identity


def verify_address(scope: Scope, address: str, now: Millis, verify_at_once: bool) -> Plan[Identity]:
    """Create the identity of an address, or start its verification again (v1)."""
    return (yield from _ensure(scope, checked_address(address), _at_once(verify_at_once, now), now))


def verify_domain(scope: Scope, domain: str, now: Millis, verify_at_once: bool) -> Plan[Identity]:
    """Create the identity of a domain; asked again, it has the same token (v1)."""
    return (yield from _ensure(scope, checked_domain(domain), _at_once(verify_at_once, now), now))


def verify_domain_dkim(scope: Scope, domain: str, now: Millis, verify_at_once: bool) -> Plan[Identity]:
    """Set Easy DKIM up for a domain, whose identity is created when it is not there (v1)."""

    def start(identity: Identity) -> Identity:
        return msgspec.structs.replace(_at_once(verify_at_once, now)(identity), dkim_started=True)

    return (yield from _ensure(scope, checked_domain(domain), start, now))


def vouch(scope: Scope, name: str, now: Millis) -> Plan[Identity]:
    """Verify an identity on the operator's word, and create it when it is not there."""

    def verify(identity: Identity) -> Identity:
        return identity if identity.verified else _verified(identity, OPERATOR, now)

    return (yield from _ensure(scope, checked(name), verify, now))


def delete(scope: Scope, name: str) -> Plan[bool]:
    """Delete an identity and say whether there was one (v1 does not mind)."""
    return (yield from nouns.delete(scope, KIND, canonical(name)))


def delete_existing(scope: Scope, name: str) -> Plan[None]:
    """Delete an identity, or raise IdentityMissing (v2)."""
    if not (yield from delete(scope, name)):
        raise _missing(name)


def set_topic(scope: Scope, name: str, notification_type: str, topic_arn: str | None, now: Millis) -> Plan[None]:
    """Publish one type of notification to a topic, or with None no longer."""
    if topic_arn is not None:
        yield from check_topic(scope, topic_arn)

    def edit(identity: Identity) -> Identity:
        others = {kind: arn for kind, arn in identity.topics.items() if kind != notification_type}
        return msgspec.structs.replace(identity, topics=others | ({notification_type: topic_arn} if topic_arn else {}))

    yield from _change(scope, name, edit, now)


def set_headers(scope: Scope, name: str, notification_type: str, included: bool, now: Millis) -> Plan[None]:
    """Include the original headers in one type of notification, or leave them out."""

    def edit(identity: Identity) -> Identity:
        kinds = {*identity.headers_in} - {notification_type} | ({notification_type} if included else set())
        return msgspec.structs.replace(identity, headers_in=sorted(kinds))

    yield from _change(scope, name, edit, now)


def set_feedback_forwarding(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """Switch the forwarding of feedback by mail (v2 asks for no topics in its place)."""
    yield from _change(scope, name, lambda one: msgspec.structs.replace(one, feedback_forwarding=enabled), now)


def set_feedback_forwarding_or_topics(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """The same, but off only where topics take both bounces and complaints (v1)."""

    def edit(identity: Identity) -> Identity:
        if not enabled and not {"Bounce", "Complaint"} <= identity.topics.keys():
            raise Invalid(
                f"Feedback forwarding of identity {name} can be disabled only when Amazon SNS topics are set for "
                "both bounce and complaint notifications."
            )
        return msgspec.structs.replace(identity, feedback_forwarding=enabled)

    yield from _change(scope, name, edit, now)


def set_configuration_set(scope: Scope, name: str, configuration_set: str | None, now: Millis) -> Plan[None]:
    """Use a configuration set for mail that names none, or with None no longer."""
    if configuration_set is not None:
        yield from configuration_sets.existing(scope, configuration_set)
    yield from _change(
        scope, name, lambda one: msgspec.structs.replace(one, default_configuration_set=configuration_set), now
    )


def _ensure(scope: Scope, name: str, edit: Callable[[Identity], Identity], now: Millis) -> Plan[Identity]:
    """Change an identity, which is created first when it is not there."""
    yield from _insert(scope, _new(name), now)
    return (yield from _change(scope, name, edit, now))


def _insert(scope: Scope, identity: Identity, now: Millis) -> Plan[bool]:
    """Create, and say whether there was none of that name; LimitReached when there are too many."""
    if (yield from nouns.create(scope, KIND, identity.name, _write(identity), now)) is False:
        return False
    if (yield from nouns.count(scope, KIND)) > MOST_IDENTITIES:
        raise LimitReached(f"You have reached the maximum of {MOST_IDENTITIES} identities in this region.")
    return True


def _change(scope: Scope, name: str, edit: Callable[[Identity], Identity], now: Millis) -> Plan[Identity]:
    changed: list[Identity] = []

    def edit_document(document: str) -> str:
        changed.append(edit(_read(document)))
        return _write(changed[0])

    if not (yield from nouns.change(scope, KIND, canonical(name), edit_document, now)):
        raise _missing(name)
    return changed[0]


def _at_once(verify_at_once: bool, now: Millis) -> Callable[[Identity], Identity]:
    def verify(identity: Identity) -> Identity:
        return _verified(identity, DEV_MODE, now) if verify_at_once and not identity.verified else identity

    return verify


def _verified(identity: Identity, by: str, now: Millis) -> Identity:
    return msgspec.structs.replace(identity, status=SUCCESS, verified_by=by, verified_at=now)


def _new(name: str) -> Identity:
    return Identity(name, _verification_token(), [_dkim_token() for _ in range(3)])


def _verification_token() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _dkim_token() -> str:
    return base64.b32encode(os.urandom(20)).decode().lower()


def _write(identity: Identity) -> str:
    return msgspec.json.encode(identity).decode()


def _missing(name: str) -> IdentityMissing:
    return IdentityMissing(f"Identity {name} does not exist.")
