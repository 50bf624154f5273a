"""What is never delivered: the scan of a message before its first attempt.

The test of EICAR is pure, and made in a thread when the message is large.
`ScannersInTurn` is what the worker asks; another scanner is clamd.py.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pillarbox.kit.mime import TooManyParts, decoded, walk

# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-reject-object
BAD_CONTENT = "Bad content"
# The test file of the antivirus makers, in two halves so that no scanner takes this module for it.
_EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_ENCODINGS = ("base64", "quoted-printable")
_NAMES_OF_ENCODINGS = (b"base64", b"quoted-printable")
_KINDS_WITH_PARTS = (b"multipart", b"message")
# Looking through so much takes about a millisecond: beyond it, off the loop.
_LARGE = 128 * 1024


class Scanner(Protocol):
    """Looks at a whole message.

    Returns the reason of the Reject event, or None for a message to deliver.
    An exception says that it could not look: the attempt is then made later.
    """

    async def verdict(self, raw: bytes) -> str | None: ...


class ScannersInTurn:
    """Asks one scanner after the other; what one rejects no other is asked about."""

    def __init__(self, scanners: Sequence[Scanner]) -> None:
        self._scanners = scanners

    async def verdict(self, raw: bytes) -> str | None:
        for scanner in self._scanners:
            if reason := await scanner.verdict(raw):
                return reason
        return None


class EicarScanner:
    """Knows one virus: the test file, anywhere in the message or in a part that is encoded."""

    async def verdict(self, raw: bytes) -> str | None:
        if len(raw) > _LARGE:
            return await asyncio.to_thread(self.reason_to_reject, raw)
        return self.reason_to_reject(raw)

    def reason_to_reject(self, raw: bytes) -> str | None:
        if _EICAR in raw or (_may_be_encoded(raw) and _is_in_encoded_part(raw)):
            return BAD_CONTENT
        return None


def _may_be_encoded(raw: bytes) -> bool:
    """Spare plain mail the walk through its parts, and mail without parts even the search for what their heads say."""
    told = raw[: raw.find(b"\r\n\r\n")].lower()  # not less than the head of the message
    if any(kind in told for kind in _KINDS_WITH_PARTS):
        told = raw.lower()
    return any(name in told for name in _NAMES_OF_ENCODINGS)


def _is_in_encoded_part(raw: bytes) -> bool:
    try:
        return any(_EICAR in decoded(raw, part) for part in walk(raw) if part.encoding in _ENCODINGS)
    except TooManyParts:  # such a message is refused before it is promised; what could be read is clean
        return False
