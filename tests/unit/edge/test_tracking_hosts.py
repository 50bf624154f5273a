"""Hosts to which only links lead: the server's own, and those of configuration sets."""

import pytest

from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets
from pillarbox.resources.configuration_set_options import Tracking
from pillarbox.store.engine import Store
from tests.support.clock import NOON

API = "api.example"


def has(hosts: TrackingHosts, host: str) -> bool:
    return hosts.has([(b"accept", b"*/*"), (b"host", host.encode())])


@pytest.mark.parametrize(
    ("host", "expected"),
    [("click.example", True), ("CLICK.example:8025", True), (API, False), ("click.example.org", False), ("", False)],
)
def test_the_servers_own_host_is_told_apart(host: str, expected: bool) -> None:
    assert has(TrackingHosts(["Click.example"], never=API), host) == expected


def test_without_a_host_for_links_alone_every_host_shows_everything() -> None:
    assert not has(TrackingHosts([], never=API), "click.example")
    assert not has(TrackingHosts([API], never=API), API)


async def test_the_domains_of_every_account_are_known_but_none_takes_that_of_the_apis(store: Store) -> None:
    for number, domain in enumerate(["click.shop.example", "go.other.example", API, ""]):
        scope = Scope(f"11111111111{number}", "us-east-1")
        await store.write(_created, scope, domain)
    hosts = TrackingHosts(["click.example"], never=API)
    assert not has(hosts, "click.shop.example")

    await hosts.look(store)

    assert all(has(hosts, host) for host in ("click.example", "click.shop.example", "go.other.example"))
    assert not has(hosts, API) and not has(hosts, "")


async def test_what_is_known_is_kept_while_the_store_is_down(store: Store) -> None:
    await store.write(_created, Scope("111111111111", "us-east-1"), "click.shop.example")
    hosts = TrackingHosts([], never=API)
    await hosts.look(store)

    await hosts.look(Down())  # type: ignore[arg-type]

    assert has(hosts, "click.shop.example")


class Down:
    async def read(self, *_: object) -> None:
        raise Unavailable("down")


def _created(scope: Scope, domain: str):  # type: ignore[no-untyped-def]
    yield from configuration_sets.create(scope, "tracked", NOON, tracking=Tracking(custom_redirect_domain=domain))
