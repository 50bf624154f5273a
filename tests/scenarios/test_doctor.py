"""What the doctor says of clocks, disks, ports, certificates, names and events."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pillarbox.__main__ import main
from pillarbox.edge.smtp_tls import make_certificate
from pillarbox.events.types import Kind
from pillarbox.kit.clock import DAY
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import doctor, doctor_events, doctor_machine, doctor_names
from pillarbox.operate.desk import Desk, Door, Host, Premises
from pillarbox.operate.finding import Finding
from pillarbox.pubsub import topics
from pillarbox.resources import configuration_sets, event_destinations, identities
from pillarbox.resources.event_destinations import Wanted
from pillarbox.store.sqlite import SqliteStore
from pillarbox.upkeep.runner import Runner
from tests.scenarios.test_broken_subscribers import subscribe
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom
from tests.support.name_server import NameServer
from tests.support.promises import SCOPE
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to
from tests.support.subscriber import Subscriber


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(tmp_path)
    premises = Premises(str(tmp_path), 0, (), "", sends_itself=True)
    async with NameServer() as zone:
        made = Desk(
            store, Keyring({"1": bytes(32)}), StandingClock(NOON), service_domain="post.example.org",
            names=zone.names(), premises=premises,
        )  # fmt: skip
        made.names.zone = zone  # type: ignore[attr-defined]
        yield made
    await store.close()


_V4 = ip_address("8.8.4.4")


def zone_of(desk: Desk) -> NameServer:
    zone: NameServer = desk.names.zone  # type: ignore[attr-defined]
    return zone


def premises_of(desk: Desk, **changed: Any) -> Desk:
    assert desk.premises is not None
    return replace(desk, premises=desk.premises._replace(**changed))


def states(findings: list[Finding]) -> dict[str, str]:
    return {one.about: one.state for one in findings}


async def test_a_clock_that_has_gone_back_is_found(desk: Desk) -> None:
    await Mailroom(desk.store).accept(at=NOON + DAY)
    found = (await doctor_machine.clock(desk))[-1]
    assert found.state == "wrong" and "86400 seconds in the future" in found.found
    assert len(await doctor_machine.clock(replace(desk, clock=StandingClock(NOON + DAY)))) == 1


@pytest.mark.parametrize(("least", "state"), [(0, "ok"), (2**62, "wrong")])
async def test_a_disk_that_is_nearly_full_is_found(desk: Desk, least: int, state: str) -> None:
    [found] = await doctor_machine.disk(premises_of(desk, least_free_bytes=least))
    assert found.state == state


@pytest.mark.parametrize(
    ("service", "says", "state"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n", "ok"),
        ("smtp", b"220 mail ESMTP\r\n", "ok"),
        ("smtp", b"+OK POP3\r\n", "wrong"),
        ("http", b"HTTP/1.1 404 Not Found\r\n", "wrong"),
    ],
)
async def test_who_answers_on_a_port_is_asked(desk: Desk, service: str, says: bytes, state: str) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    about = f"port {port} ({service})"
    here = premises_of(desk, doors=(Door(service, "127.0.0.1", port),), sends_itself=False)
    assert states(await doctor_machine.ports(here))[about] == state
    server.close()
    await server.wait_closed()
    shut = next(one for one in await doctor_machine.ports(here) if one.about == about)
    assert shut.state == "wrong" and "pillarbox serve" in shut.remedy


@pytest.mark.parametrize(("dev", "state"), [(True, "ok"), (False, "warning")])
async def test_where_the_world_is_told_to_come_is_looked_at(desk: Desk, dev: bool, state: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if asked.startswith(b"GET /healthz ") else b"HTTP/1.1 404 No\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    here = premises_of(replace(desk, endpoint=url, dev=dev), sends_itself=False)
    assert states(await doctor_machine.ports(here)) == {"public_url": state}
    server.close()
    await server.wait_closed()
    assert states(await doctor_machine.ports(here)) == {"public_url": "wrong"}


@pytest.mark.parametrize(
    ("days", "url", "state"),
    [
        (0, "https://mail.example.org", "ok"),
        (0, "https://elsewhere.example.org", "wrong"),
        (-20 * 366, "https://mail.example.org", "wrong"),
    ],
)
async def test_a_certificate_is_good_for_a_while_and_for_some_names(
    desk: Desk, tmp_path: Path, days: int, url: str, state: str
) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(make_certificate("mail.example.org", NOON + days * DAY))
    doors = (Door("https", "127.0.0.1", 443),)
    here = premises_of(replace(desk, endpoint=url), certificate=str(file), doors=doors)
    [found] = await doctor_machine.certificate(here)
    assert found.state == state and "mail.example.org" in found.found


async def test_without_a_certificate_or_with_nonsense_it_is_said(desk: Desk, tmp_path: Path) -> None:
    assert states(await doctor_machine.certificate(desk)) == {"certificate": "warning"}
    file = tmp_path / "nonsense.pem"
    file.write_text("nonsense")
    assert states(await doctor_machine.certificate(premises_of(desk, certificate=str(file)))) == {
        "certificate": "wrong"
    }


async def test_the_zone_of_the_service_is_looked_up(desk: Desk) -> None:
    desk = replace(desk, hosts=(Host("mta.post.example.org", ("192.0.2.7",)),))
    before = await doctor_names.service_domain(desk)
    assert states(before)["post.example.org MX"] == "wrong"
    zone = zone_of(desk)
    zone.add("post.example.org", "MX", "10 mta.post.example.org.")
    zone.add("post.example.org", "TXT", "v=spf1 ip4:192.0.2.7 ip4:192.0.2.8 -all")  # may allow more
    zone.add("mta.post.example.org", "A", "192.0.2.9")
    after = states(await doctor_names.service_domain(desk))
    assert (after["post.example.org MX"], after["post.example.org TXT"]) == ("ok", "ok")
    assert after["mta.post.example.org A"] == "wrong"


async def test_greeting_and_pointer_have_to_name_each_other(desk: Desk) -> None:
    desk, zone = replace(desk, hosts=(Host("out.example.org", ("203.0.113.5",)),)), zone_of(desk)
    assert states(await doctor_names.egress(desk)) == {"EHLO out.example.org": "wrong"}
    zone.add("out.example.org", "A", "203.0.113.6")
    assert states(await doctor_names.egress(desk))["EHLO out.example.org"] == "wrong"
    zone.add("out.example.org", "A", "203.0.113.5")
    found = await doctor_names._pointer(desk.names, _V4, "out.example.org")
    assert (found.state, "let whoever gave you 8.8.4.4 name it out.example.org") == ("wrong", found.remedy)
    zone.add("4.4.8.8.in-addr.arpa", "PTR", "elsewhere.example.org.")
    assert "mail greets with" in (await doctor_names._pointer(desk.names, _V4, "out.example.org")).found
    zone.remove("4.4.8.8.in-addr.arpa", "PTR")
    zone.add("4.4.8.8.in-addr.arpa", "PTR", "out.example.org.")
    assert (await doctor_names._pointer(desk.names, _V4, "out.example.org")).state == "ok"


async def test_an_identity_without_its_records_is_told_which(desk: Desk) -> None:
    await desk.store.write(identities.verify_domain, SCOPE, "shop.example", NOON, False)
    found = {one.about: one for one in await doctor_names.of_identities(desk)}
    ownership, policy = found["shop.example: ownership"], found["shop.example: DMARC"]
    assert ownership.state == "wrong" and ownership.remedy.startswith("publish _amazonses.shop.example TXT ")
    assert (ownership.account, policy.state) == (SCOPE.account, "warning")
    zone_of(desk).add("_amazonses.shop.example", "TXT", ownership.remedy.split()[-1])
    zone_of(desk).add("_dmarc.shop.example", "TXT", "v=DMARC1; p=reject")
    assert set(states(await doctor_names.of_identities(desk)).values()) == {"ok"}


async def test_dev_mode_asks_for_no_records(desk: Desk) -> None:
    await desk.store.write(identities.verify_domain, SCOPE, "shop.example", NOON, True)
    [found] = await doctor_names.of_identities(replace(desk, dev=True))
    assert (found.state, found.found) == ("ok", "verified by dev mode; dev mode asks for no records")


async def test_a_destination_without_anybody_behind_it_is_found(desk: Desk) -> None:
    assert states(await doctor_events.destinations(desk)) == {"event destinations": "warning"}
    await desk.store.write(configuration_sets.create, SCOPE, "invoices", NOON)
    await desk.store.write(topics.create, SCOPE, "mail", {}, {}, NOON)
    arn = topics.arn_of(SCOPE, "mail")
    wanted = Wanted("all", True, [Kind.DELIVERY.value], ["SNS"], arn)
    await desk.store.write(event_destinations.create, SCOPE, "invoices", wanted, NOON)
    [found] = await doctor_events.destinations(desk)
    assert (found.state, found.found, found.account) == ("wrong", "mail: nobody subscribes", SCOPE.account)
    await desk.store.write(identities.verify_domain, SCOPE, "shop.example", NOON, False)
    await desk.store.write(identities.set_topic, SCOPE, "shop.example", "Bounce", arn, NOON)
    await desk.store.write(topics.delete, SCOPE, "mail")
    found_now = {one.about: one.found for one in await doctor_events.destinations(desk)}
    assert found_now == dict.fromkeys(("invoices: all", "shop.example: Bounce"), "there is no topic mail")


async def test_an_examination_goes_on_part_by_part_and_where_it_was_left(desk: Desk) -> None:
    desk = premises_of(desk, sends_itself=False)
    assert await doctor.newest(desk) is None
    begun = await doctor.ask(desk)
    runner = Runner(desk.store, doctor.Examinations(desk), desk.clock)
    for part in list(doctor.PARTS)[:2]:
        assert (await _newest(desk)).next_part == part
        assert await runner.step()
    assert await doctor.ask(desk) == await _newest(desk) != begun  # it goes on
    another = Runner(desk.store, doctor.Examinations(desk), desk.clock)
    await runner._give_back()
    while await another.step():
        pass
    ended = await _newest(desk)
    assert (ended.parts, ended.ended_at) == (list(doctor.PARTS), NOON)
    assert {one.about for one in ended.findings} >= {"clock", "disk", "certificate", "egress"}
    assert await doctor.ask(desk) == begun


async def _newest(desk: Desk) -> doctor.Examination:
    found = await doctor.newest(desk)
    assert found is not None
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose name servers are silent, with nobody else's things in it."""
    with RunningServer.started(tmp_path, dev=True, nameservers=("127.0.0.1:1",)) as running:
        yield running.for_new_account()


