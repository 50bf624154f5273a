"""The arguments of SMTP commands, read strictly.

Pure. Called by smtp.py for every MAIL, RCPT and AUTH.
https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
"""

import base64
import binascii
import re
from typing import NamedTuple

from pillarbox.kit.addresses import InvalidAddress, parse_mailbox

_PATH = re.compile(
    r'(?P<word>FROM|TO):\s*<(?P<path>(?:"(?:[^"\\]|\\.)*+"|[^<>"\s])*+)>(?P<rest>(?: +[^ ]++)*+) *', re.I
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*+)(?:=([\x21-\x3c\x3e-\x7e]++))?")
_SIZE = re.compile(r"[0-9]{1,20}")


class Malformed(Exception):
    """The argument does not have the form that the command asks for."""


class BadParameter(Exception):
    """A parameter of MAIL or RCPT is not one that was offered."""


class Path(NamedTuple):
    """The path of MAIL or RCPT as written, and the message size that MAIL announces."""

    text: str
    announced_bytes: int = 0

    @property
    def address(self) -> str | None:
        """The mailbox that the path is, or None when it is none."""
        try:
            return parse_mailbox(self.text).address if self.text.isascii() else None
        except InvalidAddress:
            return None


def read_path(word: str, argument: str) -> Path:
    """Read `FROM:<a@b> SIZE=1` or `TO:<a@b>`, or raise Malformed or BadParameter."""
    found = _PATH.fullmatch(argument)
    if found is None or found["word"].upper() != word:
        raise Malformed
    announced = 0
    for text in found["rest"].split():
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None:
            raise Malformed
        name, value = parameter[1].upper(), parameter[2] or ""
        if word == "TO" or not _is_offered(name, value):
            raise BadParameter
        if name == "SIZE":
            announced = int(value)
    return Path(found["path"], announced)


def _is_offered(name: str, value: str) -> bool:
    if name == "BODY":
        return value.upper() in ("7BIT", "8BITMIME")
    if name == "SIZE":
        return _SIZE.fullmatch(value) is not None
    # Part of AUTH itself; who the client relays for changes nothing here.
    # https://www.rfc-editor.org/rfc/rfc4954#section-5
    return name == "AUTH" and bool(value)


def decode(text: str) -> str:
    """Read one response of an AUTH exchange, or raise Malformed."""
    try:
        return base64.b64decode("" if text == "=" else text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Malformed from None


def read_plain(text: str) -> tuple[str, str]:
    """Return user name and password from a PLAIN response, or raise Malformed.

    The identity to act as must be empty or the user's own: nobody acts for another.
    https://www.rfc-editor.org/rfc/rfc4616#section-2
    """
    parts = decode(text).split("\x00")
    if len(parts) != 3 or parts[0] not in ("", parts[1]):
        raise Malformed
    return parts[1], parts[2]
