"""An SNS that tests make: its own key and certificate, posts signed with it, and what can be wrong with them."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

DATA = Path(__file__).parents[1] / "data" / "upstream"
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"

# https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}


def sample(name: str) -> dict[str, Any]:
    """Return one of the documented events."""
    event: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return event


class FarSns:
    """Signs posts. `fetched` lists the URLs that `get`, its getter, was asked for."""

    def __init__(self, *, begins: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=365)) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self._certify(datetime.now(UTC) + begins, datetime.now(UTC) + ends)
        self.fetched: list[str] = []

    def get(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate

    def post(
        self,
        message: str | dict[str, Any],
        *,
        kind: str = "Notification",
        version: str = "1",
        at: datetime | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        """Return an envelope with a signature; `changed` are members as they are signed."""
        moment = at or datetime.now(UTC)
        envelope = {
            "Type": kind,
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC,
            "Message": message if isinstance(message, str) else json.dumps(message) + "\n",
            "Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "SignatureVersion": version,
            "SigningCertURL": URL,
            **changed,
        }
        if kind == "SubscriptionConfirmation":
            envelope.setdefault("Token", "a-token")
            envelope.setdefault("SubscribeURL", subscribe_url())
        text = "".join(f"{name}\n{envelope[name]}\n" for name in _SIGNED[kind] if name in envelope)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), _HASHES[version])
        return {**envelope, "Signature": base64.b64encode(signature).decode()}

    def _certify(self, begins: datetime, ends: datetime) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


def subscribe_url(host: str = "sns.us-east-1.amazonaws.com", topic: str = TOPIC) -> str:
    return f"https://{host}/?Action=ConfirmSubscription&TopicArn={topic}&Token=a-token"
