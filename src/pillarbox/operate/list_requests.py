"""The requests of operators that are about suppression and contact lists.

Pure but for `answer`, which works on a `Desk`. Part of operate/requests.py.
"""

from typing import Any

import msgspec

from pillarbox.kit.ids import Scope
from pillarbox.operate import address_lists
from pillarbox.operate.desk import Desk
from pillarbox.resources.import_files import ContactRecord, SuppressedRecord


class ListSuppressed(msgspec.Struct, frozen=True, tag_field="request", tag="suppression.list"):
    """Answered by an `address_lists.Page`."""

    account: str
    region: str
    reason: str = ""
    token: str = ""


class PutSuppressed(msgspec.Struct, frozen=True, tag_field="request", tag="suppression.put"):
    """Answered by a list of `BadRecord`: what was wrong with those that are not there now."""

    account: str
    region: str
    records: list[SuppressedRecord]


class RemoveSuppressed(msgspec.Struct, frozen=True, tag_field="request", tag="suppression.remove"):
    """Answered by a list of `BadRecord`: those that were not there."""

    account: str
    region: str
    records: list[SuppressedRecord]


class PutContacts(msgspec.Struct, frozen=True, tag_field="request", tag="contacts.put"):
    """Answered by a list of `BadRecord`."""

    account: str
    region: str
    name: str
    records: list[ContactRecord]


class RemoveContacts(msgspec.Struct, frozen=True, tag_field="request", tag="contacts.remove"):
    """Answered by a list of `BadRecord`."""

    account: str
    region: str
    name: str
    records: list[ContactRecord]


ListRequest = ListSuppressed | PutSuppressed | RemoveSuppressed | PutContacts | RemoveContacts


async def answer(desk: Desk, request: ListRequest) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    scope = Scope(request.account, request.region)
    match request:
        case ListSuppressed(_, _, reason, token):
            return await address_lists.page(desk, scope, reason, token)
        case PutSuppressed(_, _, records):
            return await address_lists.put(desk, scope, records)
        case RemoveSuppressed(_, _, records):
            return await address_lists.remove(desk, scope, records)
        case PutContacts(_, _, name, contacts):
            return await address_lists.put_contacts(desk, scope, name, contacts)
        case RemoveContacts(_, _, name, contacts):
            return await address_lists.remove_contacts(desk, scope, name, contacts)
