"""Files of addresses as SES takes them: CSV, or an object of JSON on each line.

Pure. Read line by line, however long a file is; what is wrong with a line is
told with its number, and ends nothing. Called by commands/ for files of the
operator, and by the import jobs of the API.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from pillarbox.kit.errors import Invalid
from pillarbox.resources.contact_lists import Status
from pillarbox.resources.suppression_reasons import Reason

T = TypeVar("T")

_ADDRESS = "emailaddress"
_TOPIC = "topicpreferences."


class SuppressedRecord(msgspec.Struct, frozen=True):
    """An address for the suppression list; without a reason it can be removed alone."""

    line: int
    address: str
    reason: Reason | None = None


class ContactRecord(msgspec.Struct, frozen=True):
    """A contact; `attributes` is JSON text, empty when the file gives none."""

    line: int
    address: str
    preferences: dict[str, Status] = msgspec.field(default_factory=dict)
    unsubscribed: bool = False
    attributes: str = ""


class BadRecord(msgspec.Struct, frozen=True):
    """What is wrong with one line."""

    line: int
    why: str


def read_suppressed(lines: Iterable[str], *, as_json: bool) -> Iterator[SuppressedRecord | BadRecord]:
    """Read `address,REASON` or `{"emailAddress": ..., "reason": ...}`; a first line of headings is passed over."""
    return _json(lines, _suppressed_object) if as_json else _csv(lines, _suppressed_row, ())


def read_contacts(lines: Iterable[str], *, as_json: bool) -> Iterator[ContactRecord | BadRecord]:
    """Read contacts.

    The first line of CSV names the columns, of which only the first must be there: `emailAddress`, `unsubscribeAll`,
    `attributesData` and, for each topic, `topicPreferences.NAME`.
    """
    return _json(lines, _contact_object) if as_json else _csv(lines, _contact_row, (_ADDRESS,))


def _csv(
    lines: Iterable[str], read: Callable[[int, Sequence[str], Sequence[str]], T], headings: Sequence[str]
) -> Iterator[T | BadRecord]:
    rows = csv.reader(lines, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRecord(rows.line_num, f"no CSV: {error}")
            continue
        first = row[0].strip().lower().removeprefix("\ufeff") if row else ""
        if first == _ADDRESS:
            headings = [_ADDRESS, *(cell.strip() for cell in row[1:])]
        elif any(cell.strip() for cell in row):
            yield _tried(rows.line_num, read, row, headings)


def _json(lines: Iterable[str], read: Callable[[int, dict[str, Any]], T]) -> Iterator[T | BadRecord]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _tried(number, _read_object, line, read)


def _tried(line: int, read: Callable[..., T], *args: object) -> T | BadRecord:
    try:
        return read(line, *args)
    except Invalid as error:
        return BadRecord(line, str(error))


def _read_object(line: int, text: str, read: Callable[[int, dict[str, Any]], T]) -> T:
    return read(line, _object(text))


def _object(line: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"no JSON object: {error}") from None
    return {name.lower(): value for name, value in found.items()}


def _suppressed_row(line: int, row: Sequence[str], _: Sequence[str]) -> SuppressedRecord:
    reason = row[1].strip() if len(row) > 1 else ""
    return SuppressedRecord(line, row[0].strip(), _reason(reason) if reason else None)


def _suppressed_object(line: int, given: dict[str, Any]) -> SuppressedRecord:
    reason = given.get("reason")
    return SuppressedRecord(line, _text(given, _ADDRESS), _reason(str(reason)) if reason else None)


def _contact_row(line: int, row: Sequence[str], headings: Sequence[str]) -> ContactRecord:
    cells = {heading: cell.strip() for heading, cell in zip(headings, row, strict=False) if cell.strip()}
    by_name = {heading.lower(): cell for heading, cell in cells.items()}
    topics = {heading[len(_TOPIC) :]: cell for heading, cell in cells.items() if heading.lower().startswith(_TOPIC)}
    return ContactRecord(
        line,
        by_name.get(_ADDRESS, ""),
        {topic: _status(status) for topic, status in topics.items()},
        _flag(by_name.get("unsubscribeall", "false")),
        by_name.get("attributesdata", ""),
    )


def _contact_object(line: int, given: dict[str, Any]) -> ContactRecord:
    said = given.get("topicpreferences") or []
    try:
        by_lower = [{name.lower(): value for name, value in one.items()} for one in said]
        preferences = {str(one["topicname"]): _status(str(one["subscriptionstatus"])) for one in by_lower}
    except (AttributeError, KeyError, TypeError):
        raise Invalid("topicPreferences is no list of topicName and subscriptionStatus") from None
    attributes = given.get("attributesdata") or ""
    if not isinstance(attributes, str):
        attributes = msgspec.json.encode(attributes).decode()
    leaves_all = _flag(str(given.get("unsubscribeall", "false")))
    return ContactRecord(line, _text(given, _ADDRESS), preferences, leaves_all, attributes)


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise Invalid("there is no emailAddress")
    return value.strip()


def _reason(text: str) -> Reason:
    try:
        return Reason(text.upper())
    except ValueError:
        raise Invalid(f"the reason {text!r} is neither BOUNCE nor COMPLAINT") from None


def _status(text: str) -> Status:
    try:
        return Status(text.upper())
    except ValueError:
        raise Invalid(f"the status {text!r} is neither OPT_IN nor OPT_OUT") from None


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Invalid(f"unsubscribeAll is {text!r}, and neither true nor false")
    return text.lower() == "true"
