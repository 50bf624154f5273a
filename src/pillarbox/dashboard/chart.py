"""A chart of what became of mail over time, as bars in a picture whose shapes the template writes.

Pure. The picture is stretched to the width of the page; its words stand beside
it, so that they stay as large as other words.
"""

import time
from typing import NamedTuple

from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.stats.names import Name
from pillarbox.stats.query import Statistics

HEIGHT = 100.0
_GAP = 0.16

# What is stacked, from the bottom up; `kind` names the colour.
STACK: tuple[tuple[str, str, tuple[Name, ...]], ...] = (
    ("delivered", "delivered", (Name.DELIVERED, Name.DELIVERED_SIMULATOR)),
    ("captured", "captured", (Name.CAPTURED,)),
    (
        "bounced",
        "bounced",
        (Name.BOUNCED_PERMANENT, Name.BOUNCED_TRANSIENT, Name.BOUNCED_UNDETERMINED, Name.BOUNCED_SIMULATOR),
    ),
    ("suppressed", "not sent: suppressed", (Name.BOUNCED_SUPPRESSED, Name.COMPLAINED_SUPPRESSED)),
    ("complained", "complained", (Name.COMPLAINED, Name.COMPLAINED_SIMULATOR)),
)


class Bar(NamedTuple):
    kind: str
    x: float
    y: float
    width: float
    height: float


class Slot(NamedTuple):
    """The bars of one bucket, and what they say in words."""

    title: str
    x: float
    bars: list[Bar]


class Row(NamedTuple):
    """One line of the table that says the same."""

    at: str
    counts: list[int]


class Chart(NamedTuple):
    """`ticks` are words for the axis of time; `most` is the height of the picture; `kinds` are those that occur."""

    slots: list[Slot]
    width: float
    most: int
    ticks: list[str]
    kinds: list[tuple[str, str]]
    rows: list[Row]


def chart_of(found: Statistics) -> Chart:
    """Return the chart of a span; a bucket is one wide."""
    points = {point.at: point.totals for point in found.series}
    starts = range(found.since, found.until, found.step_ms)
    stacks = {
        at: {kind: sum(totals.get(name, 0) for name in names) for kind, _, names in STACK}
        for at, totals in points.items()
    }
    most = _round_up(max((sum(stack.values()) for stack in stacks.values()), default=0))
    slots = [_slot(number, at, stacks[at], most, found.step_ms) for number, at in enumerate(starts) if at in stacks]
    kinds = [(kind, word) for kind, word, _ in STACK if any(stack[kind] for stack in stacks.values())]
    rows = [Row(_when(at, found.step_ms), [stacks[at][kind] for kind, _ in kinds]) for at in sorted(stacks)]
    ticks = [_when(found.since + (found.until - found.since) * part // 4, found.step_ms) for part in range(5)]
    return Chart([slot for slot in slots if slot.bars], len(starts), most, ticks, kinds, rows)


def _slot(number: int, at: Millis, stack: dict[str, int], most: int, step: Millis) -> Slot:
    bars, top = [], HEIGHT
    for kind, count in stack.items():
        if count:
            height = count / most * HEIGHT
            top -= height
            bars.append(Bar(kind, number + _GAP / 2, round(top, 3), 1 - _GAP, round(height, 3)))
    said = ", ".join(f"{count} {word}" for kind, word, _ in STACK if (count := stack[kind]))
    return Slot(f"{_when(at, step)}: {said}", number, bars)


def _when(at: Millis, step: Millis) -> str:
    form = "%d %b" if step >= DAY else "%d %b %H:%M" if step >= HOUR else "%H:%M"
    return time.strftime(form, time.gmtime(at // 1000))


def _round_up(most: int) -> int:
    """Return the next number that people find round."""
    if most <= 4:
        return max(most, 1)
    scale = 10 ** (len(str(most)) - 1)
    return next(int(part * scale) for part in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if part * scale >= most)