def printed(server: Server, capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> list[Any]:
    """Run the command against a server and return what it found."""
    folder = str(server.running.listening.settings.folder)
    assert main(["doctor", "--json", "--data", folder, "--account", server.account, *arguments]) == code
    found: list[Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_command_says_what_is_wrong_and_proves_that_events_arrive(
    server: Server, subscriber: Subscriber, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = server.client("sns").create_topic(Name="mail")["TopicArn"]
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="shop@somewhere.example")
    configuration_set_told_to(ses, topic, "shop", ["delivery"])
    proof = ("--prove", "shop@somewhere.example", "--set", "shop")
    found = printed(server, capsys, *proof, code=1)
    [destination] = [one for one in found if one["about"] == "shop: topic"]
    assert (destination["state"], destination["found"]) == ("wrong", "mail: nobody subscribes")
    assert found[-1]["found"] == "Send, Delivery: nobody is to be told"

    subscribe(server, topic, subscriber)
    found = printed(server, capsys, *proof, code=0)
    assert (found[-1]["state"], found[-1]["found"]) == ("ok", f"Send, Delivery: told to {subscriber.url}")
    listening = server.running.listening
    assert {one["about"]: one["state"] for one in found}[f"port {listening.port} (http)"] == "ok"


def test_without_a_server_the_command_says_that_nobody_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunningServer.started(tmp_path) as running:
        port = running.listening.port
    settings = tmp_path / "pillarbox.toml"
    settings.write_text(f'port = {port}\nnameservers = ["127.0.0.1:1"]\nsmtp_port = -1\n')
    assert main(["doctor", "--data", str(tmp_path), "--config", str(settings)]) == 1
    said = capsys.readouterr().out
    assert f"port {port} (http): nobody answers on 127.0.0.1" in said and "do: start the server" in said
