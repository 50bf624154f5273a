"""Identities: the domains and addresses that an account may send from.

Plans. v1 and v2 are two spellings of what stands here. An identity is pending
until something vouches for it: the DNS of a domain, a mail to an address, the
operator, or dev mode, which verifies at once. Called by api/, sending (is the
sender verified?), destinations (the topics), upkeep (the DNS) and operate.
"""

import base64
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identity_queue, pages, tags, tenant_resources, verification
from pillarbox.resources.identity_names import canonical, checked, checked_address, checked_domain
from pillarbox.resources.identity_names import is_domain as is_domain_name
from pillarbox.resources.notification_topics import check_topic
from pillarbox.resources.verification import FAILED, SUCCESS, Verification
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

KIND = "identity"
MOST_IDENTITIES = 10_000
MOST_ASKED = 100
NOTIFICATION_TYPES = ("Bounce", "Complaint", "Delivery")
OPERATOR, DEV_MODE, DNS = "operator", "dev mode", "dns"
EASY, EXTERNAL = "AWS_SES", "EXTERNAL"
RSA_2048 = "RSA_2048_BIT"
USE_DEFAULT, REJECT = "UseDefaultValue", "RejectMessage"
# Documents that belong to an identity (it is their parent) and go with it.
DKIM_KEY = "dkim-key"
POLICY = "identity-policy"
_OWNED = (DKIM_KEY, POLICY)


class IdentityExists(Duplicate):
    """The account has that identity already."""


class IdentityMissing(NotFound):
    """The account has no such identity in this region."""


class Dkim(msgspec.Struct, frozen=True):
    """How the mail of an identity is signed.

    `tokens` are the selectors of Easy DKIM, `selector` that of a key of the owner's own (origin EXTERNAL).
    `enabled` is what the owner has said, or None. An address has no keys: it signs as its domain, unless told not to.
    """

    tokens: list[str] = msgspec.field(default_factory=list)
    verification: Verification = Verification()
    enabled: bool | None = None
    origin: str = EASY
    selector: str = ""
    next_length: str = RSA_2048
    length_set_at: Millis | None = None
    current_length: str | None = None
    key_made_at: Millis | None = None

    @property
    def started(self) -> bool:
        return self.verification.status != verification.NOT_STARTED

    @property
    def is_enabled(self) -> bool:
        return self.started if self.enabled is None else self.enabled

    @property
    def signs(self) -> bool:
        return self.is_enabled and self.verification.holds

    @property
    def selectors(self) -> list[str]:
        """The tokens that the API shows."""
        return ([self.selector] if self.origin == EXTERNAL else self.tokens) if self.started else []


class MailFrom(msgspec.Struct, frozen=True):
    """The domain in the envelope of an identity's mail, and what happens while its MX record is not there."""

    domain: str
    on_mx_failure: str = USE_DEFAULT
    verification: Verification = Verification()


class Identity(msgspec.Struct, frozen=True):
    """One identity. `topics` are ARNs by notification type; a type without one is not published.

    `headers_in` are the notification types that carry the original headers;
    `verified_by` says who vouched (OPERATOR, DEV_MODE, DNS or the one who confirmed);
    `look_at` is when to look at its DNS the next time, or None.
    """

    name: str
    verification_token: str
    verification: Verification
    dkim: Dkim = Dkim()
    mail_from: MailFrom | None = None
    verified_by: str = ""
    look_at: Millis | None = None
    feedback_forwarding: bool = True
    topics: dict[str, str] = msgspec.field(default_factory=dict)
    headers_in: list[str] = msgspec.field(default_factory=list)
    default_configuration_set: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def status(self) -> str:
        return self.verification.status

    @property
    def verified(self) -> bool:
        return self.verification.holds

    @property
    def verified_at(self) -> Millis | None:
        return self.verification.succeeded_at

    @property
    def is_domain(self) -> bool:
        return is_domain_name(self.name)


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


def created_at(scope: Scope, name: str) -> Plan[Millis | None]:
    noun = yield from nouns.get(scope, KIND, canonical(name))
    return noun.created_at if noun else None


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


