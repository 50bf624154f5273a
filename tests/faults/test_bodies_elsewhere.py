"""Bodies that are kept outside the store: what the place's absence and a kill do, and do not do, to mail."""

import random
import smtplib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError

from pillarbox.__main__ import main
from pillarbox.app.opening import open_as_set
from pillarbox.delivery.route import RouteTable
from pillarbox.kit.clock import HOUR, Millis, SystemClock
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import doctor_machine, moving
from pillarbox.operate.desk import Desk
from pillarbox.operate.finding import OK, WRONG
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.settings import S3Setting, Settings
from pillarbox.store import messages, outgoing
from pillarbox.store.elsewhere import ElsewhereStore, is_elsewhere, piece_of
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows
from pillarbox.upkeep.bodies_elsewhere import BodiesElsewhere
from pillarbox.upkeep.retention import Kept
from tests.faults.test_kill import Load, client
from tests.support.bucket import KEY, Bucket
from tests.support.child import Child
from tests.support.clock import NOON, StandingClock
from tests.support.promises import draft
from tests.support.server import RunningServer, Server
from tests.unit.delivery.test_worker import ToldTransport, kinds, worker_of

MESSAGE = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "A text that is kept elsewhere."}}}
TO = {"ToAddresses": ["someone@example.net"]}
KILLS = 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "mail").mkdir()
    with RunningServer.started(folder / "data", dev=True, bodies=f"folder:{folder / 'mail'}") as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> Server:
    server = running.for_new_account()
    server.client("ses").verify_email_identity(EmailAddress="a@example.com")
    return server


def folder_of(server: Server) -> Path:
    return Path(server.running.listening.settings.bodies.removeprefix("folder:"))


def send(server: Server) -> str:
    sent: str = server.client("ses").send_email(Source="a@example.com", Destination=TO, Message=MESSAGE)["MessageId"]
    return sent


def body_of(server: Server, message_id: str) -> bytes:
    row = server.read(messages.get, message_id)
    assert row is not None
    assert is_elsewhere(row.body)
    return server.running.run(server.running.listening.store.body(row.body))


def test_mail_is_sent_and_shown_with_its_body_in_a_folder(server: Server) -> None:
    message_id = send(server)
    server.settle()

    assert b"kept elsewhere" in body_of(server, message_id)
    assert list((folder_of(server)).glob(f"*/{server.account}/*"))


