"""Who sees the pages, and whose mail."""

import base64

import pytest

from pillarbox.dashboard.access import host_name
from pillarbox.kit.clock import MINUTE
from pillarbox.kit.ids import Scope
from pillarbox.resources import credentials
from tests.support.filled import NOON
from tests.unit.dashboard.conftest import Dashboard

OTHER = Scope("210987654321", "us-east-1")


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def key_of(dashboard: Dashboard, account: str) -> dict[str, str]:
    made = await dashboard.store.write(credentials.create, account, "ada", dashboard.keyring, NOON)
    return basic(made.key_id, made.secret)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8025", 200),
        ("127.0.0.1", 200),
        ("[::1]:8025", 200),
        ("LOCALHOST", 200),
        ("mail.example.com", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
async def test_dev_mode_answers_names_of_this_machine_only(dashboard: Dashboard, host: str, status: int) -> None:
    dashboard.built(dev=True, hosts=frozenset({"mail.example.com"}))
    await dashboard.room.accept(subject="Private")
    answer = await dashboard.get("/ui/messages", host=host)
    assert answer.status == status
    assert ("Private" in answer.text) == (status == 200)


@pytest.mark.parametrize(
    ("host", "name"), [("[::1]:80", "::1"), ("a.example:80", "a.example"), ("a.example", "a.example")]
)
def test_a_host_header_names_a_host(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic " + base64.b64encode(b"nocolon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        basic("AKIAUNKNOWN", ""),
        basic("AKIAUNKNOWN", "secret"),
    ],
)
async def test_outside_dev_mode_nobody_sees_anything_without_a_key(
    dashboard: Dashboard, headers: dict[str, str]
) -> None:
    dashboard.built(dev=False)
    sent = await dashboard.room.accept(subject="Private", html="Private")
    paths = (
        "",
        "messages.json",
        f"messages/{sent}",
        f"messages/{sent}.json",
        f"messages/{sent}/html",
        f"messages/{sent}/source",
    )
    for number, path in enumerate(paths):  # from a client each, because guessing is held off
        asked = {"Accept": "application/json", **headers}
        answer = await dashboard.get(f"/ui/{path}", asked, client=f"192.0.2.{number}")
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "Private" not in answer.text


async def test_a_key_shows_its_own_account_only(dashboard: Dashboard) -> None:
    dashboard.built(dev=False)
    mine = await dashboard.room.accept(subject="Mine")
    theirs = await dashboard.room.accept(subject="Theirs", scope=OTHER, html="Theirs")
    signed_in = await key_of(dashboard, "123456789012")
    page = (await dashboard.get("/ui/messages?account=210987654321", signed_in)).text
    assert "Mine" in page and "Theirs" not in page and 'name="account"' not in page
    assert (await dashboard.get(f"/ui/messages/{mine}", signed_in)).status == 200
    for path in (theirs, f"{theirs}.json", f"{theirs}/html", f"{theirs}/source"):
        answer = await dashboard.get(f"/ui/messages/{path}", signed_in)
        assert answer.status == 404 and "Theirs" not in answer.text


async def test_a_revoked_key_or_a_wrong_secret_shows_nothing(dashboard: Dashboard) -> None:
    dashboard.built(dev=False)
    made = await dashboard.store.write(credentials.create, "123456789012", "ada", dashboard.keyring, NOON)
    assert (await dashboard.get("/ui/", basic(made.key_id, made.secret))).status == 200
    assert (await dashboard.get("/ui/", basic(made.key_id, made.secret + "x"))).status == 401
    await dashboard.store.write(credentials.revoke, made.key_id)
    assert (await dashboard.get("/ui/", basic(made.key_id, made.secret))).status == 401
    assert (await dashboard.get("/ui/", basic(made.key_id, ""))).status == 401


async def test_guessing_is_held_off_from_where_it_comes(dashboard: Dashboard) -> None:
    dashboard.built(dev=False)
    signed_in = await key_of(dashboard, "123456789012")
    for _ in range(5):
        assert (await dashboard.get("/ui/", basic("AKIA", "guess"))).status == 401
    stopped = await dashboard.get("/ui/", basic("AKIA", "guess"))
    assert (stopped.status, stopped.headers["retry-after"]) == (429, "60")
    assert (await dashboard.get("/ui/", basic("AKIA", "guess"), client="192.0.2.8")).status == 401
    assert (await dashboard.get("/ui/", signed_in)).status == 200
    dashboard.clock.at += MINUTE + 1
    assert (await dashboard.get("/ui/", basic("AKIA", "guess"))).status == 401
