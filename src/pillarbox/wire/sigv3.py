"""Verify the legacy AWS3-HTTPS signature, which covers the Date header and nothing else.

Pure; the gateway uses it only where the operator has allowed it, since whoever
sees a request may send another one under the same signature within the window.
https://docs.aws.amazon.com/ses/latest/dg/using-ses-api-authentication.html
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.wire.faults import Fault, auth_fault
from pillarbox.wire.sigv4 import WINDOW_SECONDS, read_stamp

_HEADER = re.compile(r"AWS3-HTTPS\s+(.{1,1000})", re.IGNORECASE)
_DIGESTS = {"hmacsha256": "sha256", "hmacsha1": "sha1"}


@dataclass(slots=True)
class Claim:
    """What an X-Amzn-Authorization header says; `signed` is the date exactly as it was sent."""

    key_id: str
    digest: str
    signature: str
    signed: str
    at: Millis


def read_claim(headers: Mapping[str, str]) -> Claim | None:
    """Return the claim, or None when there is no such header; raises IncompleteSignature for a malformed one."""
    value = headers.get("x-amzn-authorization")
    if value is None:
        return None
    found = _HEADER.fullmatch(value.strip())
    if not found:
        raise _incomplete("X-Amzn-Authorization must begin with 'AWS3-HTTPS'.")
    # A signature is base64 and may end in '='; names are told apart at the first one.
    parts = {name.strip().lower(): text.strip() for name, _, text in (p.partition("=") for p in found[1].split(","))}
    for name in ("AWSAccessKeyId", "Algorithm", "Signature"):
        if not parts.get(name.lower()):
            raise _incomplete(f"X-Amzn-Authorization requires '{name}' parameter.")
    digest = _DIGESTS.get(parts["algorithm"].lower())
    if digest is None:
        raise _incomplete(f"Unsupported 'Algorithm': '{parts['algorithm'][:64]}'.")
    signed = headers.get("date") or headers.get("x-amz-date")
    if not signed:
        raise _incomplete("X-Amzn-Authorization requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    at, _ = read_stamp(signed)
    return Claim(parts["awsaccesskeyid"], digest, parts["signature"], signed, at)


def check_time(claim: Claim, now: Millis, window_seconds: int = WINDOW_SECONDS) -> None:
    """Raise SignatureDoesNotMatch when the date lies outside the window, in either direction."""
    if abs(now - claim.at) > window_seconds * SECOND:
        raise auth_fault("mismatch", text=f"Signature expired or not yet current: the date is {claim.signed}.")


def check_signature(claim: Claim, secret: str) -> None:
    """Raise SignatureDoesNotMatch unless `secret` signed the date."""
    expected = b64encode(hmac.digest(secret.encode(), claim.signed.encode("latin-1"), claim.digest))
    if not hmac.compare_digest(expected, claim.signature.encode()):
        raise auth_fault("mismatch")


def _incomplete(text: str) -> Fault:
    return auth_fault("incomplete", text=text)