def test_a_bulk_send_puts_the_bodies_of_all_away(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_template(TemplateName="t", TemplateContent={"Subject": "x", "Text": "Dear {{name}}"})
    entries = [{"Destination": {"ToAddresses": [f"{name}@example.net"]}} for name in ("ada", "bob")]
    content = {"Template": {"TemplateName": "t", "TemplateData": '{"name": "you"}'}}
    sent = ses.send_bulk_email(FromEmailAddress="a@example.com", DefaultContent=content, BulkEmailEntries=entries)[
        "BulkEmailEntryResults"
    ]
    for one in sent:
        assert b"Dear you" in body_of(server, one["MessageId"])


def test_while_the_folder_is_away_nothing_is_promised_at_any_door(server: Server) -> None:
    folder = folder_of(server)
    folder.rename(folder.with_name("away"))
    try:
        with pytest.raises(ClientError) as refused:
            send(server)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        with smtplib.SMTP("127.0.0.1", server.running.listening.smtp_port, timeout=10) as smtp:
            smtp.login(server.account, "us-east-1")
            with pytest.raises(smtplib.SMTPDataError) as not_taken:
                smtp.sendmail("a@example.com", ["someone@example.net"], "From: a@example.com\r\nSubject: x\r\n\r\ny")
        assert not_taken.value.smtp_code == 451
    finally:
        folder.with_name("away").rename(folder)
    assert server.client("ses").get_send_quota()["SentLast24Hours"] == 0
    assert send(server)


async def stored(tmp_path: Path) -> ElsewhereStore:
    (tmp_path / "mail").mkdir(exist_ok=True)
    store = await open_as_set(Settings(data=str(tmp_path), bodies=f"folder:{tmp_path / 'mail'}"))
    assert isinstance(store, ElsewhereStore)
    return store


async def accepted(store: ElsewhereStore, at: Millis) -> str:
    """Accept a message as the doors do."""
    standings = Standings(store, StandingClock(at), any_sender=True, sandbox=False)
    return await Sender(store, standings, RouteTable()).send(draft(), at)


async def test_mail_whose_body_is_away_waits_and_is_delivered_when_it_is_back(tmp_path: Path) -> None:
    store, clock, transport = await stored(tmp_path), StandingClock(NOON), ToldTransport()
    try:
        message_id = await accepted(store, NOON)
        worker = worker_of(store, transport, clock)
        (tmp_path / "mail").rename(tmp_path / "away")
        for _ in range(3):
            with pytest.raises(Unavailable):
                await worker.step()
            clock.at += HOUR
        assert (await kinds(store, message_id), await store.read(outgoing.size)) == (["Send"], 1)

        (tmp_path / "away").rename(tmp_path / "mail")
        assert await worker.step()
        assert await kinds(store, message_id) == ["Send", "Delivery"]
    finally:
        await store.close()


async def test_the_doctor_says_whether_the_place_is_there(tmp_path: Path) -> None:
    store = await stored(tmp_path)
    try:
        desk = Desk(store, Keyring({"1": bytes(32)}), StandingClock(NOON))
        assert [one.state for one in await doctor_machine.bodies(desk)] == [OK]
        (tmp_path / "mail").rename(tmp_path / "away")
        (found,) = await doctor_machine.bodies(desk)
        assert found.state == WRONG
        assert "No such file" in found.found
        assert await doctor_machine.bodies(replace(desk, store=store.store)) == []
    finally:
        await store.close()


async def test_bodies_travel_with_a_store_that_is_carried_elsewhere(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a", "b", "c")]
    for place in places:
        place.mkdir()
    first = await stored(places[0])
    message_id = await accepted(first, NOON)
    await moving.export(first, tmp_path / "out", StandingClock(), lambda *_: None)
    body = await content(first, message_id)
    await first.close()

    second = await stored(places[1])
    await moving.import_(second, tmp_path / "out", StandingClock(), lambda *_: None)
    assert await content(second, message_id) == body
    assert await pieces_referred_to(second) == pieces(places[1] / "mail")
    await second.close()

    inside = await open_as_set(Settings(data=str(places[2])))
    await moving.import_(inside, tmp_path / "out", StandingClock(), lambda *_: None)
    assert await content(inside, message_id) == body
    await inside.close()


async def test_a_backup_is_whole_without_the_bodies_that_are_elsewhere_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    store = await stored(tmp_path / "a")
    await accepted(store, NOON)
    await store.close()
    monkeypatch.setenv("PILLARBOX_BODIES", f"folder:{tmp_path / 'a' / 'mail'}")

    assert main(["backup", str(tmp_path / "copy"), "--data", str(tmp_path / "a")]) == 0
    assert main(["restore", str(tmp_path / "copy"), "--data", str(tmp_path / "b")]) == 0

    told = capsys.readouterr().out
    assert "1 messages" in told
    assert "mail are not in it; copy that now" in told
    assert "mail before you serve" in told


async def test_kills_leave_no_promise_without_its_body_and_no_body_without_a_promise(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    chance, promised = random.Random(8025), list[str]()
    for kill in range(KILLS):
        with Child(tmp_path, bodies=f"folder:{tmp_path / 'mail'}", workers=kill) as child:
            if not kill:
                ses = client("ses", child.endpoint)
                ses.verify_email_identity(EmailAddress="a@example.com")
                ses.create_configuration_set(ConfigurationSet={"Name": "all"})
            load = Load(child.endpoint)
            threading.Event().wait(chance.uniform(0.02, 0.4))  # when the kill comes, not what it waits for
            child.kill()
            promised += load.join()
    assert promised
    store = await stored(tmp_path)
    try:
        rows = [await store.read(messages.get, one) for one in promised]
        assert None not in rows
        assert len(await store.bodies([row.body for row in rows if row])) == len(promised)

        after = SystemClock().now() + 4 * HOUR
        duty = BodiesElsewhere(store, store.place, Kept(30, 180), StandingClock(after))
        while await duty.due_at() <= after:
            await duty.work(after)
        assert await pieces_referred_to(store) == pieces(tmp_path / "mail")
    finally:
        await store.close()


def test_mail_goes_out_from_a_bucket_and_waits_while_that_is_away(tmp_path: Path) -> None:
    with Bucket.made("mail") as bucket:
        given = msgspec.convert({"endpoint": bucket.endpoint, **KEY}, S3Setting)
        with RunningServer.started(tmp_path, dev=True, bodies="s3://mail/bodies", s3=given) as running:
            server = running.for_new_account()
            server.client("ses").verify_email_identity(EmailAddress="a@example.com")
            message_id = send(server)
            server.settle()
            assert b"kept elsewhere" in body_of(server, message_id)
            objects = bucket.client().list_objects_v2(Bucket="mail", Prefix="bodies/")["Contents"]
            assert [one["Key"].split("/")[2] for one in objects] == [server.account]

            bucket.stop()
            with pytest.raises(ClientError) as refused:
                send(server)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


async def content(store: Store, message_id: str) -> bytes:
    row = await store.read(messages.get, message_id)
    assert row is not None
    return await store.body(row.body)


async def pieces_referred_to(store: Store) -> set[str]:
    def every() -> Plan[set[str]]:
        return {piece_of(body) for (body,) in (yield Rows("SELECT body FROM messages"))}

    return await store.read(every)


def pieces(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*-*") if file.is_file()}
