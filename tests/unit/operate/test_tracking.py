"""Whether a domain for tracked links leads here: by the DNS, and by who answers there."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.dns import LookupFailed, NotThere
from pillarbox.kit.errors import Invalid
from pillarbox.kit.net import Answer, Unreachable
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.operate import tracking
from pillarbox.operate.desk import Desk, Premises
from pillarbox.operate.requests import CheckTracking, answer
from pillarbox.operate.tracking import DomainReport
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock

DOMAIN, HOST = "click.shop.example", "track.mail.example"


class Zone:
    """Names with aliases and addresses; `broken` cannot be asked."""

    def __init__(self, aliases: dict[str, str], addresses: dict[str, str], broken: str = "") -> None:
        self._aliases = aliases
        self._addresses = addresses
        self._broken = broken

    async def alias(self, name: str) -> str:
        return self._found(self._aliases, name)

    async def addresses(self, name: str) -> list[object]:
        return [ip_address(self._found(self._addresses, name))]

    def _found(self, there: dict[str, str], name: str) -> str:
        if name == self._broken:
            raise LookupFailed(f"{name}: SERVFAIL")
        if name not in there:
            raise NotThere(f"{name} is not in the DNS", name_exists=False)
        return there[name]


class Web:
    """Answers by scheme with headers; what is missing is unreachable."""

    def __init__(self, **answers: dict[str, str]) -> None:
        self._answers = answers

    async def request(self, method: str, url: str, *, headers: dict[str, str], timeout_seconds: float) -> Answer:
        scheme, _, rest = url.partition("://")
        assert (method, rest) == ("GET", f"{DOMAIN}/favicon.ico")
        if scheme not in self._answers:
            raise Unreachable("connection refused")
        return Answer(200, self._answers[scheme], b"")


def ours(protocol: str) -> dict[str, str]:
    return {"X-Amz-Ses-Region": "us-east-1", "X-Amz-Ses-Request-Protocol": protocol}


async def look(zone: Zone, web: Web) -> DomainReport:
    return await tracking.look(DOMAIN, HOST, zone, web)  # type: ignore[arg-type]


async def test_a_domain_that_is_an_alias_of_ours_and_answers_by_both_can_have_any_policy() -> None:
    report = await look(Zone({DOMAIN: HOST}, {}), Web(http=ours("http"), https=ours("https")))

    assert [one.works for one in report.findings] == [True, True, True]
    assert report.https_policies == ["OPTIONAL", "REQUIRE", "REQUIRE_OPEN_ONLY"]


async def test_a_domain_without_a_certificate_cannot_require_https() -> None:
    report = await look(Zone({DOMAIN: HOST}, {}), Web(http=ours("http")))

    assert report.https_policies == ["OPTIONAL"]
    assert report.findings[-1].found == "connection refused"


async def test_a_domain_that_is_missing_is_told_what_to_publish() -> None:
    report = await look(Zone({}, {}), Web())

    assert not report.findings[0].works and f"publish a CNAME to {HOST}" in report.findings[0].found
    assert report.https_policies == []


async def test_a_domain_with_the_address_of_ours_leads_here() -> None:
    zone = Zone({}, {DOMAIN: "192.0.2.1", HOST: "192.0.2.1"})

    assert "leads to the same address" in (await look(zone, Web())).findings[0].found


async def test_a_cdn_before_us_is_said_to_be_one() -> None:
    zone = Zone({DOMAIN: "d1.cdn.example"}, {DOMAIN: "192.0.2.9", HOST: "192.0.2.1"})
    report = await look(zone, Web(https=ours("http")))

    assert report.findings[0].works and "d1.cdn.example" in report.findings[0].found
    assert "X-Forwarded-Proto" in report.findings[2].found


async def test_somebody_else_at_the_domain_is_not_us() -> None:
    report = await look(Zone({DOMAIN: HOST}, {}), Web(http={"Server": "parked"}))

    assert not report.findings[1].works and "somebody else answers" in report.findings[1].found


async def test_a_name_server_that_fails_says_nothing_of_the_domain() -> None:
    report = await look(Zone({}, {}, broken=DOMAIN), Web())

    assert not report.findings[0].works and "could not be asked" in report.findings[0].found


async def test_the_server_itself_knows_where_its_links_lead(store: Store) -> None:
    premises = Premises("", 0, (), "", sends_itself=False, links_host=HOST)
    names: Any = Zone({DOMAIN: HOST}, {})
    desk = Desk(store, Keyring({"1": bytes(32)}), StandingClock(), names=names, premises=premises)
    report = await answer(desk, CheckTracking(f"{DOMAIN}."))
    assert report.findings[0].found == f"an alias (CNAME) of {HOST}"

    with pytest.raises(Invalid, match="set `tracking_url` or `public_url`"):
        await answer(replace(desk, premises=premises._replace(links_host="")), CheckTracking(DOMAIN))


async def test_the_keys_that_are_printed_verify_what_the_server_signs(tmp_path: Path) -> None:
    keyring, now = Keyring.open_file(tmp_path / "keyring.json"), SystemClock().now()
    store = await SqliteStore.open(tmp_path)
    printed = await tracking.keys(store, keyring, now)
    links = await tracking_keys.load(store, keyring, now)
    await store.close()

    message_id = "010001a208f8029a-c1cde9f7-c25f-4263-80ec-0e62218f4487-000000"
    elsewhere = TrackingLinks({int(number): bytes.fromhex(key) for number, key in printed.items()})
    assert elsewhere.read(links.of_copy(message_id, 0).pixel().encode()) is not None
