"""The certificate of the SMTP ports: made once, kept sealed, or the operator's own."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from pillarbox.edge.smtp_tls import load, make_certificate
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.store import secrets
from pillarbox.store.engine import Store

NOW = 1_700_000_000_000
KEYRING = Keyring({"1": bytes(32)})
HOST = "email-smtp.mail.example"


async def test_the_certificate_is_made_once_and_kept_sealed(store: Store) -> None:
    context = await load(store, KEYRING, HOST, ("", ""), NOW)
    kept = await store.read(secrets.get, "smtp certificate")
    await load(store, KEYRING, HOST, ("", ""), NOW + 1)

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert kept is not None and b"PRIVATE KEY" not in kept
    assert await store.read(secrets.get, "smtp certificate") == kept


async def test_another_keyring_cannot_open_it(store: Store) -> None:
    await load(store, KEYRING, HOST, ("", ""), NOW)
    with pytest.raises(Unavailable):
        await load(store, Keyring({"1": bytes(31) + b"x"}), HOST, ("", ""), NOW)


async def test_an_operator_brings_a_certificate(store: Store, tmp_path: Path) -> None:
    pem = tmp_path / "own.pem"
    pem.write_bytes(make_certificate("mail.example", NOW))
    await load(store, KEYRING, HOST, (str(pem), ""), NOW)
    assert await store.read(secrets.get, "smtp certificate") is None
    with pytest.raises(OSError):
        await load(store, KEYRING, HOST, (str(tmp_path / "missing.pem"), ""), NOW)


def test_the_certificate_names_the_host_and_this_machine() -> None:
    certificate = x509.load_pem_x509_certificate(make_certificate(HOST, NOW))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST, "localhost"]