def containing(text: str) -> Plan[list[Identity]]:
    """Return the identities of every account in whose settings a text stands; looks at all of them."""
    return [_read(document) for document in (yield from nouns.documents_with(KIND, text))]


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
    """Create an identity; IdentityExists when it is there (v2)."""
    identity = msgspec.structs.replace(
        _new(checked(name), now),
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
    return (yield from ensure(scope, checked_address(address), _searching(verify_at_once, now), now))


def verify_domain(scope: Scope, domain: str, now: Millis, verify_at_once: bool) -> Plan[Identity]:
    """Create the identity of a domain; asked again, it has the same token and is searched for anew (v1)."""
    return (yield from ensure(scope, checked_domain(domain), _searching(verify_at_once, now), now))


def vouch(scope: Scope, name: str, now: Millis) -> Plan[Identity]:
    """Verify an identity on the operator's word, and create it when it is not there."""

    def verify(identity: Identity) -> Identity:
        return identity if identity.verified else _verified(identity, OPERATOR, now)

    return (yield from ensure(scope, checked(name), verify, now))


def mark_verified(scope: Scope, name: str, by: str, now: Millis) -> Plan[Identity]:
    """Verify an identity that is there, on the word of `by`; IdentityMissing when it has gone meanwhile."""
    return (yield from change(scope, name, lambda identity: _verified(identity, by, now), now))


def mark_failed(scope: Scope, name: str, now: Millis) -> Plan[Identity]:
    """End a verification that nobody confirmed; one that is verified meanwhile stays so."""

    def fail(identity: Identity) -> Identity:
        if identity.verified:
            return identity
        ended = msgspec.structs.replace(identity.verification, status=FAILED)
        return msgspec.structs.replace(identity, verification=ended)

    return (yield from change(scope, name, fail, now))


def look_now(scope: Scope, name: str, now: Millis) -> Plan[None]:
    """Let the DNS of an identity be looked at at once, if something is still searched for."""

    def hurry(identity: Identity) -> Identity:
        mail_from = identity.mail_from
        lives = [identity.verification, identity.dkim.verification, *([mail_from.verification] if mail_from else [])]
        is_searched_for = any(life.is_searched_for for life in lives)
        return msgspec.structs.replace(identity, look_at=now) if is_searched_for and identity.look_at else identity

    yield from change(scope, name, hurry, now)


def delete(scope: Scope, name: str) -> Plan[bool]:
    """Delete an identity with all that belongs to it, and say whether there was one (v1 does not mind)."""
    identity = yield from get(scope, name)
    if identity is None:
        return False
    yield from tenant_resources.check_unused(scope, tenant_resources.IDENTITY, identity.name)
    for kind in _OWNED:
        yield from nouns.delete_children(scope, kind, identity.name)
    yield from identity_queue.move(scope, identity.name, identity.look_at, None, 0)
    return (yield from nouns.delete(scope, KIND, identity.name))


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

    yield from change(scope, name, edit, now)


def set_headers(scope: Scope, name: str, notification_type: str, included: bool, now: Millis) -> Plan[None]:
    """Include the original headers in one type of notification, or leave them out."""

    def edit(identity: Identity) -> Identity:
        kinds = {*identity.headers_in} - {notification_type} | ({notification_type} if included else set())
        return msgspec.structs.replace(identity, headers_in=sorted(kinds))

    yield from change(scope, name, edit, now)


def set_feedback_forwarding(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """Switch the forwarding of feedback by mail (v2 asks for no topics in its place)."""
    yield from change(scope, name, lambda one: msgspec.structs.replace(one, feedback_forwarding=enabled), now)


def set_feedback_forwarding_or_topics(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """The same, but off only where topics take both bounces and complaints (v1)."""

    def edit(identity: Identity) -> Identity:
        if not enabled and not {"Bounce", "Complaint"} <= identity.topics.keys():
            raise Invalid(
                f"Feedback forwarding of identity {name} can be disabled only when Amazon SNS topics are set for "
                "both bounce and complaint notifications."
            )
        return msgspec.structs.replace(identity, feedback_forwarding=enabled)

    yield from change(scope, name, edit, now)


def set_configuration_set(scope: Scope, name: str, configuration_set: str | None, now: Millis) -> Plan[None]:
    """Use a configuration set for mail that names none, or with None no longer."""
    if configuration_set is not None:
        yield from configuration_sets.existing(scope, configuration_set)
    yield from change(
        scope, name, lambda one: msgspec.structs.replace(one, default_configuration_set=configuration_set), now
    )


def ensure(scope: Scope, name: str, edit: Callable[[Identity], Identity], now: Millis) -> Plan[Identity]:
    """Change an identity, which is created first when it is not there; `name` is one that was checked."""
    yield from _insert(scope, _new(name, now), now)
    return (yield from change(scope, name, edit, now))


def change(scope: Scope, name: str, edit: Callable[[Identity], Identity], now: Millis) -> Plan[Identity]:
    """Replace an identity by `edit(identity)` and return it; IdentityMissing when it is not there."""
    changes: list[tuple[Identity, Identity]] = []

    def edit_document(document: str) -> str:
        before = _read(document)
        changes.append((before, edit(before)))
        return _write(changes[0][1])

    if not (yield from nouns.change(scope, KIND, canonical(name), edit_document, now)):
        raise _missing(name)
    before, changed = changes[0]
    yield from identity_queue.move(scope, changed.name, before.look_at, changed.look_at, now)
    return changed


def _insert(scope: Scope, identity: Identity, now: Millis) -> Plan[bool]:
    """Create, and say whether there was none of that name; LimitReached when there are too many."""
    if (yield from nouns.create(scope, KIND, identity.name, _write(identity), now)) is False:
        return False
    if (yield from nouns.count(scope, KIND)) > MOST_IDENTITIES:
        raise LimitReached(f"You have reached the maximum of {MOST_IDENTITIES} identities in this region.")
    yield from identity_queue.move(scope, identity.name, None, identity.look_at, now)
    return True


def _searching(verify_at_once: bool, now: Millis) -> Callable[[Identity], Identity]:
    def search(identity: Identity) -> Identity:
        if identity.verified:
            return identity
        if verify_at_once:
            return _verified(identity, DEV_MODE, now)
        begun = verification.started(now)
        return msgspec.structs.replace(
            identity, verification=begun, look_at=now if identity.is_domain else identity.look_at
        )

    return search


def _verified(identity: Identity, by: str, now: Millis) -> Identity:
    return msgspec.structs.replace(identity, verification=verification.succeeded(now), verified_by=by)


def _new(name: str, now: Millis) -> Identity:
    dkim = Dkim(tokens=[_dkim_token() for _ in range(3)] if is_domain_name(name) else [])
    return Identity(name, _verification_token(), verification.started(now), dkim)


def _verification_token() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _dkim_token() -> str:
    return base64.b32encode(os.urandom(20)).decode().lower()


def _write(identity: Identity) -> str:
    return msgspec.json.encode(identity).decode()


def _missing(name: str) -> IdentityMissing:
    return IdentityMissing(f"Identity {name} does not exist.")
