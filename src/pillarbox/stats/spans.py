"""Stretches of time that statistics are asked for, cut into buckets of one step.

Pure. Used by stats/follow.py, stats/query.py, the pages and `pillarbox stats`.
"""

from typing import NamedTuple

from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.errors import Invalid


class Span(NamedTuple):
    """The buckets of `step` milliseconds that begin from `since` to before `until`."""

    since: Millis
    until: Millis
    step: Millis


# Whoever compares many over a year need not go through each of their days.
FOUR_WEEKS: Millis = 28 * DAY

# How far back each goes, and in which steps.
SPANS: dict[str, tuple[Millis, Millis]] = {
    "1h": (HOUR, MINUTE),
    "24h": (DAY, HOUR),
    "7d": (7 * DAY, HOUR),
    "30d": (30 * DAY, DAY),
    "1y": (365 * DAY, DAY),
}
SPAN_WORDS = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "1y": "last year"}


def stretches(span: Span) -> list[Span]:
    """Return the parts of a span, each in the largest step that is counted by and that fits it."""
    first, last = span.since + -span.since % FOUR_WEEKS, span.until - span.until % FOUR_WEEKS
    if span.step != DAY or first >= last:
        return [span]
    parts = (Span(span.since, first, DAY), Span(first, last, FOUR_WEEKS), Span(last, span.until, DAY))
    return [part for part in parts if part.since < part.until]


def span_of(name: str, now: Millis) -> Span:
    """Return the span that ends with the bucket that `now` is in, or raise Invalid."""
    if name not in SPANS:
        raise Invalid(f"no span is called {name!r}; there are {', '.join(SPANS)}")
    length, step = SPANS[name]
    until = now - now % step + step
    return Span(until - length, until, step)
