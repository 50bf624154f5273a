"""Opens and clicks, from the mail that was sent to the event that its sender is told."""

import email
import email.policy
import html
import http.client
import json
import re
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser

from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import SystemClock
from pillarbox.operate import history
from pillarbox.operate.history import History
from pillarbox.operate.tracking import keys
from pillarbox.store.plan import Plan, Rows
from tests.support import engine
from tests.support.nginx import fallback
from tests.support.server import RunningServer, Server
from tests.support.set_up import configuration_set_told_to

SENDER, ADA = "news@shop.example", "ada@example.net"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TARGET = "https://shop.example/offers?id=5&name=K"
MANGLINGS = tomllib.loads((Path(__file__).parents[1] / "data" / "tracking" / "manglings.toml").read_text())["mangling"]
HTML = (
    '<html><body><p>Hello</p><a ses:tags="button:buy;" href="https://shop.example/offers?id=5&amp;name=K">Buy</a>'
    '<a ses:no-track href="https://shop.example/private">Yours</a></body></html>'
)
# People in these tests are as quick as programs.
PATIENT = "[speed]\nopen_ms = 0\nclick_ms = 0\n[together]\nlinks = 3\nwithin_ms = 100\n"


# What programs send as it is; spaces and letters of other scripts they encode.
PRINTED = "".join(map(chr, range(33, 127)))


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def fetch(url: str, agent: str = FIREFOX, method: str = "GET", **headers: str) -> Reply:
    """Ask as the program of a mail's reader does, without following where it leads."""
    to = urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=20)
    try:
        target = quote(url.removeprefix(f"http://{to.netloc}"), safe=PRINTED)
        connection.request(method, target, headers={"User-Agent": agent, **headers})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class Shop:
    """An account that sends tracked mail and listens for what becomes of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ses = server.client("ses")
        self.ses.verify_domain_identity(Domain="shop.example")
        sqs, sns = server.client("sqs"), server.client("sns")
        topic = sns.create_topic(Name="tracking")["TopicArn"]
        self.queue = sqs.create_queue(QueueName="tracking")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        configuration_set_told_to(self.ses, topic, "tracked", ["open", "click"])

    def send(self, text: str = HTML, *to: str) -> str:
        message_id: str = self.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": list(to or (ADA,))},
            Message={"Subject": {"Data": "Offers"}, "Body": {"Html": {"Data": text}, "Text": {"Data": "Hello"}}},
            ConfigurationSetName="tracked",
        )["MessageId"]
        self.server.settle()
        return message_id

    def history(self, message_id: str) -> History:
        store = self.server.running.listening.store
        return self.server.running.run(history.of(store, message_id, SystemClock().now()))

    def delivered(self, message_id: str) -> str:
        """Return the HTML of the mail as it left."""
        [captured] = self.history(message_id).captured
        raw = self.server.running.run(self.server.running.listening.store.body(captured.body))
        body = email.message_from_bytes(raw, policy=email.policy.default).get_body(("html",))
        assert body is not None
        content: str = body.get_content()
        return content

    def link_and_pixel(self, message_id: str) -> tuple[str, str]:
        text = self.delivered(message_id)
        [link] = [html.unescape(url) for url in re.findall(r'href="([^"]*/CL0/[^"]*)"', text)]
        [pixel] = [html.unescape(url) for url in re.findall(r'src="([^"]*/CI0/[^"]*)"', text)]
        return link, pixel

    def told(self) -> list[dict[str, Any]]:
        """Return the opens and clicks that the queue has got, and forget them."""
        self.server.settle()
        sqs = self.server.client("sqs")
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found += [json.loads(message["Body"])] if message["Body"].startswith("{") else []
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found, key=lambda event: event[event["eventType"].lower()]["timestamp"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("tracking")
    (folder / "bots.toml").write_text(PATIENT)
    with RunningServer.started(folder / "data", dev=True, bot_rules=str(folder / "bots.toml")) as started:
        yield started


@pytest.fixture
def shop(running: RunningServer) -> Shop:
    return Shop(running.for_new_account())


def test_an_open_and_a_click_are_told_as_ses_tells_them(shop: Shop) -> None:
    message_id = shop.send()
    link, pixel = shop.link_and_pixel(message_id)
    assert 'href="https://shop.example/private"' in shop.delivered(message_id)

    opened = fetch(pixel)
    clicked = fetch(link)

    assert (opened.status, opened.headers["content-type"]) == (200, "image/gif")
    assert (clicked.status, clicked.headers["location"]) == (302, TARGET)
    opening, click = shop.told()
    assert opening["eventType"] == "Open" and click["eventType"] == "Click"
    assert opening["open"] == {
        "ipAddress": "127.0.0.1",
        "timestamp": opening["open"]["timestamp"],
        "userAgent": FIREFOX,
    }
    assert click["click"] == {
        "ipAddress": "127.0.0.1",
        "link": TARGET,
        "linkTags": {"button": ["buy"]},
        "timestamp": click["click"]["timestamp"],
        "userAgent": FIREFOX,
    }
    assert opening["mail"]["messageId"] == click["mail"]["messageId"] == message_id
    stories = [moment.story for moment in shop.history(message_id).moments[-2:]]
    assert stories == [
        f"Opened by {ADA} from 127.0.0.1",
        f"The link {TARGET} was followed by {ADA} from 127.0.0.1",
    ]


def test_every_open_is_told_and_none_is_attributed_where_several_got_the_same_mail(shop: Shop) -> None:
    message_id = shop.send(HTML, ADA, "bob@example.net")
    _, pixel = shop.link_and_pixel(message_id)

    for _ in range(3):
        fetch(pixel)

    assert [event["eventType"] for event in shop.told()] == ["Open"] * 3
    assert shop.history(message_id).moments[-1].story == "Opened from 127.0.0.1"


@pytest.mark.parametrize(
    ("agent", "method", "headers"),
    [
        ("Mozilla/5.0", "GET", {}),
        (FIREFOX, "HEAD", {}),
        (FIREFOX, "GET", {"Sec-Purpose": "prefetch"}),
        ("curl/8.14.1", "GET", {}),
    ],
)
def test_what_programs_do_is_told_and_marked(shop: Shop, agent: str, method: str, headers: dict[str, str]) -> None:
    link, _ = shop.link_and_pixel(shop.send())

    fetch(link, agent, method, **headers)

    [event] = shop.told()
    assert event["click"]["isBotEvent"] == "Likely"


def test_who_follows_all_links_at_once_is_a_program(shop: Shop) -> None:
    message_id = shop.send("".join(f'<a href="https://shop.example/{number}">{number}</a>' for number in range(4)))
    for link in re.findall(r'href="([^"]*/CL0/[^"]*)"', shop.delivered(message_id)):
        fetch(html.unescape(link))

    assert [event["click"].get("isBotEvent") for event in shop.told()] == ["Likely"] * 4


@pytest.mark.parametrize("one", MANGLINGS, ids=lambda one: one["name"].replace(" ", "-"))
def test_a_link_that_clients_have_damaged_leads_where_it_did_or_nowhere(shop: Shop, one: dict[str, Any]) -> None:
    port = shop.server.running.listening.port
    listening = shop.server.running.listening
    links = shop.server.running.run(tracking_keys.load(listening.store, listening.keyring, SystemClock().now()))
    message_id = shop.send(f'<a href="{html.escape(one["url"])}">x</a>')
    link = links.of_copy(message_id, 0).link(1, one["url"])
    signature, _, key = link.rpartition("/")[2].partition("=")
    asked = one["asked"].replace("{link}", link).replace("{id}", message_id)
    asked = asked.replace("{sig}", signature).replace("{key}", key)

    reply = fetch(f"http://127.0.0.1:{port}{asked}")

    wanted = {"whole": one["url"], "lost": one["url"], "altered": None}[one["answer"]]
    assert reply.headers.get("location") in ({wanted} if one["answer"] != "lost" else {wanted, None})
    assert (reply.status == 302) == ("location" in reply.headers) and reply.status in (302, 400)


def _stall(let_go: threading.Event) -> Plan[None]:
    """Keep the store from writing anything until it is let go."""
    yield Rows("SELECT 1")
    let_go.wait(30)


@pytest.mark.skipif(engine.IS_POSTGRES, reason="there a plan that waits keeps the whole server waiting")
def test_links_lead_on_while_the_store_stands_still_and_the_hits_arrive_later(shop: Shop) -> None:
    link, pixel = shop.link_and_pixel(shop.send())
    let_go = threading.Event()
    running = shop.server.running
    stalled = threading.Thread(target=lambda: running.run(running.listening.store.write(_stall, let_go)))
    stalled.start()
    try:
        began = time.monotonic()
        assert fetch(link).headers["location"] == TARGET
        assert fetch(pixel).status == 200
        assert time.monotonic() - began < 5
    finally:
        let_go.set()
        stalled.join()

    assert sorted(event["eventType"] for event in shop.told()) == ["Click", "Open"]


def test_behind_a_proxy_the_reader_is_known_and_without_us_the_links_lead_on(shop: Shop, tmp_path: Path) -> None:
    link, pixel = shop.link_and_pixel(shop.send())
    listening = shop.server.running.listening
    known = shop.server.running.run(keys(listening.store, listening.keyring, SystemClock().now()))

    with fallback(tmp_path / "nginx", listening.port, known) as port:
        before = [fetch(url.replace(f"localhost:{listening.port}", f"127.0.0.1:{port}")) for url in (link, pixel)]
    with fallback(tmp_path / "alone", 1, known) as port:
        alone = [fetch(url.replace(f"localhost:{listening.port}", f"127.0.0.1:{port}")) for url in (link, pixel)]

    assert [reply.status for reply in before] == [reply.status for reply in alone] == [302, 200]
    assert before[0].headers["location"] == alone[0].headers["location"] == TARGET
    assert [event["eventType"] for event in shop.told()] == ["Click", "Open"]


def test_only_a_trusted_proxy_says_for_whom_it_asks(tmp_path: Path) -> None:
    def seen(folder: Path, **settings: Any) -> str:
        (folder).mkdir()
        (folder / "bots.toml").write_text(PATIENT)
        with RunningServer.started(folder, dev=True, bot_rules=str(folder / "bots.toml"), **settings) as started:
            shop = Shop(started.for_new_account())
            link, _ = shop.link_and_pixel(shop.send())
            fetch(link, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
            [event] = shop.told()
            address: str = event["click"]["ipAddress"]
            return address

    assert seen(tmp_path / "trusting") == "203.0.113.9"
    assert seen(tmp_path / "wary", trusted_proxies=()) == "127.0.0.1"


def test_a_host_for_links_shows_nothing_else_and_records_hosts_and_paths_alone_when_told_so(tmp_path: Path) -> None:
    (tmp_path / "bots.toml").write_text(PATIENT)
    with RunningServer.started(
        tmp_path,
        dev=True,
        bot_rules=str(tmp_path / "bots.toml"),
        tracking_url="http://click.example",
        click_query="drop",
    ) as started:
        shop = Shop(started.for_new_account())
        link, _ = shop.link_and_pixel(shop.send())
        assert link.startswith("http://click.example/CL0/")
        here = f"http://127.0.0.1:{started.listening.port}"

        assert (
            fetch(here + link.removeprefix("http://click.example"), Host="click.example").headers["location"] == TARGET
        )
        for path in ("/ui/", "/metrics", "/healthz", "/", "/v2/email/account"):
            assert fetch(here + path, Host="click.example").status == 404
            assert fetch(here + path).status != 404

        [event] = shop.told()
        assert event["click"]["link"] == "https://shop.example/offers"


def test_a_reader_in_a_browser_opens_the_mail_follows_its_link_and_the_history_shows_it(
    shop: Shop, browser: Browser, tmp_path: Path
) -> None:
    message_id = shop.send(
        HTML.replace("https://shop.example/offers?id=5&amp;name=K", f"{shop.server.endpoint}/healthz")
    )
    (tmp_path / "mail.html").write_text(shop.delivered(message_id))
    page = browser.new_page()
    with page.expect_response(lambda response: "/CI0/" in response.url) as pixel:
        page.goto((tmp_path / "mail.html").as_uri())
    assert pixel.value.status == 200
    page.get_by_text("Buy").click()
    page.wait_for_url("**/healthz")
    _until(lambda: len(shop.told()) >= 2 or len(shop.history(message_id).moments) >= 4)

    page.goto(f"{shop.server.endpoint}/ui/messages/{message_id}")

    page.get_by_text("Opened by").wait_for()
    page.get_by_text("was followed by").wait_for()
    page.close()


def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_hits_that_worker_processes_answer_are_recorded_by_the_process_behind_them(tmp_path: Path) -> None:
    (tmp_path / "bots.toml").write_text(PATIENT)
    with RunningServer.started(tmp_path, dev=True, workers=2, bot_rules=str(tmp_path / "bots.toml")) as started:
        shop = Shop(started.for_new_account())
        link, pixel = shop.link_and_pixel(shop.send())

        for _ in range(10):  # each over a connection of its own, which either process may take
            assert fetch(link).status == 302
            assert fetch(pixel).status == 200

        assert sorted(event["eventType"] for event in shop.told()) == ["Click"] * 10 + ["Open"] * 10
