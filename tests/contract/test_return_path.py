"""The return path as servers meet it: what is offered, taken, put off and refused, by SMTP."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, TypeVar

import pytest

from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.verp import ReturnPaths
from pillarbox.edge.return_path import ReturnPathDoor
from pillarbox.edge.returns import House, Returns
from pillarbox.edge.smtp_door import Limits
from pillarbox.edge.smtp_tls import load
from pillarbox.kit.clock import MINUTE
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import identities, identity_mail_from
from pillarbox.resources.identity_mail_from import Asked
from pillarbox.sending.accept import keep_promises
from pillarbox.store import events, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.messages import Search
from pillarbox.store.outgoing import OutgoingRow
from tests.support.clock import NOON, StandingClock
from tests.support.promises import SCOPE, draft, promise

T = TypeVar("T")

ADA = "ada@example.net"
DOMAIN = "mail.service.example"
OPERATOR = "ops@elsewhere.example"
HELLO = b"From: eve@example.org\r\nSubject: Hello\r\n\r\nWho are you?\r\n"


class Faulty:
    """A store whose next writes fail as often as `failures` says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures = 0

    async def write(self, planner: Callable[..., Any], *args: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is full")
        return await self._store.write(planner, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Town:
    """The door on a port, with a message that has left."""

    store: Store
    faulty: Faulty
    clock: StandingClock
    paths: ReturnPaths
    port: int
    message_id: str = ""

    @property
    def return_path(self) -> str:
        return f"{self.paths.make(self.message_id, 0)}@{DOMAIN}"

    async def speak(self, say: Callable[[smtplib.SMTP], T]) -> T:
        """Say something as a server that has greeted, off the loop."""

        def conversation() -> T:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
                client.ehlo()
                return say(client)

        return await asyncio.to_thread(conversation)

    async def bring(self, raw: bytes, *to: str) -> tuple[int, bytes]:
        """Bring a mail and return the reply to its end."""

        def say(client: smtplib.SMTP) -> tuple[int, bytes]:
            assert client.mail("")[0] == 250
            for address in to:
                code, text = client.rcpt(address)
                if code != 250:
                    return code, text
            return client.data(raw)

        return await self.speak(say)

    async def kinds(self) -> list[str]:
        return sorted(row.kind for row in await self.store.read(events.of_message, self.message_id))

    async def rows_of_the_service(self) -> list[OutgoingRow]:
        found = await self.store.read(messages.newest, Search(SERVICE_ACCOUNT), 10)
        return [row for one in found for row in await self.store.read(outgoing.of_message, one.message_id)]

    def report(self) -> bytes:
        date = formatdate(self.clock.at / 1000)
        return (
            f"From: MAILER-DAEMON@mx.example.net\r\nSubject: failure notice\r\nDate: {date}\r\n\r\n"
            f"<{ADA}>:\r\n550 5.1.1 no such user\r\n"
        ).encode()


@pytest.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    clock = StandingClock(NOON)
    keyring = Keyring({"1": bytes(32)})
    faulty = Faulty(store)
    paths = await ReturnPaths.load(store, keyring, NOON)
    returns = Returns(faulty, paths, House(DOMAIN, OPERATOR, RouteTable([Rule("smtp")])), clock)
    tls = await load(store, keyring, f"mta.{DOMAIN}", ("", ""), NOON)
    limits = Limits(connections=4, idle_seconds=10.0, in_flight_bytes=50_000)
    door = ReturnPathDoor(returns, clock, tls, name=f"mta.{DOMAIN}", limits=limits)
    made = promise(draft(ADA), NOON)
    assert await store.commit(keep_promises, made) is None
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    async with door.serving(listener):
        yield Town(store, faulty, clock, paths, listener.getsockname()[1], made.message.message_id)


async def has_mail_from(town: Town, domain: str, *, verified: bool) -> None:
    name = domain.partition(".")[2]
    await town.store.write(identities.verify_domain, SCOPE, name, NOON, True)
    asked = Asked(domain, None, "service.example", at_once=verified)
    await town.store.write(identity_mail_from.set_domain, SCOPE, name, asked, NOON)


async def test_people_write_to_the_mail_from_domains_of_senders_too(town: Town) -> None:
    await has_mail_from(town, "bounce.customer.example", verified=True)
    await has_mail_from(town, "bounce.other.example", verified=False)

    assert await town.bring(HELLO, "Abuse@Bounce.Customer.example") == (250, b"Ok")
    (row,) = await town.rows_of_the_service()
    assert (row.transport, row.recipients) == ("smtp", f'["{OPERATOR}"]')
    body = await town.store.read(messages.get, row.message_id)
    assert body and b"abuse@bounce.customer.example" in await town.store.body(body.body)
    for address in ("abuse@bounce.other.example", "abuse@customer.example", "abuse@bounce.customer.exampl_"):
        assert (await town.bring(HELLO, address))[0] == 550


async def test_who_asks_for_many_domains_is_put_off(town: Town) -> None:
    for _ in range(32):
        replies = await town.speak(
            lambda client: [client.mail("")[0]] + [client.rcpt(f"abuse@{n}.example")[0] for n in range(19)]
        )
    assert replies[1] == 550 and replies[-1] == 451


async def test_what_is_offered_is_what_a_mail_exchanger_owes_and_no_login(town: Town) -> None:
    features, greeting = await town.speak(lambda client: (client.esmtp_features, client.ehlo_resp))

    assert greeting and greeting.startswith(f"mta.{DOMAIN}".encode())
    assert features == {"8bitmime": "", "size": "41943040", "starttls": "", "ok": ""}
    assert await town.speak(lambda client: client.docmd("AUTH", "PLAIN AGEAYg==")) == (
        500,
        b"Error: command not recognized",
    )


async def test_mail_can_be_brought_under_tls(town: Town) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def say(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.starttls(context=context)
        client.ehlo()
        client.mail("")
        client.rcpt(town.return_path)
        return client.data(town.report())

    assert await town.speak(say) == (250, b"Ok")
    assert await town.kinds() == ["Bounce", "Send"]


async def test_commands_come_in_their_order(town: Town) -> None:
    def say(client: smtplib.SMTP) -> list[int]:
        answers = [client.docmd("RCPT", f"TO:<{town.return_path}>")[0], client.docmd("DATA")[0]]
        answers += [client.mail("")[0], client.mail("")[0], client.docmd("DATA")[0]]
        answers += [client.docmd("RCPT", "TO:<>")[0], client.docmd("RCPT", "TO:nobody")[0]]
        return answers

    assert await town.speak(say) == [503, 503, 250, 503, 503, 501, 501]

    def unfriendly() -> int:
        with smtplib.SMTP("127.0.0.1", town.port, timeout=20) as client:
            return client.docmd("MAIL", "FROM:<>")[0]

    assert await asyncio.to_thread(unfriendly) == 503


@pytest.mark.parametrize("sender", ["", "mailer-daemon@example.net"])
async def test_any_sender_may_bring_mail_back_and_the_null_one_too(town: Town, sender: str) -> None:
    def say(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail(sender)
        client.rcpt(town.return_path)
        return client.data(town.report())

    assert await town.speak(say) == (250, b"Ok")


@pytest.mark.parametrize(
    "address, code",
    [
        (f"postmaster@{DOMAIN}", 250),
        (f"ABUSE@{DOMAIN.upper()}", 250),
        (f"abuse@mta.{DOMAIN}", 250),
        ("Postmaster", 250),
        ("abuse", 550),
        ("postmaster@example.org", 550),
        (f"postmaster@un{DOMAIN}", 550),
        (f"info@{DOMAIN}", 550),
        ("someone@example.org", 550),
    ],
)
async def test_nothing_is_taken_but_for_addresses_of_ours(town: Town, address: str, code: int) -> None:
    def say(client: smtplib.SMTP) -> int:
        client.mail("")
        return client.rcpt(address)[0]

    assert await town.speak(say) == code


async def test_the_signed_address_counts_at_any_domain_that_leads_here(town: Town) -> None:
    local_part = town.return_path.partition("@")[0]

    assert await town.bring(town.report(), f"{local_part.upper()}@bounces.shop.example") == (250, b"Ok")
    assert await town.kinds() == ["Bounce", "Send"]


async def test_an_address_that_was_changed_is_refused(town: Town) -> None:
    local_part, _, domain = town.return_path.partition("@")
    for place in range(0, len(local_part), 6):
        changed = local_part[:place] + ("a" if local_part[place] != "a" else "b") + local_part[place + 1 :]
        assert (await town.bring(town.report(), f"{changed}@{domain}"))[0] == 550
    assert await town.kinds() == ["Send"]


async def test_mail_for_people_goes_to_the_operator(town: Town) -> None:
    assert await town.bring(HELLO, f"postmaster@{DOMAIN}") == (250, b"Ok")
    assert await town.bring(HELLO, f"postmaster@{DOMAIN}") == (250, b"Ok")

    (row,) = await town.rows_of_the_service()
    assert (row.scope, row.transport, row.recipients) == (
        Scope(SERVICE_ACCOUNT, "us-east-1"),
        "smtp",
        f'["{OPERATOR}"]',
    )


async def test_mail_of_our_own_that_comes_round_is_kept_and_not_sent_on(town: Town) -> None:
    await town.bring(HELLO.replace(b"eve@example.org", f"MAILER-DAEMON@{DOMAIN}".encode()), f"abuse@{DOMAIN}")

    (row,) = await town.rows_of_the_service()
    assert (row.transport, row.recipients) == ("capture", f'["abuse@{DOMAIN}"]')


async def test_a_mail_may_be_for_several(town: Town) -> None:
    assert await town.bring(town.report(), town.return_path, f"abuse@{DOMAIN}") == (250, b"Ok")

    assert await town.kinds() == ["Bounce", "Send"]
    assert len(await town.rows_of_the_service()) == 1


async def test_more_than_sixty_of_one_message_in_a_minute_are_put_off(town: Town) -> None:
    def say(client: smtplib.SMTP) -> list[int]:
        codes = []
        for _ in range(61):
            client.mail("")
            codes.append(client.rcpt(town.return_path)[0])
            client.rset()
        return codes

    assert await town.speak(say) == [250] * 60 + [451]
    town.clock.at += MINUTE
    assert (await town.bring(town.report(), town.return_path))[0] == 250


async def test_complaints_go_on_when_people_have_written_too_much(town: Town) -> None:
    def say(client: smtplib.SMTP) -> list[int]:
        codes = []
        for number in range(61):
            client.mail("")
            client.rcpt(f"abuse@{DOMAIN}")
            codes.append(client.data(HELLO + str(number).encode())[0])
        return codes

    assert await town.speak(say) == [250] * 60 + [451]
    returned = f"Subject: complaint about message from 198.51.100.7\r\nDate: {formatdate(NOON / 1000)}\r\n"
    returned += "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    returned += f"Return-Path: <{town.return_path}>\r\nTo: {ADA}\r\n\r\nHello\r\n--b--\r\n"
    assert await town.bring(returned.encode(), f"abuse@{DOMAIN}") == (250, b"Ok")
    assert await town.kinds() == ["Complaint", "Send"]


async def test_what_is_too_long_is_refused_and_what_does_not_fit_now_put_off(town: Town) -> None:
    assert (await town.speak(lambda client: client.docmd("MAIL", "FROM:<> SIZE=50000000")))[0] == 552
    assert (await town.bring(town.report() + b"x\r\n" * 30_000, town.return_path))[0] == 451
    assert await town.kinds() == ["Send"]


async def test_nothing_is_acknowledged_that_is_not_on_disk(town: Town) -> None:
    town.faulty.failures = 1
    report = town.report()

    assert (await town.bring(report, town.return_path))[0] == 451
    assert await town.kinds() == ["Send"]
    assert (await town.bring(report, town.return_path))[0] == 250
    assert await town.kinds() == ["Bounce", "Send"]


async def test_what_cannot_be_read_as_a_report_is_taken_and_changes_nothing(town: Town) -> None:
    assert await town.bring(b"\xff\x00 no header at all", town.return_path) == (250, b"Ok")
    assert await town.kinds() == ["Send"]


async def test_a_connection_too_many_is_told_to_come_later(town: Town) -> None:
    def crowd() -> int:
        clients = [smtplib.SMTP("127.0.0.1", town.port, timeout=20) for _ in range(4)]
        try:
            with pytest.raises(smtplib.SMTPConnectError) as refused:
                smtplib.SMTP("127.0.0.1", town.port, timeout=20)
            return refused.value.smtp_code
        finally:
            for client in clients:
                client.close()

    assert await asyncio.to_thread(crowd) == 421
