"""The page behind a verification link: what it shows, what its button does, and that looking changes nothing."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from pillarbox.edge.verification import VerificationPages
from pillarbox.kit.clock import HOUR, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import address_verification, custom_verification, identities
from pillarbox.resources.address_verification import Link, seal
from pillarbox.resources.custom_verification import CustomTemplate
from pillarbox.store import audit
from pillarbox.store.engine import Store
from pillarbox.wire.request import Response
from tests.support.clock import StandingClock

NOON: Millis = 1_800_014_400_000
SCOPE = Scope("123456789012", "us-east-1")
ODD = "b&'x'=b@example.com"  # legal, and special in HTML
WELCOME = CustomTemplate("welcome", "d@example.com", "s", "c", "https://example.com/yes", "https://example.com/no")


class Site(NamedTuple):
    pages: VerificationPages
    store: Store
    clock: StandingClock
    keyring: Keyring

    async def path(self, template: str = "") -> str:
        """Return the path of a new link for ODD."""
        await self.store.write(identities.verify_address, SCOPE, ODD, self.clock.now(), False)
        return f"/verification/{seal(Link(*SCOPE, ODD, self.clock.now(), template), self.keyring)}"

    async def ask(self, method: str, path: str) -> Response:
        return await self.pages.answer(method, path, "192.0.2.1")

    async def status(self) -> str:
        return (await self.store.read(identities.existing, SCOPE, ODD)).status


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    clock, keyring = StandingClock(NOON), Keyring({"1": bytes(32)})
    yield Site(VerificationPages(store, keyring, clock), store, clock, keyring)


def headers(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers}


async def test_the_page_asks_in_plain_words_and_escapes_what_strangers_wrote(site: Site) -> None:
    page = await site.ask("GET", await site.path())
    text = page.body.decode()
    assert page.status == 200
    assert "b&amp;&#39;x&#39;=b@example.com" in text
    assert ODD not in text
    assert "123456789012" in text
    assert '<form method="post">' in text
    assert "<script" not in text
    policy = headers(page)["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert await site.status() == "Pending"


async def test_an_expired_link_says_so_and_verifies_nothing(site: Site) -> None:
    path = await site.path()
    site.clock.at = NOON + 24 * HOUR
    for method in ("GET", "POST"):
        page = await site.ask(method, path)
        assert page.status == 410
        assert b"This link has expired" in page.body
        assert b"<form" not in page.body
    assert await site.status() == "Pending"


async def test_an_expired_link_of_an_account_leads_to_its_page_for_failures(site: Site) -> None:
    await site.store.write(identities.vouch, SCOPE, "example.com", NOON)
    await site.store.write(custom_verification.create, SCOPE, WELCOME, NOON)
    path = await site.path("welcome")
    site.clock.at = NOON + 24 * HOUR
    for method in ("GET", "POST"):
        led = await site.ask(method, path)
        assert (led.status, headers(led)["location"]) == (303, "https://example.com/no")


async def test_a_confirmed_address_is_led_on_when_the_link_is_opened_again(site: Site) -> None:
    await site.store.write(identities.vouch, SCOPE, "example.com", NOON)
    await site.store.write(custom_verification.create, SCOPE, WELCOME, NOON)
    path = await site.path("welcome")
    for method in ("POST", "GET", "POST"):
        led = await site.ask(method, path)
        assert (led.status, headers(led)["location"]) == (303, "https://example.com/yes")


async def test_a_confirmation_is_told_in_the_audit_log_once(site: Site) -> None:
    path = await site.path()
    for method in ("GET", "POST", "POST"):
        await site.ask(method, path)
    (row,) = await site.store.read(audit.newest, SCOPE.account, 10)
    assert row == (NOON, *SCOPE, "owner of the address", "192.0.2.1", "verification:Confirm", ODD)


async def test_without_its_template_a_link_still_works_and_leads_nowhere(site: Site) -> None:
    path = await site.path("deleted-since")
    assert (await site.ask("GET", path)).status == 200
    done = await site.ask("POST", path)
    assert done.status == 200
    assert "location" not in headers(done)
    assert await site.status() == "Success"


async def test_the_button_pressed_twice_tells_the_same(site: Site) -> None:
    path = await site.path()
    first = await site.ask("POST", path)
    second = await site.ask("POST", path)
    assert (first.status, second.status) == (200, 200)
    assert b"confirmed" in second.body


async def test_a_store_that_cannot_answer_is_told_as_that(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await site.path()

    async def unavailable(*_: Any) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(site.store, "write", unavailable)
    page = await site.ask("POST", path)
    assert page.status == 503
    assert b"disk" not in page.body


async def test_every_answer_is_private(site: Site) -> None:
    for path in (await site.path(), "/verification/none"):
        told = headers(await site.ask("GET", path))
        assert told["cache-control"] == "no-store"
        assert told["referrer-policy"] == "no-referrer"


async def test_links_wait_in_no_row_that_grows(site: Site) -> None:
    identity = await site.store.write(identities.verify_address, SCOPE, ODD, NOON, False)
    await site.store.write(address_verification.wait, SCOPE, identity, NOON)
    await site.store.write(address_verification.wait, SCOPE, identity, NOON)
    assert await site.store.write(address_verification.give_up, NOON + 24 * HOUR, 1) is True
    assert await site.store.write(address_verification.give_up, NOON + 24 * HOUR, 1) is False
