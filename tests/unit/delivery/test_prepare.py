"""What leaves is signed by whom it is from, and its bounces come back to us."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from pillarbox.delivery.lanes import Hop
from pillarbox.delivery.outcome import Delivered, Outcome
from pillarbox.delivery.prepare import KeyNotOpened, Prepared, Preparer, Site
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transform.dkim import SigningKey
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.verp import EVERYONE, Returned
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import SECOND
from pillarbox.kit.headers import list_headers
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys, identities, identity_mail_from, service_key
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.resources.identity_mail_from import Asked
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from tests.support.clock import NOON, StandingClock
from tests.support.dkim import verifies, zone_of
from tests.support.preparer import KEYRING, RETURN_PATHS, SITE, key_of, preparer_of
from tests.support.promises import SCOPE, draft, promise

PROMISE = promise(draft("a@example.net", "b@example.net"), NOON)
SERVICE_KEY = key_of(service_key.SCOPE, "mail.example.org", "pillarbox")


class Sink:
    """Takes all mail."""

    name = "smtp"

    def __init__(self) -> None:
        self.taken: list[Attempt] = []

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        self.taken.append(attempt)
        return dict.fromkeys(attempt.recipients, Delivered("250 ok"))


async def has_service_key(store: Store) -> None:
    await store.write(service_key.change, SITE.service_domain, lambda _: [SERVICE_KEY], NOON)


async def signing(store: Store, scope: Scope, domain: str, selector: str) -> StoredKey:
    """Let a domain sign with a key of its own, verified."""
    key = key_of(scope, domain, selector)
    await store.write(identities.verify_domain, scope, domain, NOON, True)
    await store.write(dkim_keys.put, scope, key, NOON)
    await store.write(identities.change, scope, domain, _signs, NOON)
    return key


def _signs(identity: identities.Identity) -> identities.Identity:
    return replace(identity, dkim=replace(identity.dkim, verification=identity.verification))


async def mail_from(store: Store, domain: str, at_once: bool) -> None:
    await store.write(identities.verify_domain, SCOPE, "example.com", NOON, True)
    asked = Asked(domain, None, "mail.example.org", at_once)
    await store.write(identity_mail_from.set_domain, SCOPE, "example.com", asked, NOON)


async def prepared(preparer: Preparer, made: Promise = PROMISE, *recipients: str) -> Prepared:
    return await preparer.prepare(made.message, made.body, recipients or ("a@example.net", "b@example.net"))


def signers(data: bytes) -> list[str]:
    signatures = [value for name, value in list_headers(data) if name == "DKIM-Signature"]
    return [value.partition(" d=")[2].partition(";")[0] for value in signatures]


def opened(scope: Scope, key: StoredKey) -> SigningKey:
    return SigningKey(key.domain, key.selector, dkim_keys.open_private(scope, key, KEYRING))


async def test_the_domain_of_the_sender_signs(store: Store) -> None:
    key = await signing(store, SCOPE, "example.com", "s1")
    await has_service_key(store)
    left = await prepared(preparer_of(store, StandingClock()))

    assert signers(left.data) == ["example.com"]
    assert verifies(left.data, zone_of(opened(SCOPE, key)))


async def test_where_it_has_no_key_the_service_signs(store: Store) -> None:
    await signing(store, Scope(SCOPE.account, "eu-west-1"), "example.com", "s1")
    await signing(store, SCOPE, "another.example", "s1")
    await has_service_key(store)
    left = await prepared(preparer_of(store, StandingClock()))

    assert signers(left.data) == ["mail.example.org"]
    assert verifies(left.data, zone_of(opened(service_key.SCOPE, SERVICE_KEY)))


async def test_both_sign_when_asked_to_and_the_sender_first(store: Store) -> None:
    key = await signing(store, SCOPE, "example.com", "s1")
    await has_service_key(store)
    left = await prepared(preparer_of(store, StandingClock(), signs_twice=True))

    zone = zone_of(opened(SCOPE, key), opened(service_key.SCOPE, SERVICE_KEY))
    assert signers(left.data) == ["example.com", "mail.example.org"]
    assert verifies(left.data, zone, 0) and verifies(left.data, zone, 1)


async def test_nobody_signs_when_nobody_has_a_key(store: Store) -> None:
    assert signers((await prepared(preparer_of(store, StandingClock()))).data) == []


async def test_a_key_that_is_changed_is_used_within_a_second(store: Store) -> None:
    await signing(store, SCOPE, "example.com", "s1")
    clock = StandingClock()
    preparer = preparer_of(store, clock)
    first = await prepared(preparer)
    second_key = key_of(SCOPE, "example.com", "s1")
    await store.write(dkim_keys.put, SCOPE, second_key, NOON)
    clock.at += SECOND
    second = await prepared(preparer)

    zone = zone_of(opened(SCOPE, second_key))
    assert verifies(second.data, zone) and not verifies(first.data, zone)


async def test_mail_does_not_leave_unsigned_when_its_key_cannot_be_opened(store: Store) -> None:
    await signing(store, SCOPE, "example.com", "s1")
    preparer = Preparer(store, Keyring({"1": b"x" * 32}), StandingClock(), SITE, RETURN_PATHS)
    for _ in range(2):
        with pytest.raises(KeyNotOpened, match=r"^the DKIM key s1\._domainkey\.example\.com cannot be opened$"):
            await prepared(preparer)


async def test_the_same_attempt_twice_is_the_same_mail(store: Store) -> None:
    await signing(store, SCOPE, "example.com", "s1")
    clock = StandingClock()
    first = await prepared(preparer_of(store, clock))
    clock.at += 3_600_000
    assert await prepared(preparer_of(store, clock)) == first


@pytest.mark.parametrize(
    ("recipients", "number"),
    [(("a@example.net",), 0), (("b@example.net",), 1), (("a@example.net", "b@example.net"), EVERYONE)],
)
async def test_bounces_come_back_with_the_number_of_the_recipient(
    store: Store, recipients: tuple[str, ...], number: int
) -> None:
    left = await prepared(preparer_of(store, StandingClock()), PROMISE, *recipients)
    local_part, _, domain = left.sender.partition("@")

    assert domain == "mail.example.org"
    assert RETURN_PATHS.read(local_part) == Returned(PROMISE.message.message_id, number)


@pytest.mark.parametrize(("at_once", "domain"), [(True, "bounce.example.com"), (False, "mail.example.org")])
async def test_bounces_go_to_the_mail_from_domain_once_it_is_verified(store: Store, at_once: bool, domain: str) -> None:
    await mail_from(store, "bounce.example.com", at_once)
    left = await prepared(preparer_of(store, StandingClock()))
    assert left.sender.endswith(f"@{domain}")


async def test_the_servers_own_keys_are_kept(store: Store) -> None:
    clock = StandingClock()
    first = await prepared(await Preparer.load(store, KEYRING, clock, SITE, signs_twice=False))
    again = await prepared(await Preparer.load(store, KEYRING, clock, SITE, signs_twice=False))

    assert signers(first.data) == ["mail.example.org"]
    assert first == again
    (key,) = await service_key.load(store, KEYRING, "mail.example.org", NOON)
    assert verifies(first.data, zone_of(opened(service_key.SCOPE, key)))
    assert key.record.startswith("v=DKIM1; k=rsa; p=") and key.record_name.endswith("._domainkey.mail.example.org")


async def test_a_server_without_a_domain_of_its_own_has_no_key(store: Store) -> None:
    site = Site("pillarbox.localhost", "mta.pillarbox.localhost")
    left = await prepared(await Preparer.load(store, KEYRING, StandingClock(), site, signs_twice=True))
    assert signers(left.data) == []


async def test_mail_whose_key_cannot_be_opened_waits_says_why_and_leaves_signed(store: Store) -> None:
    await signing(store, SCOPE, "example.com", "s1")
    made, clock = promise(draft("a@example.net"), NOON, routes=RouteTable([Rule("smtp")])), StandingClock()
    message_id, sink = made.message.message_id, Sink()
    assert await store.commit(keep_promises, made) is None
    locked = Preparer(store, Keyring({"1": b"x" * 32}), clock, SITE, RETURN_PATHS)
    for preparer in (locked, preparer_of(store, clock)):
        await Worker(store, {"smtp": sink}, EicarScanner(), preparer, clock).step()
        if preparer is locked:
            (row,) = await store.read(outgoing.of_message, message_id)
            assert row.why == "InternalFailure: the DKIM key s1._domainkey.example.com cannot be opened"
            clock.at = row.due_at

    (taken,) = sink.taken
    assert signers(taken.data) == ["example.com"]
    assert RETURN_PATHS.read(taken.sender.partition("@")[0]) == Returned(message_id, 0)


async def test_what_stays_here_is_not_signed(store: Store) -> None:
    await signing(store, SCOPE, "example.com", "s1")
    preparer = preparer_of(store, StandingClock())
    recipients = ("a@example.net", "b@example.net")

    kept = await preparer.prepare(PROMISE.message, PROMISE.body, recipients, Hop("capture", ""))

    assert signers(kept.data) == []
    assert signers((await preparer.prepare(PROMISE.message, PROMISE.body, recipients, Hop("smtp", ""))).data)
