"""Whether a post comes from the SNS that it says it comes from.

Touches the network only through the getter it is given, once for each
certificate. Called by endpoint.py; pillarbox.edge uses the same steps with a
getter that does not block.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pillarbox.consumer.errors import CannotVerify, Refused, Unreadable
from pillarbox.consumer.getting import Get, https_get
from pillarbox.consumer.sns import SnsMessage
from pillarbox.consumer.times import read_time

# SNS gives an HTTPS endpoint up after an hour at most; clocks differ.
# https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
MAX_AGE = timedelta(minutes=75)
_CLOCKS_DIFFER = timedelta(minutes=15)

_AWS_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?", re.ASCII)
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem", re.ASCII)
_HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SHA-1 is what version 1 is
_PADDING = padding.PKCS1v15()

_REMEMBERED = 64
_FAILURE_SECONDS = 30.0
_FETCHES_PER_MINUTE = 30


@dataclass(frozen=True, slots=True)
class _Certificate:
    key: rsa.RSAPublicKey
    not_before: datetime
    not_after: datetime


class Verifier:
    """Verifies posts; certificates are fetched from permitted hosts only, and remembered.

    Permitted are the hosts of AWS (`sns.REGION.amazonaws.com`, `.com.cn`) and `hosts`, each `name` or `name:port`;
    always over https. Raises Refused for what is forged, altered or too old, and CannotVerify when a certificate
    cannot be had now. Threads may share one.
    """

    def __init__(
        self,
        *,
        hosts: Iterable[str] = (),
        max_age: timedelta = MAX_AGE,
        get: Get = https_get,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._max_age = max_age
        self._get = get
        self._now = now
        self._certificates: OrderedDict[str, _Certificate] = OrderedDict()
        self._failed: dict[str, float] = {}
        self._fetches: list[float] = []

    def verify(self, message: SnsMessage) -> None:
        """Return if the post is genuine and recent; else raise."""
        url = self.certificate_url(message)
        if not self.knows(url):
            self.note_fetch(url)
            try:
                pem = self._get(url)
            except OSError as error:
                self.note_failure(url)
                raise CannotVerify(f"the certificate {url} cannot be fetched: {error}") from None
            self.remember(url, pem)
        self.check(message, url)

    def certificate_url(self, message: SnsMessage) -> str:
        """Return where the certificate of a post is, or raise Refused when nobody may fetch it from there."""
        self._check_age(message)
        url = message.raw.get("SigningCertURL") or message.raw.get("SigningCertUrl")
        if not isinstance(url, str):
            raise Refused("the post names no certificate")
        if url in self._certificates:  # looked at when it was fetched
            return url
        if not self.permits(url) or not _CERTIFICATE_PATH.fullmatch(urlsplit(url).path) or "?" in url:
            raise Refused(f"certificates are not taken from {url[:200]!r}")
        return url

    def permits(self, url: str) -> bool:
        """Say whether this is an https URL of AWS's SNS or of a host that was given."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        if parts.scheme != "https" or "@" in parts.netloc or parts.fragment or not url.isascii():
            return False
        if port in (None, 443):
            return bool(_AWS_HOST.fullmatch(host)) or host in self._hosts or f"{host}:443" in self._hosts
        return f"{host}:{port}" in self._hosts

    def knows(self, url: str) -> bool:
        return url in self._certificates

    def note_fetch(self, url: str) -> None:
        """Count a fetch; CannotVerify when the last one failed just now, or when strangers make us fetch too often."""
        now = time.monotonic()
        if now < self._failed.get(url, 0.0):
            raise CannotVerify(f"the certificate {url} could not be fetched a moment ago")
        self._fetches = [at for at in self._fetches if at > now - 60.0]
        if len(self._fetches) >= _FETCHES_PER_MINUTE:
            raise CannotVerify("too many certificates were fetched within a minute")
        self._fetches.append(now)

    def note_failure(self, url: str) -> None:
        now = time.monotonic()
        self._failed = {known: until for known, until in self._failed.items() if until > now}
        self._failed[url] = now + _FAILURE_SECONDS

    def remember(self, url: str, pem: bytes) -> None:
        """Take a certificate that was fetched from `url`; CannotVerify when it is none."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            key = certificate.public_key()
        except ValueError:
            key = None
        if not isinstance(key, rsa.RSAPublicKey):
            self.note_failure(url)
            raise CannotVerify(f"there is no certificate of an RSA key at {url}")
        found = _Certificate(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        self._certificates[url] = found
        while len(self._certificates) > _REMEMBERED:
            self._certificates.popitem(last=False)

    def check(self, message: SnsMessage, url: str) -> None:
        """Hold the signature against the certificate that was remembered for `url`."""
        certificate = self._certificates.get(url)
        if certificate is None:
            raise CannotVerify(f"the certificate {url} is not known yet")
        if not certificate.not_before <= self._now() <= certificate.not_after:
            raise Refused(f"the certificate {url} is not valid at this time")
        algorithm = _HASHES.get(str(message.raw.get("SignatureVersion")))
        if algorithm is None:
            raise Refused(f"no signature version {str(message.raw.get('SignatureVersion'))[:20]!r} is known")
        try:
            signature = binascii.a2b_base64(str(message.raw.get("Signature", "")), strict_mode=True)
            certificate.key.verify(signature, message.string_to_sign(), _PADDING, algorithm)
        except (InvalidSignature, binascii.Error, ValueError):
            raise Refused("the signature does not belong to this post") from None

    def _check_age(self, message: SnsMessage) -> None:
        try:
            at = read_time(message.timestamp, "Timestamp")
        except Unreadable as error:
            raise Refused(str(error)) from None
        now = self._now()
        if at < now - self._max_age:
            raise Refused(f"the post was made at {message.timestamp}, longer ago than is taken")
        if at > now + _CLOCKS_DIFFER:
            raise Refused(f"the post was made at {message.timestamp}, which is in the future")
