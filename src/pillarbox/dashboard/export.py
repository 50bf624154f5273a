"""Messages as CSV, for spreadsheets: a line for each recipient, as many as fit the filters.

Reads page by page while it is being sent, so that it takes no more memory for
a million lines than for a hundred. Used by the page of messages.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterator

import msgspec
from starlette.responses import StreamingResponse

from pillarbox.kit.clock import iso
from pillarbox.operate import messages
from pillarbox.operate.messages import MOST_ON_A_PAGE, Page, Summary, Wanted
from pillarbox.store.engine import Store

_COLUMNS = (
    "accepted_at",
    "message_id",
    "account",
    "region",
    "configuration_set",
    "from",
    "subject",
    "to",
    "status",
    "changed_at",
    "captured",
)
# A spreadsheet takes what begins so for a formula, whoever wrote it.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def as_csv(store: Store, wanted: Wanted) -> StreamingResponse:
    """Return every message that fits; Invalid when a filter cannot be understood."""
    wanted = msgspec.structs.replace(wanted, limit=MOST_ON_A_PAGE)
    first = await messages.page(store, wanted)
    headers = {"Content-Disposition": 'attachment; filename="messages.csv"'}
    return StreamingResponse(_lines(store, wanted, first), headers=headers, media_type="text/csv; charset=utf-8")


async def _lines(store: Store, wanted: Wanted, page: Page) -> AsyncIterator[str]:
    yield _written([_COLUMNS])
    while True:
        yield _written(row for message in page.messages for row in _rows(message))
        if page.next is None:
            return
        page = await messages.page(store, msgspec.structs.replace(wanted, after=page.next))


def _rows(message: Summary) -> Iterator[tuple[str, ...]]:
    accepted_at = iso(message.accepted_at)
    about = (message.message_id, message.account, message.region, message.configuration_set)
    for one in message.recipients:
        captured = "yes" if one.captured else ""
        fate = (one.address, one.status, iso(one.changed_at), captured)
        yield (accepted_at, *about, message.sender, message.subject, *fate)


def _written(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
