"""Many addresses put on a list, or taken from it, at once.

Plans, each for some hundred records in one transaction. A record that cannot be
taken is told, and is no matter of the others; done twice, an import does what
it does once. Called by operate/ and by the import jobs of the API.
"""

from collections.abc import Sequence

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, NotFound, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.resources import contact_lists, contacts, suppression
from pillarbox.resources.contacts import Contact
from pillarbox.resources.import_files import BadRecord, ContactRecord, SuppressedRecord
from pillarbox.store import contacts as rows
from pillarbox.store.plan import Plan

# Few enough that others who write wait only some milliseconds.
AT_ONCE = 500


def put_suppressed(scope: Scope, records: Sequence[SuppressedRecord], now: Millis) -> Plan[list[BadRecord]]:
    """Put addresses on the suppression list; return what was wrong with those that are not there now."""
    bad = []
    for record in records:
        try:
            if record.reason is None:
                raise Invalid("there is no reason")
            yield from suppression.put(scope, record.address, record.reason, now)
        except Refusal as refusal:
            bad.append(BadRecord(record.line, str(refusal)))
    return bad


def delete_suppressed(scope: Scope, records: Sequence[SuppressedRecord]) -> Plan[list[BadRecord]]:
    """Take addresses from the suppression list; one that is not there is told."""
    bad = []
    for record in records:
        try:
            yield from suppression.delete(scope, record.address)
        except NotFound as refusal:
            bad.append(BadRecord(record.line, str(refusal)))
    return bad


def put_contacts(scope: Scope, name: str, records: Sequence[ContactRecord], now: Millis) -> Plan[list[BadRecord]]:
    """Put contacts on a list, or replace what is known of them; ListMissing when there is no such list."""
    listed = (yield from contact_lists.existing(scope, name)).contact_list
    made, bad = [], []
    for record in records:
        contact = Contact(record.address, record.preferences, record.unsubscribed, record.attributes)
        try:
            made.append(contacts.row_of(scope, listed, contact, now))
        except Refusal as refusal:
            bad.append(BadRecord(record.line, str(refusal)))
    yield from rows.put(list({row.key: row for row in made}.values()))
    return bad


def delete_contacts(scope: Scope, name: str, records: Sequence[ContactRecord]) -> Plan[list[BadRecord]]:
    """Take contacts from a list; one that is not there is told."""
    bad = []
    for record in records:
        try:
            yield from contacts.delete(scope, name, record.address)
        except (contacts.ContactMissing, Invalid) as refusal:
            bad.append(BadRecord(record.line, str(refusal)))
    return bad
