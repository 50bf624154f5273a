"""Links go on working behind nginx while the server is down, and lead nowhere else than before."""

import http.client
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pillarbox.kit.tracking_links import EVERYONE, TrackingLinks
from tests.support.nginx import fallback

MESSAGE = "010001a208f8029a-c1cde9f7-c25f-4263-80ec-0e62218f4487-000000"
TARGET = "https://shop.example/offers?id=5&mail=a%40example.net&name=K"
KEYS = {6: b"o" * 32, 7: b"k" * 32}
LINKS = TrackingLinks(KEYS)
LINK = LINKS.of_copy(MESSAGE, EVERYONE).link(1, TARGET, "k:v;")


class Reply(NamedTuple):
    status: int
    location: str | None
    kind: str | None
    body: bytes


def ask(port: int, target: str, method: str = "GET", host: str = "click.example.com") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=True)
        connection.putheader("Host", host)
        connection.putheader("User-Agent", "Mozilla/5.0 (X11) Firefox/140.0")
        connection.endheaders()
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheader("location"), answer.getheader("content-type"), answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx with nobody behind it."""
    keys = {str(number): key.hex() for number, key in KEYS.items()}
    with fallback(tmp_path_factory.mktemp("nginx") / "nginx", 1, keys) as port:
        yield port


@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        "https://shop.example/",
        "http://shop.example/a%20b?c=d+e",
        "https://shop.example/?next=https%3A%2F%2Fother.example%2F%3Fa%3Db%2526c",
        "https://shop.example/a//b/../c;d=1?x=(y)'z'",
    ],
)
def test_a_link_leads_on(alone: int, target: str) -> None:
    reply = ask(alone, LINKS.of_copy(MESSAGE, 3).link(2, target))

    assert (reply.status, reply.location) == (302, target)


def test_a_link_of_last_year_leads_on(alone: int) -> None:
    older = TrackingLinks({6: KEYS[6]}).of_copy(MESSAGE, 0).link(1, TARGET)

    assert ask(alone, older).location == TARGET


def test_a_link_that_a_client_decoded_once_more_leads_on(alone: int) -> None:
    once_more = LINK.replace("%2F", "/").replace("%3F", "?").replace("%26", "&").replace("%25", "%")

    assert ask(alone, once_more).location == TARGET


def test_a_link_that_was_encoded_once_more_leads_on(alone: int) -> None:
    assert ask(alone, "/CL0/" + LINK.removeprefix("/CL0/").replace("%", "%25")).location == TARGET


def test_whoever_asks_for_the_head_is_told_where_it_leads(alone: int) -> None:
    assert ask(alone, LINK, "HEAD").location == TARGET


@pytest.mark.parametrize(
    "target",
    [
        LINK.replace("shop.example", "evil.example"),
        LINK.replace("-000000/", "-000001/"),
        LINK.replace("=7", "=6"),
        LINK.replace("=7", "=8"),
        LINK.replace("/1/0100", "/2/0100"),
        LINK.rpartition("/")[0],
        "/CL0/https:%2F%2Fevil.example%2F",
        f"/CL0/https:%2F%2Fevil.example%2F/1/{MESSAGE}/{'A' * 43}=7",
        "/CL0/%E0%A4%A",
        "/CL0/",
        "/",
        "/ui/",
    ],
)
def test_what_is_not_signed_leads_nowhere(alone: int, target: str) -> None:
    reply = ask(alone, target)

    assert (reply.status, reply.location) == (400, None)
    assert b"evil" not in reply.body


def test_a_form_is_taken_by_nobody(alone: int) -> None:
    assert ask(alone, LINK, "POST").status == 400


def test_a_pixel_is_shown(alone: int) -> None:
    reply = ask(alone, LINKS.of_copy(MESSAGE, 0).pixel())

    assert (reply.status, reply.kind) == (200, "image/gif")
    assert reply.body.startswith(b"GIF89a")
