"""How an identity comes to sign, and what changes that."""

import pytest
from msgspec.structs import replace

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys, identities, identity_dkim, identity_queue
from pillarbox.resources.dkim_keys import KeyMaterial
from pillarbox.resources.identities import Identity
from pillarbox.resources.identity_dkim import Asked
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
NOW: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})


@pytest.fixture(scope="module")
def material() -> KeyMaterial:
    return dkim_keys.make_rsa(1024)


def _asked(material: KeyMaterial, *, at_once: bool = False, selector: str = "") -> Asked:
    return Asked(dkim_keys.seal(HERE, "example.com", material, KEYRING), at_once, selector)


def _failed(identity: Identity) -> Identity:
    failed = replace(identity.verification, status="Failed")
    return replace(identity, verification=failed, dkim=replace(identity.dkim, verification=failed), look_at=None)


async def test_asking_again_keeps_the_key(store: Store, material: KeyMaterial) -> None:
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", _asked(material), NOW)
    (before,) = await store.read(dkim_keys.of_domain, HERE, "example.com")
    await store.write(identity_dkim.verify_domain_dkim, HERE, "Example.com", _asked(material), NOW + 1)
    assert await store.read(dkim_keys.of_domain, HERE, "example.com") == [before]


async def test_a_failed_search_begins_again_when_signing_is_set(store: Store, material: KeyMaterial) -> None:
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", _asked(material), NOW)
    await store.write(_fail, NOW)
    assert await store.read(identity_queue.first, 9) == []

    found = await store.write(identity_dkim.set_signing, HERE, "example.com", _asked(material), None, NOW + DAY)

    assert (found.dkim.verification.status, found.dkim.verification.since) == ("Pending", NOW + DAY)
    assert [entry.at for entry in await store.read(identity_queue.first, 9)] == [NOW + DAY]


def _fail(now: Millis):  # type: ignore[no-untyped-def]
    yield from identities.change(HERE, "example.com", _failed, now)


async def test_a_key_of_ones_own_takes_the_place_of_all_others(store: Store, material: KeyMaterial) -> None:
    easy = await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", _asked(material), NOW)
    own = await store.write(
        identity_dkim.set_signing, HERE, "example.com", _asked(material, selector="mine"), None, NOW
    )
    assert (own.dkim.selectors, own.dkim.origin, own.dkim.tokens) == (["mine"], "EXTERNAL", easy.dkim.tokens)
    assert [key.selector for key in await store.read(dkim_keys.of_domain, HERE, "example.com")] == ["mine"]


async def test_the_length_of_keys_changes_once_a_day(store: Store, material: KeyMaterial) -> None:
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", _asked(material), NOW)
    set_signing = identity_dkim.set_signing
    with pytest.raises(Invalid, match="once in 24 hours"):
        await store.write(set_signing, HERE, "example.com", _asked(material), "RSA_2048_BIT", NOW + DAY - 1)
    same = await store.write(set_signing, HERE, "example.com", _asked(material), "RSA_1024_BIT", NOW + 1)
    assert same.dkim.next_length == "RSA_1024_BIT"

    found = await store.write(set_signing, HERE, "example.com", _asked(material), "RSA_2048_BIT", NOW + DAY)

    assert (found.dkim.current_length, found.dkim.next_length) == ("RSA_1024_BIT", "RSA_2048_BIT")
    assert found.look_at == NOW + DAY  # which makes the next key


async def test_in_dev_mode_the_new_length_is_there_at_once(store: Store, material: KeyMaterial) -> None:
    at_once = _asked(material, at_once=True)
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", at_once, NOW)
    longer = _asked(dkim_keys.make_rsa(2048), at_once=True)
    found = await store.write(identity_dkim.set_signing, HERE, "example.com", longer, "RSA_2048_BIT", NOW + DAY)
    assert (found.dkim.current_length, found.look_at) == ("RSA_2048_BIT", None)
    assert [key.bits for key in await store.read(dkim_keys.signing_keys, HERE, "jo@example.com")] == [2048]


async def test_an_ed25519_key_needs_a_domain_that_signs(store: Store, material: KeyMaterial) -> None:
    await store.write(identities.vouch, HERE, "example.com", NOW)
    sealed = dkim_keys.seal(HERE, "example.com", dkim_keys.make_ed25519(), KEYRING)
    with pytest.raises(Invalid, match="DKIM is not set up"):
        await store.write(identity_dkim.add_ed25519, HERE, "example.com", sealed, True, NOW)
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", _asked(material, at_once=True), NOW)
    await store.write(identity_dkim.add_ed25519, HERE, "example.com", sealed, True, NOW)
    keys = await store.read(dkim_keys.signing_keys, HERE, "jo@example.com")
    assert sorted(key.algorithm for key in keys) == ["ed25519", "rsa"]
