"""Verify AWS Signature Version 4, in the header and in the presigned form.

Pure: the clock reading and the secret are arguments. Called by edge/gateway.py in
two steps, so that scope, date and key are judged before a body is read:
`read_claim` and `check_time` on the head, `check_signature` on the whole.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.wire.faults import Fault, auth_fault
from pillarbox.wire.request import Request

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_EXPIRY_SECONDS = 604_800
WINDOW_SECONDS = 900

_PLAIN_PATH = re.compile(r"/|(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
_BLANKS = re.compile(r"[ \t]+")
_SCOPE = re.compile(r"([^/\s]{1,128})/(\d{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request", re.ASCII)
_BASIC_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_LONGEST_QUERY_PARAMETERS = 1_000


@dataclass(slots=True)
class Claim:
    """What a request says of its own signature; nothing in it is proven before `check_signature`.

    `stamp` is the time as signed and `at` the same in milliseconds. A presigned claim
    carries `expires_seconds`.
    """

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    at: Millis
    stamp: str
    expires_seconds: int | None = None
    session_token: str | None = None
    presigned: bool = False

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_claim(target: str, headers: Mapping[str, str]) -> Claim | None:
    """Return the claim, or None when the request carries no credentials at all.

    Raises IncompleteSignature for a malformed one, and SignatureDoesNotMatch
    when something that matters (host, date, target, token) is not signed.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        claim = _from_header(authorization, headers)
    elif "X-Amz-Algorithm=" in target or "X-Amz-Signature=" in target:
        claim = _from_query(target)
    else:
        return None
    _require_signed(claim, headers)
    return claim


def check_time(claim: Claim, now: Millis, window_seconds: int = WINDOW_SECONDS) -> None:
    """Raise SignatureDoesNotMatch when the claim is too old or from the future.

    A presigned request lives as long as it says instead of for the window.
    """
    earliest = now - window_seconds * SECOND
    if claim.expires_seconds is not None:
        ends_at = claim.at + claim.expires_seconds * SECOND
        if now > ends_at:
            text = f"Signature expired: {_stamp(ends_at)} is now earlier than {_stamp(now)}"
            raise auth_fault("mismatch", text=text)
    elif claim.at < earliest:
        raise auth_fault(
            "mismatch",
            text=f"Signature expired: {claim.stamp} is now earlier than {_stamp(earliest)} "
            f"({_stamp(now)} - {window_seconds // 60} min.)",
        )
    latest = now + window_seconds * SECOND
    if claim.at > latest:
        raise auth_fault(
            "mismatch",
            text=f"Signature not yet current: {claim.stamp} is still later than {_stamp(latest)} "
            f"({_stamp(now)} + {window_seconds // 60} min.)",
        )


def check_signature(claim: Claim, request: Request, secret: str, body_sha256: str) -> None:
    """Raise SignatureDoesNotMatch unless `secret` signed exactly this request.

    `body_sha256` is the hex digest of the body that was read, whatever a header
    says of it. A session token is refused as InvalidClientTokenId: none was ever issued.
    """
    if claim.session_token is not None:
        raise auth_fault("unknown_key")
    canonical = canonical_request(claim, request, body_sha256)
    if canonical is None:
        raise auth_fault("mismatch")
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    to_sign = f"{ALGORITHM}\n{claim.stamp}\n{claim.scope}\n{digest}"
    expected = _keyed(secret, claim.date, claim.region, claim.service).hex(to_sign.encode("latin-1"))
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise auth_fault("mismatch")


def canonical_request(claim: Claim, request: Request, body_sha256: str) -> str | None:
    """Return the text that is hashed and signed, or None when a signed header is not there."""
    headers = request.headers
    lines = []
    for name in claim.signed_headers:
        value = headers.get(name)
        if value is None:
            return None
        lines.append(f"{name}:{_collapsed(value)}\n")
    path, _, query = request.target.partition("?")
    return (
        f"{request.method}\n{canonical_path(path)}\n{canonical_query(query, claim.presigned)}\n"
        f"{''.join(lines)}\n{';'.join(claim.signed_headers)}\n{body_sha256}"
    )


def _collapsed(value: str) -> str:
    # Not str.split: it takes the second byte of a UTF-8 'à' for a blank.
    value = value.strip(" \t")
    return _BLANKS.sub(" ", value) if "  " in value or "\t" in value else value


