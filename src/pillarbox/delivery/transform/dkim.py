"""Signs a message with DKIM: the last thing that is done to it.

Pure. Called through the list in pipeline.py, in a thread where a key is RSA.
Canonicalization is that of SES, relaxed for the header and simple for the body
(RFC 6376), signatures are rsa-sha256 or ed25519-sha256 (RFC 8463).
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.digest import sha256

# Named in the signature once more than they are there, so that nobody can add one, or a second one, unnoticed.
# https://www.rfc-editor.org/rfc/rfc6376#section-8.15
_SEALED = """
from reply-to to cc subject date message-id mime-version content-type content-transfer-encoding
"""
# The same, but only where they are there: those who pass mail on add some of them. What mailbox providers show a
# button for, or tell streams of mail by, counts only when it is signed.
# https://www.rfc-editor.org/rfc/rfc8058#section-4
# https://support.google.com/mail/answer/6254652
_SEALED_WHERE_PRESENT = """
sender in-reply-to references content-id content-description feedback-id
list-id list-unsubscribe list-unsubscribe-post list-subscribe list-help list-post list-owner list-archive
"""
_ALWAYS = frozenset(_SEALED.split())
_NAMES = (*_SEALED.split(), *_SEALED_WHERE_PRESENT.split())
_KNOWN = {name.encode("ascii"): (name, f"{name}:".encode("ascii")) for name in _NAMES}
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PIECE = 72

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and where its public half is published: `selector._domainkey.domain`.

    Raises ValueError for a name that is none: it would be written into the header.
    """

    domain: str
    selector: str
    private: PrivateKey

    def __post_init__(self) -> None:
        if not (_DOMAIN.fullmatch(self.domain) and _SELECTOR.fullmatch(self.selector)):
            raise ValueError(f"no place for a DKIM key: {self.selector!r} of {self.domain!r}")

    @property
    def is_slow(self) -> bool:
        """Whether a signature takes so long that it is made in a thread."""
        return isinstance(self.private, RSAPrivateKey)

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if self.is_slow else "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), SHA256())
        # https://www.rfc-editor.org/rfc/rfc8463#section-3
        return self.private.sign(sha256(data))


def signed(raw: bytes, keys: Sequence[SigningKey], at: Millis) -> bytes:
    """Return the message with a signature for each key in front of it, the first key's first.

    The lines of the message end in CRLF, and an empty one ends its header. The same message, keys and time give the
    same bytes.
    """
    if not keys:
        return raw
    head_end = raw.index(b"\r\n\r\n") + 2
    names, lines = _signed_lines(raw[:head_end])
    body_hash = base64.b64encode(sha256(simple_body(raw[head_end + 2 :]))).decode("ascii")
    folded = _folded_names(names)
    return b"".join([*[_signature(key, folded, lines, body_hash, at) for key in keys], raw])


def _signature(key: SigningKey, names: str, lines: bytes, body_hash: str, at: Millis) -> bytes:
    field = (
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/simple; q=dns/txt;\r\n"
        f" d={key.domain};\r\n s={key.selector}; t={at // SECOND};\r\n"
        f" {names};\r\n bh={body_hash};\r\n b="
    ).encode("ascii")
    relaxed = b"dkim-signature:" + _single_spaced(field.partition(b":")[2].replace(b"\r\n", b"")).strip(b" ")
    signature = base64.b64encode(key.sign(lines + relaxed))
    pieces = [signature[at : at + _PIECE] for at in range(0, len(signature), _PIECE)]
    return field + b"\r\n ".join(pieces) + b"\r\n"


def _signed_lines(head: bytes) -> tuple[tuple[str, ...], bytes]:
    """Return the names for `h=`, and the header lines that they stand for in the order in which they are signed.

    Of several headers of a name the last one counts first. A name without a header left stands for nothing.
    https://www.rfc-editor.org/rfc/rfc6376#section-5.4.2
    """
    values: dict[str, list[bytes]] = {}
    for line in _single_spaced(head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")).split(b"\r\n"):
        before, _, value = line.partition(b":")
        if known := _KNOWN.get(before.rstrip(b" ").lower()):
            name, relaxed_name = known
            values.setdefault(name, []).append(relaxed_name + value.strip(b" "))
    names: list[str] = []
    lines: list[bytes] = []
    for name in _NAMES:
        if present := values.get(name):
            lines += reversed(present)
            names += [name] * (len(present) + 1)
        elif name in _ALWAYS:
            names.append(name)
    return tuple(names), b"\r\n".join([*lines, b""])


def _single_spaced(text: bytes) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc6376#section-3.4.2"""
    text = text.replace(b"\t", b" ")
    while b"  " in text:  # halves each row of spaces; a regular expression would stop at every single one
        text = text.replace(b"  ", b" ")
    return text


def simple_body(body: bytes) -> bytes:
    """Return the body in the form in which it is hashed; its lines end in CRLF.

    https://www.rfc-editor.org/rfc/rfc6376#section-3.4.3
    """
    return body.rstrip(b"\r\n") + b"\r\n"


@lru_cache(maxsize=256)  # most mail has the same headers
def _folded_names(names: Sequence[str]) -> str:
    lines, line = [], "h="
    for name in names:
        if len(line) + len(name) > _PIECE:
            lines.append(line)
            line = ""
        line += f"{name}:"
    return "\r\n ".join([*lines, line]).removesuffix(":")
