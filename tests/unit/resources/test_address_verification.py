"""Links to confirm an address: what they say, for how long, and what is given up."""

import base64

import msgspec
import pytest

from pillarbox.kit.clock import HOUR, Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import address_verification, identities
from pillarbox.resources.address_verification import Link, LinkState, open_link, seal
from pillarbox.resources.identities import Identity
from pillarbox.store.engine import Store

NOON: Millis = 1_800_014_400_000
SCOPE = Scope("123456789012", "eu-west-1")
JANE = "jane@example.com"
KEYRING = Keyring({"1": bytes(32)})
LINK = Link(*SCOPE, JANE, NOON, "welcome")


async def waiting(store: Store, now: Millis = NOON) -> Identity:
    identity = await store.write(identities.verify_address, SCOPE, JANE, now, False)
    await store.write(address_verification.wait, SCOPE, identity, now)
    return identity


async def status(store: Store) -> str:
    return (await store.read(identities.existing, SCOPE, JANE)).status


def test_a_sealed_link_opens_to_what_it_said_and_shows_nothing() -> None:
    sealed = seal(LINK, KEYRING)
    assert open_link(sealed, KEYRING) == LINK
    assert seal(LINK, KEYRING) != sealed
    assert "=" not in sealed


def test_a_link_that_another_server_sealed_is_none() -> None:
    sealed = seal(LINK, Keyring({"2": bytes(32)}))
    assert open_link(sealed, KEYRING) is None
    assert open_link(seal(LINK, Keyring({"1": b"x" * 32})), KEYRING) is None


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_link_with_one_other_character_is_none(place: int) -> None:
    sealed = seal(LINK, KEYRING)
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    assert open_link(changed, KEYRING) is None


def test_what_was_sealed_for_something_else_is_no_link() -> None:

    sealed = KEYRING.seal(msgspec.msgpack.encode(LINK), "something else")
    assert open_link(base64.urlsafe_b64encode(sealed).decode(), KEYRING) is None


@pytest.mark.parametrize("text", ["", "A", "AA", "?", "é", "/../", "A" * 1_000, "%41"])
def test_what_is_no_link_is_none(text: str) -> None:
    assert open_link(text, KEYRING) is None


async def test_a_link_is_open_for_24_hours(store: Store) -> None:
    await waiting(store)
    link = Link(*SCOPE, JANE, NOON)
    assert await store.read(address_verification.look, link, NOON) is LinkState.OPEN
    assert await store.read(address_verification.look, link, NOON + 24 * HOUR - 1) is LinkState.OPEN
    assert await store.read(address_verification.look, link, NOON + 24 * HOUR) is LinkState.EXPIRED
    assert await store.write(address_verification.confirm, link, NOON + 24 * HOUR) is LinkState.EXPIRED
    assert await status(store) == "Pending"


async def test_a_link_verifies_once_and_only_its_identity(store: Store) -> None:
    await waiting(store)
    link = Link(*SCOPE, JANE, NOON)
    assert await store.read(address_verification.look, link, NOON) is LinkState.OPEN
    assert await status(store) == "Pending"
    assert await store.write(address_verification.confirm, link, NOON) is LinkState.OPEN
    verified = await store.read(identities.existing, SCOPE, JANE)
    assert (verified.status, verified.verified_by, verified.verified_at) == ("Success", "confirmation mail", NOON)
    assert await store.write(address_verification.confirm, link, NOON + 1) is LinkState.CONFIRMED

    await store.write(identities.delete, SCOPE, JANE)
    assert await store.write(address_verification.confirm, link, NOON + 2) is LinkState.VOID
    await waiting(store, NOON + 3)
    assert await store.write(address_verification.confirm, link, NOON + 4) is LinkState.VOID
    assert await status(store) == "Pending"


async def test_an_address_that_nobody_confirms_has_failed_after_24_hours(store: Store) -> None:
    await waiting(store)
    assert await store.write(address_verification.give_up, NOON + 24 * HOUR - 1, 10) is False
    assert await status(store) == "Pending"
    assert await store.write(address_verification.give_up, NOON + 24 * HOUR, 1) is True
    assert await status(store) == "Failed"
    assert await store.write(address_verification.give_up, NOON + 24 * HOUR, 1) is False


async def test_asked_again_an_address_has_24_hours_more(store: Store) -> None:
    await waiting(store)
    older = Link(*SCOPE, JANE, NOON)
    await waiting(store, NOON + 20 * HOUR)
    await store.write(address_verification.give_up, NOON + 24 * HOUR, 10)
    assert await status(store) == "Pending"
    assert await store.read(address_verification.look, older, NOON + 24 * HOUR) is LinkState.EXPIRED
    await store.write(address_verification.give_up, NOON + 44 * HOUR, 10)
    assert await status(store) == "Failed"
    await waiting(store, NOON + 50 * HOUR)
    assert await status(store) == "Pending"


async def test_a_verified_or_deleted_address_is_not_given_up(store: Store) -> None:
    await waiting(store)
    await store.write(address_verification.confirm, Link(*SCOPE, JANE, NOON), NOON)
    await store.write(address_verification.give_up, NOON + 48 * HOUR, 10)
    assert await status(store) == "Success"
    await store.write(identities.delete, SCOPE, JANE)
    await waiting(store, NOON + 50 * HOUR)
    await store.write(identities.delete, SCOPE, JANE)
    assert await store.write(address_verification.give_up, NOON + 90 * HOUR, 10) is False