def canonical_path(path: str) -> str:
    """Normalise a path and encode it once more: what came as %40 is signed as %2540."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    if kept and segments[-1] in ("", ".", ".."):
        normal += "/"
    return quote(normal.encode("latin-1"), safe="/~")


def canonical_query(query: str, presigned: bool) -> str:
    """Encode names and values anew and sort by both; a presigned request leaves its signature out."""
    if not query:
        return ""
    pairs = []
    for pair in query.split("&", _LONGEST_QUERY_PARAMETERS):
        if pair:
            name, _, value = pair.partition("=")
            pairs.append((_encoded(name), _encoded(value)))
    if presigned:
        pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ").encode("latin-1")), safe="-_.~")


class _Keyed:
    """HMAC-SHA256 with one key, of which the part that is the same for all messages is done once.

    hmac.digest takes four times as long, and lets other threads pass by at each call.
    https://www.rfc-editor.org/rfc/rfc2104#section-4
    """

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def hex(self, message: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


@lru_cache(maxsize=4_096)
def _keyed(secret: str, date: str, region: str, service: str) -> _Keyed:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return _Keyed(key)  # 32 bytes, as it has to be


def _from_header(authorization: str, headers: Mapping[str, str]) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    parts = {}
    for part in rest.split(",", 8):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise _incomplete(f"'{name[:64]}' not a valid key=value pair (missing equal-sign) in Authorization header.")
        parts[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    stamp = headers.get("x-amz-date") or headers.get("date")
    if not stamp:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return _claim(parts["Credential"], parts["SignedHeaders"], parts["Signature"], stamp)


def _from_query(target: str) -> Claim:
    params = {}
    for pair in target.partition("?")[2].split("&", _LONGEST_QUERY_PARAMETERS):
        name, _, value = pair.partition("=")
        if name.startswith("X-Amz-"):
            if name in params:
                raise _incomplete(f"The parameter '{name[:64]}' must not be repeated.")
            params[name] = unquote_to_bytes(value.encode("latin-1")).decode("latin-1")
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"):
        if not params.get("X-Amz-" + name):
            raise _incomplete(f"AWS query-string parameters must include 'X-Amz-{name}'.")
    if params["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{params['X-Amz-Algorithm'][:64]}'.")
    expires = params["X-Amz-Expires"]
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= LONGEST_EXPIRY_SECONDS:
        raise _incomplete(f"X-Amz-Expires must be between 1 and {LONGEST_EXPIRY_SECONDS} seconds.")
    claim = _claim(
        params["X-Amz-Credential"],
        params["X-Amz-SignedHeaders"],
        params["X-Amz-Signature"],
        params["X-Amz-Date"],
    )
    claim.presigned = True
    claim.expires_seconds = int(expires)
    claim.session_token = params.get("X-Amz-Security-Token")
    return claim


def _claim(credential: str, names: str, signature: str, date: str) -> Claim:
    found = _SCOPE.fullmatch(credential)
    if not found:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential[:200]}'"
        )
    key_id, day, region, service = found.groups()
    at, stamp = read_stamp(date)
    if day != stamp[:8]:
        raise auth_fault(
            "mismatch",
            text="Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{day}' != '{stamp[:8]}', from '{stamp}'.",
        )
    return Claim(key_id, day, region, service, tuple(names.split(";", 100)), signature, at, stamp)


def _require_signed(claim: Claim, headers: Mapping[str, str]) -> None:
    """Refuse a claim that leaves out what an intruder between could profit from changing."""
    signed = claim.signed_headers
    if "host" not in signed:
        raise auth_fault("mismatch", text="'Host' must be a 'SignedHeader' in the AWS Authorization.")
    must = ["x-amz-security-token", "x-amz-target"]
    if not claim.presigned:
        must.append("x-amz-date" if "x-amz-date" in headers else "date")
    for name in must:
        if name in headers and name not in signed:
            raise auth_fault("mismatch", text=f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    if "x-amz-security-token" in headers:
        claim.session_token = headers["x-amz-security-token"]


def read_stamp(text: str) -> tuple[Millis, str]:
    """Read a date as `20150830T123600Z` or as RFC 1123 has it; return it in milliseconds and in the first form."""
    if len(text) > 40:
        raise _incomplete("The date is too long.")
    return _read_short_stamp(text)


@lru_cache(maxsize=512)
def _read_short_stamp(text: str) -> tuple[Millis, str]:
    try:
        found = _BASIC_DATE.fullmatch(text)
        if found:
            year, month, day, hour, minute, second = map(int, found.groups())
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        else:
            moment = parsedate_to_datetime(text).astimezone(UTC)
        return int(moment.timestamp()) * SECOND, moment.strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError, IndexError, TypeError):
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{text}'.") from None


def _stamp(at: Millis) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")


def _incomplete(text: str) -> Fault:
    return auth_fault("incomplete", text=text)
