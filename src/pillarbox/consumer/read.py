"""Finds the events in whatever a program was handed.

Pure. SES events come wrapped in up to three levels of JSON: the answer of SQS,
in its body the envelope of SNS, in its message the event. Raw delivery leaves
one level out; Firehose writes one event to a line; functions get lists of
records. Called by programs with what they have, and by pillarbox.upstream.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pillarbox.consumer.errors import Unreadable
from pillarbox.consumer.events import SesEvent
from pillarbox.consumer.json_text import read_json
from pillarbox.consumer.parse import parse_event
from pillarbox.consumer.sns import is_envelope

# SES tells by these that it was set up; they are no events.
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
_SETUP_TEXT = "Successfully validated SNS topic for Amazon SES event publishing"
_SETUP_TYPE = "AmazonSnsSubscriptionSucceeded"
_DEEPEST = 6
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Leftover:
    """A part that could not be read, as text, and why."""

    text: str = field(repr=False)
    why: str


@dataclass(slots=True)
class Reading:
    """What was found. Nothing is lost: what is no event and no word of SES about its set-up is in `unreadable`."""

    events: list[SesEvent] = field(default_factory=list)
    unreadable: list[Leftover] = field(default_factory=list)


def read(given: str | bytes | Mapping[str, Any] | list[Any]) -> Reading:
    """Return the events in an SNS message or envelope, an SQS message or answer, lines of events, or lists of these."""
    reading = Reading()
    for part in _parts(given, 0):
        if isinstance(part, Leftover):
            reading.unreadable.append(part)
            continue
        try:
            reading.events.append(parse_event(part))
        except Unreadable as error:
            reading.unreadable.append(Leftover(json.dumps(part), str(error)))
    return reading


def events_in(given: str | bytes | Mapping[str, Any] | list[Any]) -> list[SesEvent]:
    """Return the events in what `read` takes; Unreadable when there is a part that is none."""
    reading = read(given)
    if reading.unreadable:
        raise Unreadable(reading.unreadable[0].why)
    return reading.events


def _parts(given: Any, depth: int) -> Iterator[Mapping[str, Any] | Leftover]:
    if depth > _DEEPEST:
        yield Leftover(_text(given), "it is wrapped in too many levels")
    elif isinstance(given, bytes):
        yield from _parts(given.decode("utf-8", "replace"), depth)
    elif isinstance(given, str):
        yield from _parts_of_text(given, depth)
    elif isinstance(given, list):
        for item in given:
            yield from _parts(item, depth + 1)
    elif isinstance(given, (dict, Mapping)):
        inner = _unwrapped(given)
        if inner is not _MISSING:
            yield from _parts(inner, depth + 1)
        elif given.get("notificationType") != _SETUP_TYPE:
            yield given
    else:
        yield Leftover(_text(given), "it is JSON, but no event")


def _parts_of_text(text: str, depth: int) -> Iterator[Mapping[str, Any] | Leftover]:
    if not text.strip() or text.startswith(_SETUP_TEXT):
        return
    try:
        yield from _parts(read_json(text), depth + 1)
        return
    except ValueError:
        pass
    except RecursionError:
        yield Leftover(text, "it is nested too deeply")
        return
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) == 1 or not all(line.startswith("{") for line in lines):
        yield Leftover(text, "it is not JSON")
        return
    for line in lines:
        yield from _parts_of_text(line, depth + 1)


def _unwrapped(given: Mapping[str, Any]) -> Any:
    """Return what is inside a wrapping of SNS, SQS or a function's records."""
    if is_envelope(given):
        return given["Message"] if given["Type"] == "Notification" else []
    for name in ("Messages", "Records"):  # the answer of SQS, and what functions are called with
        if isinstance(given.get(name), list):
            return given[name]
    if "mail" in given:
        return _MISSING
    for name in ("Body", "body", "Sns", "Message"):
        if isinstance(given.get(name), str | dict | Mapping):
            return given[name]
    return _MISSING


def _text(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)
