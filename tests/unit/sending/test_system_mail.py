"""What the service writes of its own is promised once, under no customer's account."""

import msgspec
import pytest

from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.events.types import MailFacts
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.sending.system_mail import SystemMail, promise
from pillarbox.store import events, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from tests.support.clock import NOON

ROUTE = RouteTable([Rule("smtp")])
SCOPE = Scope(SERVICE_ACCOUNT, "eu-west-1")
RAW = b"From: no-reply@mail.example.org\r\nTo: a@example.com\r\nSubject: Hello\r\n\r\nBody\r\n"


def _mail(key: str = "one", recipient: str = "a@example.com") -> SystemMail:
    return SystemMail(key, "eu-west-1", recipient, RAW)


async def _promised(store: Store, *mails: SystemMail) -> list[str | None]:
    def plan() -> Plan[list[str | None]]:
        return (yield from promise(mails, ROUTE, NOON))

    return await store.write(plan)


async def test_it_goes_the_road_of_all_mail_with_the_null_return_path(store: Store) -> None:
    (message_id,) = await _promised(store, _mail())

    assert message_id
    message = await store.read(messages.get, message_id)
    assert message
    assert (message.scope, message.subject, message.sender) == (SCOPE, "Hello", "no-reply@mail.example.org")
    assert await store.body(message.body) == RAW
    assert msgspec.json.decode(message.mail, type=MailFacts).return_path == ""
    (row,) = await store.read(outgoing.of_message, message_id)
    assert (row.transport, row.recipients, row.due_at) == ("smtp", '["a@example.com"]', NOON)


async def test_it_uses_no_quota(store: Store) -> None:
    await _promised(store, _mail())

    assert await store.read(messages.recipients_since, SCOPE, 0) == 0


async def test_the_same_key_sends_nothing_again(store: Store) -> None:
    first, other = await _promised(store, _mail("one"), _mail("two"))

    assert first and other and first != other
    again, third, twice = await _promised(store, _mail("one"), _mail("three"), _mail("three"))
    assert (again, bool(third), twice) == (None, True, None)
    assert await store.read(outgoing.size) == 3


async def test_a_recipient_that_is_no_address_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(Refusal):
        await _promised(store, _mail("one"), _mail("two", "nobody"))

    assert await store.read(outgoing.size) == 0
    assert all(await _promised(store, _mail("one")))


async def test_its_history_is_told_like_any_other(store: Store) -> None:
    (message_id,) = await _promised(store, _mail())

    assert message_id
    assert [row.kind for row in await store.read(events.of_message, message_id)] == ["Send"]
