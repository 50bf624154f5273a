"""The certificate of the SMTP door: the operator's own, or a self-signed one made at the first start.

Touches the store once, at the start, and files. Several processes agree on one
certificate because the store keeps the first. Called by app/.
"""

import asyncio
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pillarbox.kit.clock import Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.store import secrets as stored
from pillarbox.store.engine import Store

_ROW = "smtp certificate"
_LIFE = timedelta(days=20 * 365)


async def load(store: Store, keyring: Keyring, host: str, files: tuple[str, str], now: Millis) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later.

    `files` are the certificate chain and its key; when empty, the store's own certificate is used, which names
    `host`. OSError (ssl.SSLError is one) when the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Nobody needs to renegotiate, and it costs the server more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION
    certificate, key = files
    if certificate:
        # With a password OpenSSL asks nobody for one.
        await asyncio.to_thread(context.load_cert_chain, certificate, key or None, "")
        return context
    sealed = await store.read(stored.get, _ROW)
    if sealed is None:
        sealed = await store.write(stored.put_if_absent, _ROW, keyring.seal(make_certificate(host, now), _ROW), now)
    await asyncio.to_thread(_load_pem, context, keyring.open(sealed, _ROW))
    return context


def make_certificate(host: str, now: Millis) -> bytes:
    """Make a key and a certificate for `host` and this machine, both in one PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    names = [x509.DNSName(host), x509.DNSName("localhost")]
    addresses = [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    begins = datetime.fromtimestamp(now // 1000, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        # Clients that verify strictly want these from a certificate that they are told to trust.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _load_pem(context: ssl.SSLContext, pem: bytes) -> None:
    """Give a key to OpenSSL, which takes files only: encrypted, under a password that exists for this moment."""
    password = os.urandom(16).hex()
    key = serialization.load_pem_private_key(pem, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    certificate = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.PEM)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "smtp.pem"
        file.write_bytes(key + certificate)
        context.load_cert_chain(file, password=password)
