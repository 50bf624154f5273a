"""The key that signs notifications, and the certificate that proves it.

Touches the store once, at the start; RSA runs in threads. Made at the first
start of a new store: several processes agree on one key because the store
keeps the first. Called by app/ (load), deliver.py (sign) and edge/http.py
(the certificate).
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from pillarbox.kit import metrics
from pillarbox.kit.clock import Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub.posts import Signed
from pillarbox.store import secrets as stored
from pillarbox.store.engine import Store

_ROW = "sns signing key"
_COMMON_NAME = "sns.pillarbox"
_LIFE = timedelta(days=20 * 365)
_THREADS = 2
_REMEMBERED = 512

SIGNATURES = metrics.counter(
    "notification_signatures_total",
    doc="RSA signatures made: one for each notification and version that some subscriber wants signed.",
)

# SHA-1 is what version 1 is, and what most consumers verify.
_HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303


class Signer:
    """Signs texts, each text and version once, off the loop.

    Give it the sealed key of the store with `load`. Never fails but by a bug.
    """

    def __init__(self, key: rsa.RSAPrivateKey, certificate: bytes, certificate_base_url: str) -> None:
        """`certificate` is PEM; consumers fetch it from `certificate_base_url` + `certificate_path`."""
        self.certificate = certificate
        name = hashlib.sha256(certificate).hexdigest()[:32]
        self.certificate_path = f"/SimpleNotificationService-{name}.pem"
        self._certificate_url = certificate_base_url.rstrip("/") + self.certificate_path
        self._key = key
        self._threads = ThreadPoolExecutor(_THREADS, "sns-signing")
        self._made: OrderedDict[tuple[str, bytes], asyncio.Future[str]] = OrderedDict()

    @classmethod
    async def load(cls, store: Store, keyring: Keyring, certificate_base_url: str, now: Millis) -> "Signer":
        """Open the store's key, or make it; Unavailable when the keyring is not the one that sealed it."""
        sealed = await store.read(stored.get, _ROW)
        if sealed is None:
            made = await asyncio.to_thread(make_key, now)
            sealed = await store.write(stored.put_if_absent, _ROW, keyring.seal(made, _ROW), now)
        pem = keyring.open(sealed, _ROW)
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        certificate = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.PEM)
        return cls(key, certificate, certificate_base_url)

    async def sign(self, text: str, version: str) -> Signed:
        """Sign what many subscribers may be told; those who ask at the same time share one signature."""
        octets = text.encode()
        place = version, hashlib.blake2b(octets, digest_size=16).digest()
        made = self._made.get(place)
        if made is None:
            loop = asyncio.get_running_loop()
            made = self._made[place] = loop.run_in_executor(self._threads, self._sign, octets, version)
            SIGNATURES.inc()
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        # Shielded, so that one who stops waiting takes nothing from the others.
        return Signed(version, await asyncio.shield(made), self._certificate_url)

    def close(self) -> None:
        self._threads.shutdown()

    def _sign(self, octets: bytes, version: str) -> str:
        return base64.b64encode(self._key.sign(octets, padding.PKCS1v15(), _HASHES[version])).decode()


def make_key(now: Millis) -> bytes:
    """Make an RSA key and a certificate for it, both in one PEM text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    begins = datetime.fromtimestamp(now // 1000, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
