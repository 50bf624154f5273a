"""What is signed verifies against the certificate that we serve."""

import asyncio
import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.metrics import REGISTRY
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub.signing import Signer
from pillarbox.store import secrets as stored
from pillarbox.store.sqlite import SqliteStore

NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})


def verify(signer: Signer, text: str, signature: str, algorithm: hashes.HashAlgorithm) -> None:
    key = x509.load_pem_x509_certificate(signer.certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(signature, validate=True), text.encode(), padding.PKCS1v15(), algorithm)


async def test_both_versions_verify(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    signer = await Signer.load(store, KEYRING, "https://box.example/", NOON)
    for version, algorithm in (("1", hashes.SHA1()), ("2", hashes.SHA256())):
        signed = await signer.sign("Message\nGrüße\n", version)
        assert signed.version == version
        verify(signer, "Message\nGrüße\n", signed.signature, algorithm)
        with pytest.raises(InvalidSignature):
            verify(signer, "Message\nGrüsse\n", signed.signature, algorithm)
    assert (await signer.sign("x", "1")).certificate_url == f"https://box.example{signer.certificate_path}"
    signer.close()
    await store.close()


async def test_the_key_is_made_once_and_kept_sealed(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    first, second = await asyncio.gather(*(Signer.load(store, KEYRING, "https://box.example", NOON) for _ in range(2)))
    third = await Signer.load(store, KEYRING, "https://other.example", NOON)
    assert first.certificate == second.certificate == third.certificate
    assert first.certificate_path == third.certificate_path
    sealed = await store.read(stored.get, "sns signing key")
    assert sealed is not None
    assert b"PRIVATE KEY" not in sealed
    with pytest.raises(Unavailable):
        await Signer.load(store, Keyring({"1": b"x" * 32}), "https://box.example", NOON)
    for signer in (first, second, third):
        signer.close()
    await store.close()


async def test_the_certificate_has_the_name_that_verifiers_expect_and_no_secrets(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    signer = await Signer.load(store, KEYRING, "https://box.example", NOON)
    prefix, _, name = signer.certificate_path.partition("-")
    assert prefix == "/SimpleNotificationService"
    assert name.endswith(".pem")
    assert len(bytes.fromhex(name.removesuffix(".pem"))) == 16
    assert signer.certificate.startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"PRIVATE" not in signer.certificate
    certificate = x509.load_pem_x509_certificate(signer.certificate)
    assert certificate.not_valid_before_utc.timestamp() * 1000 < NOON
    assert certificate.public_key().key_size == 2048  # type: ignore[union-attr]
    signer.close()
    await store.close()


async def test_those_who_need_the_same_signature_share_it(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    signer = await Signer.load(store, KEYRING, "https://box.example", NOON)
    before = REGISTRY.get_sample_value("pillarbox_notification_signatures_total") or 0
    made = await asyncio.gather(*(signer.sign("the same", "1") for _ in range(5)), signer.sign("other", "1"))
    assert len({signed.signature for signed in made}) == 2
    assert REGISTRY.get_sample_value("pillarbox_notification_signatures_total") == before + 2
    waiting = asyncio.create_task(signer.sign("one more", "2"))
    await asyncio.sleep(0)
    waiting.cancel()  # takes nothing from who comes after
    verify(signer, "one more", (await signer.sign("one more", "2")).signature, hashes.SHA256())
    signer.close()
    await store.close()
