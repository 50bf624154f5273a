"""The part of a report that is made for programs: fields about the message, then about each recipient.

Pure. Called by read.py. Servers leave fields out, fold them oddly and call the
part plain text; what can be understood is taken.
https://www.rfc-editor.org/rfc/rfc3464#section-2
"""

import re
from collections.abc import Sequence

from pillarbox.delivery.reports.notice import Fields, Notice, addresses_in, all_of, first, read_fields, read_time
from pillarbox.delivery.reports.report import DeliveryReport, Fate
from pillarbox.kit.clock import Millis

_MOST_RECIPIENTS = 100
_BLANK = re.compile(rb"\r?\n[ \t]*(?:\r?\n)+")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
# The one that we wrote to comes first, if it is told.
_NAMES = ("original-recipient", "final-recipient", "x-actual-recipient")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_CODE_FIRST = re.compile(r"[245]\d\d\b")
_TYPE = re.compile(r"\s*[A-Za-z0-9-]{1,30}\s*;\s*")
_LONGEST_REPLY = 1_000
# Some label the fields as plain text: then they stand at the beginning of a line all the same.
_UNLABELLED = re.compile(r"^(?:Final-Recipient|Original-Recipient)\s*:", re.M | re.I)
_BEGINS = re.compile(r"^(?:Reporting-MTA|Final-Recipient|Original-Recipient)\s*:", re.M | re.I)


def read_status(notice: Notice) -> DeliveryReport | None:
    """Return what the fields say, or None when there are none that speak of a recipient."""
    groups = [group for part in _parts(notice) for group in _groups(part)]
    fates = [fate for group in groups if (fate := _fate(group)) is not None]
    if not fates:
        return None
    reporting = next((name for group in groups if (name := first(group, "reporting-mta"))), "")
    return DeliveryReport(tuple(fates[:_MOST_RECIPIENTS]), _mta(reporting))


def times_told(notice: Notice) -> list[Millis]:
    """Return when the last attempts were made and, as the next best, when the message came to the reporting server."""
    groups = [group for part in _parts(notice) for group in _groups(part)]
    told = [
        value for name in ("last-attempt-date", "arrival-date") for group in groups for value in all_of(group, name)
    ]
    return [at for text in told if (at := read_time(text)) is not None]


def _parts(notice: Notice) -> Sequence[bytes]:
    if notice.statuses or not _UNLABELLED.search(notice.text):
        return notice.statuses
    begins = _BEGINS.search(notice.text)
    return (notice.text[begins.start() :].encode(),) if begins else ()


def _groups(part: bytes) -> list[Fields]:
    groups = _BLANK.split(part.strip(), _MOST_RECIPIENTS + 1)[: _MOST_RECIPIENTS + 1]
    return [fields for group in groups if (fields := read_fields(group.lstrip(b" \t")))]


def _fate(group: Fields) -> Fate | None:
    """Read the fields of one recipient; a group that names none and tells no status is about the message."""
    named = " ".join(
        (first(group, "original-recipient"), first(group, "final-recipient"), first(group, "x-actual-recipient"))
    )
    addresses = addresses_in(named)
    said = first(group, "diagnostic-code")
    given = _STATUS.search(first(group, "status"))
    if not (addresses or given or (said and first(group, "action"))):
        return None
    action = first(group, "action").partition(" ")[0].strip(" ;.").lower()
    reply = _reply(said)
    status = _better(given[0] if given else None, reply)
    if action not in _ACTIONS:
        action = "delayed" if (status or "").startswith("4") else "failed"
    until = read_time(first(group, "will-retry-until"))
    return Fate(action, addresses, status, reply, until)


def _better(status: str | None, reply: str | None) -> str | None:
    """Return the status that says most: many give `5.0.0` while the reply names the reason."""
    replied = _STATUS.search(reply or "")
    if replied and (status is None or (status.endswith(".0.0") and status[0] == replied[0][0])):
        return replied[0]
    return status


def _reply(diagnostic: str) -> str | None:
    """Return a Diagnostic-Code without its type: `smtp; 550 no` is `550 no`."""
    found = _TYPE.match(diagnostic)
    text = diagnostic[found.end() :] if found and not _CODE_FIRST.match(diagnostic) else diagnostic
    return " ".join(text.split())[:_LONGEST_REPLY].lstrip("#") or None


def _mta(value: str) -> str | None:
    """Return a Reporting-MTA as SES writes it: `dns; a.example.net`."""
    kind, separator, name = value.partition(";")
    if not separator:
        kind, name = "dns", value
    name = name.strip()[:255]
    return f"{kind.strip().lower()}; {name}" if name else None
