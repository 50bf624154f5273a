"""A server that is killed while links are followed: every click that was answered is told, and told once."""

import http.client
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from pillarbox.store.sqlite import SqliteStore
from tests.support.child import Child

SENDER, ADA = "news@shop.example", "ada@example.net"
KILLS = 4
PATIENCE_SECONDS = 60


def _send(child: Child) -> str:
    ses = boto3.client(
        "ses",
        endpoint_url=child.endpoint,
        region_name="us-east-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
    )
    ses.verify_email_identity(EmailAddress=SENDER)
    body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    message_id: str = ses.send_email(Source=SENDER, Destination={"ToAddresses": [ADA]}, Message=body)["MessageId"]
    return message_id


async def _links(folder: Path) -> TrackingLinks:
    """Read the keys of a server that does not run."""
    store = await SqliteStore.open(folder)
    try:
        return await tracking_keys.load(store, Keyring.open_file(folder / "keyring.json"), SystemClock().now())
    finally:
        await store.close()


def _click(endpoint: str, links: TrackingLinks, message_id: str, first: int, answered: set[str]) -> None:
    """Follow one link after the other until the server is gone, and note which were answered."""
    to = urlsplit(endpoint)
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=PATIENCE_SECONDS)
    try:
        for number in range(first, first + 1_000_000):
            target = f"https://shop.example/{number}"
            connection.request("GET", links.of_copy(message_id, 0).link(1, target))
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.getheader("location")) == (302, target)
            answered.add(target)
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()


def _clicks(folder: Path, message_id: str) -> Counter[str]:
    history = Client(folder / "admin.sock").ask(ShowHistory(message_id), History)
    stories = [moment.story for moment in history.moments if moment.kind == "Click"]
    return Counter(story.removeprefix("The link ").partition(" was followed")[0] for story in stories)


async def test_kills_lose_no_click_that_was_answered_and_tell_none_twice(tmp_path: Path) -> None:
    with Child(tmp_path) as child:
        message_id = _send(child)
    links = await _links(tmp_path)
    answered: set[str] = set()
    for round_ in range(KILLS):
        before = len(answered)
        with Child(tmp_path) as child:
            clicking = threading.Thread(
                target=_click, args=(child.endpoint, links, message_id, 1_000_000 * (round_ + 1), answered)
            )
            clicking.start()
            while len(answered) < before + 100 and clicking.is_alive():
                time.sleep(0.001)
            child.kill()
            clicking.join(PATIENCE_SECONDS)
    assert len(answered) >= 100 * KILLS

    with Child(tmp_path):
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while list((tmp_path / "hits").iterdir()):
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        told = _clicks(tmp_path, message_id)
    assert answered <= told.keys()
    assert len(told.keys() - answered) <= KILLS  # answered, and the answer did not arrive
    assert set(told.values()) == {1}
