"""DKIM keys: made, taken over, kept sealed, and which of them sign."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys, identities, identity_dkim
from pillarbox.resources.dkim_keys import InvalidKey, KeyMaterial, StoredKey
from pillarbox.resources.identity_dkim import Asked
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
SOMEBODY = Scope("222222222222", "us-east-1")
NOW: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})


@pytest.fixture(scope="module")
def material() -> KeyMaterial:
    return dkim_keys.make_rsa(1024)


def _stored(material: KeyMaterial) -> StoredKey:
    return dkim_keys.stored("example.com", "mail", dkim_keys.seal(HERE, "Example.com", material, KEYRING), NOW)


def _asked(material: KeyMaterial, *, at_once: bool = True) -> Asked:
    return Asked(dkim_keys.seal(HERE, "example.com", material, KEYRING), at_once)


def _base64(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: serialization.PrivateFormat) -> str:
    der = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    return base64.b64encode(der).decode()


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_key_is_taken_over_in_both_forms(form: serialization.PrivateFormat) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    taken = dkim_keys.read_given(_base64(key, form))
    assert (taken.algorithm, taken.bits) == ("rsa", 1024)
    public = serialization.load_der_public_key(base64.b64decode(taken.public))
    assert public == key.public_key()


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", base64.b64encode(b"\x30\x03\x02\x01\x00").decode()])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey, match="The private key is not valid"):
        dkim_keys.read_given(text)


def test_a_key_that_is_too_long_or_not_rsa_is_refused() -> None:
    form = serialization.PrivateFormat.PKCS8
    for key in (
        rsa.generate_private_key(public_exponent=65537, key_size=3072),
        ec.generate_private_key(ec.SECP256R1()),
    ):
        with pytest.raises(InvalidKey, match="RSA of 1024 to 2048 bits"):
            dkim_keys.read_given(_base64(key, form))


async def test_a_kept_key_signs_what_its_record_verifies(store: Store, material: KeyMaterial) -> None:
    key = _stored(material)
    await store.write(dkim_keys.put, HERE, key, NOW)

    (kept,) = await store.read(dkim_keys.of_domain, HERE, "example.com")
    private = dkim_keys.open_private(HERE, kept, KEYRING)

    assert isinstance(private, rsa.RSAPrivateKey)
    assert (kept.record_name, kept.record) == (
        "mail._domainkey.example.com",
        f"v=DKIM1; k=rsa; p={material.public}",
    )
    public = serialization.load_der_public_key(base64.b64decode(kept.public))
    assert isinstance(public, rsa.RSAPublicKey)
    signature = private.sign(b"mail", padding.PKCS1v15(), hashes.SHA256())
    public.verify(signature, b"mail", padding.PKCS1v15(), hashes.SHA256())


def test_a_key_is_bound_to_its_account_and_domain(material: KeyMaterial) -> None:
    key = _stored(material)
    with pytest.raises(Unavailable):
        dkim_keys.open_private(SOMEBODY, key, KEYRING)
    with pytest.raises(Unavailable):
        dkim_keys.open_private(HERE, msgspec.structs.replace(key, domain="example.net"), KEYRING)
    assert material.private not in key.sealed
    assert "PKCS" not in repr(material) and material.public not in repr(material)


async def test_mail_of_a_verified_domain_and_its_subdomains_is_signed(store: Store, material: KeyMaterial) -> None:
    asked = _asked(material)
    identity = await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", asked, NOW)

    for sender in ("example.com", "jo@example.com", "jo@News.Example.com"):
        (key,) = await store.read(dkim_keys.signing_keys, HERE, sender)
        assert (key.domain, key.selector) == ("example.com", identity.dkim.tokens[0])
    assert await store.read(dkim_keys.signing_keys, HERE, "jo@example.net") == []
    assert await store.read(dkim_keys.signing_keys, SOMEBODY, "jo@example.com") == []


async def test_mail_is_not_signed_before_dkim_is_verified(store: Store, material: KeyMaterial) -> None:
    asked = _asked(material, at_once=False)
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", asked, NOW)
    await store.write(identities.vouch, HERE, "example.com", NOW)
    assert await store.read(dkim_keys.signing_keys, HERE, "jo@example.com") == []


async def test_dkim_that_is_switched_off_signs_nothing(store: Store, material: KeyMaterial) -> None:
    asked = _asked(material)
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", asked, NOW)
    await store.write(identities.vouch, HERE, "jo@example.com", NOW)

    await store.write(identity_dkim.set_enabled, HERE, "jo@example.com", False, NOW)
    assert await store.read(dkim_keys.signing_keys, HERE, "jo@example.com") == []
    assert len(await store.read(dkim_keys.signing_keys, HERE, "al@example.com")) == 1

    await store.write(identity_dkim.set_enabled, HERE, "example.com", False, NOW)
    assert await store.read(dkim_keys.signing_keys, HERE, "al@example.com") == []


async def test_keys_go_with_their_identity(store: Store, material: KeyMaterial) -> None:
    asked = _asked(material)
    await store.write(identity_dkim.verify_domain_dkim, HERE, "example.com", asked, NOW)
    await store.write(identities.delete, HERE, "example.com")
    assert await store.read(dkim_keys.of_domain, HERE, "example.com") == []
