"""What was said in the SMTP conversations of one attempt, kept for whoever asks why it ended as it did.

Pure but for the time, which it notes. Filled by smtp_connection.py and
smtp_transaction.py; the worker stores it when the attempt is closed. It never
holds credentials or the text of a message.
"""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from pillarbox.delivery.transport.smtp_replies import printable

OURS, THEIRS, NOTE = ">", "<", "*"
MOST = 8 * 1024  # characters of an attempt
_LONGEST_LINE = 600
_LEFT_OUT = f"0 {NOTE} {{:7}} lines are left out"
_FIRST_PART = MOST * 3 // 4


class Conversation(NamedTuple):
    """One conversation of an attempt: with whom, about whom, and its lines.

    Each line is the milliseconds since the attempt began, who speaks (`>` we, `<` they, `*` our remark) and the words.
    """

    peer: str
    recipients: tuple[str, ...]
    lines: str


class Transcript:
    """Lines as they are said. A connection that is kept begins a new one for each message."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: list[tuple[float, str, str]] = []

    def add(self, who: str, words: str) -> None:
        self._lines.append((monotonic(), who, words))

    def take(self) -> list[tuple[float, str, str]]:
        """Return the lines and begin anew."""
        lines, self._lines = self._lines, []
        return lines


class Conversations:
    """All conversations of one attempt, in the order in which they ended, bounded together."""

    __slots__ = ("_began_at", "_left", "held")

    def __init__(self) -> None:
        self._began_at = monotonic()
        self._left = MOST
        self.held: list[Conversation] = []

    def keep(self, peer: str, recipients: Sequence[str], lines: Sequence[tuple[float, str, str]]) -> None:
        text = _bounded([self._line(*line) for line in lines], self._left)
        if text:
            self._left -= len(text)
            self.held.append(Conversation(peer, tuple(recipients), text))

    def _line(self, at: float, who: str, words: str) -> str:
        shown = words if len(words) <= _LONGEST_LINE else f"{words[:_LONGEST_LINE]}…"
        return f"{max(0, round((at - self._began_at) * 1000))} {who} {printable(shown)}"


def _bounded(lines: list[str], most: int) -> str:
    """Return as many lines as fit: of a long conversation the beginning and the end."""
    text = "\n".join(lines)
    if len(text) <= most:
        return text
    first = most * _FIRST_PART // MOST
    last = max(0, most - first - len(_LEFT_OUT))
    head, tail = text[:first].rpartition("\n")[0], text[-last:].partition("\n")[2]
    left_out = len(lines) - len(head.splitlines()) - len(tail.splitlines())
    return f"{head}\n{_LEFT_OUT.format(left_out)}\n{tail}" if head and tail else ""
