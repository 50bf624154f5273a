"""DKIM signatures as somebody else's implementation sees them."""

import base64
from collections.abc import Mapping

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pillarbox.delivery.transform.dkim import SigningKey


def zone_of(*keys: SigningKey) -> dict[str, str]:
    """Return what the DNS holds for these keys."""
    return {f"{key.selector}._domainkey.{key.domain}": _record_of(key) for key in keys}


def verifies(mail: bytes, zone: Mapping[str, str], place: int = 0) -> bool:
    """Say what dkimpy says of one of the signatures, the topmost being the first."""

    def texts(name: bytes, timeout: int = 5) -> bytes | None:
        return zone.get(name.decode().rstrip("."), "").encode() or None

    try:
        return bool(dkim.DKIM(mail).verify(idx=place, dnsfunc=texts))
    except dkim.ValidationError:
        return False


def _record_of(key: SigningKey) -> str:
    public = key.private.public_key()
    if isinstance(key.private, Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "v=DKIM1; k=ed25519; p=" + base64.b64encode(raw).decode()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()
