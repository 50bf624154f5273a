"""The list of messages, newest first, as an operator or a user looks for them.

Touches the store (reads). Called by the dashboard and by `pillarbox messages`.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pillarbox.events.types import STATE_AFTER
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import decode_text
from pillarbox.store import messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow, Search
from pillarbox.store.plan import Plan

STATES: tuple[str, ...] = tuple(dict.fromkeys(state for state, _ in STATE_AFTER.values()))
MOST_ON_A_PAGE = 200

_read_list = msgspec.json.Decoder(list[str]).decode


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the list is narrowed by; an empty value narrows nothing.

    `after` is the `next` of the page before; `since` is a time.
    """

    account: str = ""
    region: str = ""
    tenant: str = ""
    recipient: str = ""
    sender: str = ""
    subject: str = ""
    status: str = ""
    since: Millis = 0
    after: str = ""
    limit: int = 50


class Recipient(msgspec.Struct, frozen=True):
    """A recipient and what is known of their fate; `captured` mail was kept here instead of being sent."""

    address: str
    status: str
    changed_at: Millis
    captured: bool


class Summary(msgspec.Struct, frozen=True):
    """One line of the list."""

    message_id: str
    account: str
    region: str
    accepted_at: Millis
    operation: str
    configuration_set: str
    sender: str
    subject: str
    size: int
    recipients: list[Recipient]

    @property
    def captured(self) -> bool:
        return any(recipient.captured for recipient in self.recipients)


class Page(msgspec.Struct, frozen=True):
    """`next` asks for the following page; None when this is the last one."""

    messages: list[Summary]
    next: str | None


async def page(store: Store, wanted: Wanted) -> Page:
    """Return one page, newest first; Invalid when a filter cannot be understood."""
    return await store.read(_page, _search(wanted), min(max(wanted.limit, 1), MOST_ON_A_PAGE))


def summary_of(row: MessageRow, recipients: Iterable[RecipientRow], captured: frozenset[str]) -> Summary:
    return Summary(
        message_id=row.message_id,
        account=row.account,
        region=row.region,
        accepted_at=row.accepted_at,
        operation=row.operation,
        configuration_set=row.configuration_set,
        sender=decode_text(row.sender),
        subject=decode_text(row.subject),
        size=row.size,
        recipients=[Recipient(one.address, one.state, one.changed_at, one.address in captured) for one in recipients],
    )


def _search(wanted: Wanted) -> Search:
    if wanted.status and wanted.status not in STATES:
        raise Invalid(f"no status is called {wanted.status!r}; there are {', '.join(STATES)}")
    return Search(
        account=wanted.account,
        region=wanted.region,
        tenant=wanted.tenant,
        recipient=wanted.recipient,
        state=wanted.status,
        sender=wanted.sender,
        subject=wanted.subject,
        since=wanted.since,
        before=_read_place(wanted.after) if wanted.after else None,
    )


def _page(search: Search, limit: int) -> Plan[Page]:
    found: list[MessageRow] = []
    # The index leads with account and region: asked for each of them, the newest rows come without a sort.
    for scope in (yield from messages.scopes()):
        if search.account in ("", scope.account) and search.region in ("", scope.region):
            here = search._replace(account=scope.account, region=scope.region)
            found += yield from messages.newest(here, limit + 1)
    found.sort(key=lambda row: (row.accepted_at, row.message_id), reverse=True)
    shown = found[:limit]
    message_ids = [row.message_id for row in shown]
    recipients = yield from messages.recipients_of_many(message_ids)
    captured = yield from outgoing.captures_of_many(message_ids)
    more = len(found) > limit
    return Page(
        [summary_of(row, recipients.get(row.message_id, ()), _captured(captured, row.message_id)) for row in shown],
        _write_place(shown[-1]) if more else None,
    )


def _captured(captures: Mapping[str, Sequence[str]], message_id: str) -> frozenset[str]:
    return frozenset(address for listed in captures.get(message_id, ()) for address in _read_list(listed))


def _write_place(row: MessageRow) -> str:
    return f"{row.accepted_at}.{row.message_id}"


def _read_place(text: str) -> tuple[Millis, str]:
    at, _, message_id = text.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        raise Invalid("`after` is not the `next` of a page")
    return int(at), message_id
