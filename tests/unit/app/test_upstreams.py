"""Which upstreams are asked for quota and suppression list: those that mail goes to, or that have credentials."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from pillarbox.app.upstreams import asked, open_upstreams
from pillarbox.delivery.transport import ses_credentials
from pillarbox.delivery.transport.ses_credentials import Pair
from pillarbox.kit.secrets import Keyring
from pillarbox.settings import RouteSetting, Settings, UpstreamSetting
from pillarbox.store.engine import Store
from tests.support.clock import NOON

KEYS = Keyring({"1": bytes(32)})


def upstream(name: str, **given: Any) -> UpstreamSetting:
    return UpstreamSetting(name=name, region="eu-west-1", **given)


async def asked_of(store: Store, *upstreams: UpstreamSetting) -> set[str]:
    settings = Settings(upstreams=upstreams, routes=(RouteSetting("ses", upstream="sent-to"),))
    async with AsyncExitStack() as running:
        return set(await asked(await open_upstreams(settings, store, KEYS, running)))


async def test_one_that_is_only_listened_to_is_asked_nothing_without_credentials(store: Store) -> None:
    sent_to, next_one = upstream("sent-to", fallback="next"), upstream("next")
    assert await asked_of(store, sent_to, next_one, upstream("heard")) == {"sent-to", "next"}


@pytest.mark.parametrize("given", [{"access_key_id": "A", "secret_access_key": "s"}, {"profile": "mail"}])
async def test_credentials_in_its_settings_are_there_to_be_used(store: Store, given: dict[str, str]) -> None:
    assert "heard" in await asked_of(store, upstream("sent-to"), upstream("heard", **given))


async def test_so_are_those_in_the_store(store: Store) -> None:
    await store.write(ses_credentials.keep, "heard", Pair("A", "s"), KEYS, NOON)
    assert "heard" in await asked_of(store, upstream("sent-to"), upstream("heard"))
    assert await store.read(ses_credentials.load, "heard", KEYS) == Pair("A", "s")
    assert await store.write(ses_credentials.drop, "heard")
    assert "heard" not in await asked_of(store, upstream("sent-to"), upstream("heard"))


async def test_credentials_that_are_replaced_are_the_ones_that_sign(store: Store) -> None:
    settings = Settings(upstreams=(upstream("sent-to"),), routes=(RouteSetting("ses", upstream="sent-to"),))
    async with AsyncExitStack() as running:
        source = (await open_upstreams(settings, store, KEYS, running))["sent-to"].credentials
        for key_id in ("first", "second"):
            await store.write(ses_credentials.keep, "sent-to", Pair(key_id, "s", "token"), KEYS, NOON)
            source.forget()
            found = await source.get()
            assert (found.access_key, found.secret_key, found.token) == (key_id, "s", "token")
