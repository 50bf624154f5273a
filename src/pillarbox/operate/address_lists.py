"""Suppression and contact lists, as the operator fills, empties and looks at them.

Touches the store. Called through operate/requests.py. An import comes in groups
of records, each kept in one transaction before it is answered.
"""

from collections.abc import Sequence

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import imports, suppression
from pillarbox.resources.import_files import BadRecord, ContactRecord, SuppressedRecord
from pillarbox.resources.suppression_reasons import Reason, chosen


class Listed(msgspec.Struct, frozen=True):
    """An address on a suppression list, and the message that brought it there, if one did."""

    address: str
    reason: Reason
    updated_at: Millis
    message_id: str = ""


class Page(msgspec.Struct, frozen=True):
    """`next_token` is empty on the last page."""

    addresses: list[Listed]
    next_token: str = ""


async def page(desk: Desk, scope: Scope, reason: str, token: str) -> Page:
    """Return the next page of a list, those first that have been there longest."""
    reasons = chosen([reason.upper()] if reason else ())
    found = await desk.store.read(suppression.list_page, scope, reasons, None, None, token or None, None)
    addresses = [Listed(one.address, one.reason, one.updated_at, one.message_id) for one in found.addresses]
    return Page(addresses, found.next_token or "")


async def find(desk: Desk, scope: Scope, address: str) -> Page:
    """Return the page with one address, or an empty one when it is not on the list."""
    try:
        one = await desk.store.read(suppression.get, scope, address)
    except suppression.NotSuppressed:
        return Page([])
    return Page([Listed(one.address, one.reason, one.updated_at, one.message_id)])


async def put(desk: Desk, scope: Scope, records: Sequence[SuppressedRecord]) -> list[BadRecord]:
    """Put addresses on the list; return what was wrong with the others."""
    subject = _subject(records)
    planner, now = imports.put_suppressed, desk.clock.now()
    return await audit.write(desk, "suppression.put", subject, scope, planner, scope, records, now)


async def remove(desk: Desk, scope: Scope, records: Sequence[SuppressedRecord]) -> list[BadRecord]:
    return await audit.write(
        desk, "suppression.remove", _subject(records), scope, imports.delete_suppressed, scope, records
    )


async def put_contacts(desk: Desk, scope: Scope, name: str, records: Sequence[ContactRecord]) -> list[BadRecord]:
    """Put contacts on a list; ListMissing when there is none of that name."""
    subject, now = f"{name} {_subject(records)}", desk.clock.now()
    planner = imports.put_contacts
    return await audit.write(desk, "contacts.put", subject, scope, planner, scope, name, records, now)


async def remove_contacts(desk: Desk, scope: Scope, name: str, records: Sequence[ContactRecord]) -> list[BadRecord]:
    subject = f"{name} {_subject(records)}"
    planner = imports.delete_contacts
    return await audit.write(desk, "contacts.remove", subject, scope, planner, scope, name, records)


def _subject(records: Sequence[SuppressedRecord] | Sequence[ContactRecord]) -> str:
    """One address is named; of many it is told how many they were."""
    return records[0].address if len(records) == 1 else f"{len(records)} addresses"
