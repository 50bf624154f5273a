"""How commands print: columns, times and nothing that a terminal would obey.

Pure but for `say`. Called by the other commands.
"""

import json
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

from pillarbox.kit.clock import Millis

_GAP = "  "
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35"}


def say(text: str = "") -> None:
    print(text, flush=True)


def say_json(value: object) -> None:
    """Print a value as JSON for programs, indented for people who look on."""
    say(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))


def plain(text: str) -> str:
    """Return text that strangers wrote so that a terminal shows it and does not obey it."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _acts(character) else character for character in text)


def _acts(character: str) -> bool:
    # Control characters move the cursor and colour the screen; format characters reorder what is read.
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def style(text: str, *names: str) -> str:
    """Return the text in colour, where a person is looking."""
    if not sys.stdout.isatty():
        return text
    return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return aligned columns; the last one is as wide as it likes."""
    lines = [tuple(headings), *(tuple(plain(cell) for cell in row) for row in rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(headings))]
    printed = [
        _GAP.join(cell + " " * (width - width_of(cell)) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    return "\n".join([style(printed[0].rstrip(), "dim"), *(line.rstrip() for line in printed[1:])])


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def rate_of(limit: float) -> str:
    """Return a limit on how much goes out in a second; 0 is none."""
    return f"{round(limit, 2) or limit:g}/s" if limit else "no limit"


def cut(text: str, width: int) -> str:
    """Return at most `width` characters of a text."""
    return text if len(text) <= width else text[: width - 1] + "…"


def moment(at: Millis, *, millis: bool = False) -> str:
    """Return a time, UTC, to the second or to the millisecond."""
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at // 1000))
    return f"{text}.{at % 1000:03d}" if millis else text
