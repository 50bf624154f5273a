"""The audit log says which settings are others than at the last start."""

from msgspec.structs import replace

from pillarbox.app.settings_log import note, told
from pillarbox.resources import audit
from pillarbox.settings import Settings, SmarthostSetting, UpstreamSetting
from pillarbox.store.engine import Store
from tests.support.clock import NOON

SMARTHOST = SmarthostSetting("smtp.example.com", user="shop", password="hidden-1")
SETTINGS = Settings(database="postgresql://pillarbox:hidden-2@db/mail", metrics_token="hidden-3", smarthost=SMARTHOST)


async def changes(store: Store, *starts: Settings) -> list[str]:
    for settings in starts:
        await store.write(note, told(settings), NOON)
    return [row.subject for row in await store.read(audit.entries, "", 100)]


async def test_only_a_start_with_other_settings_is_told(store: Store) -> None:
    faster = replace(SETTINGS, max_send_rate=5.0, regions=("eu-west-1",))

    assert await changes(store, SETTINGS, SETTINGS) == []
    assert await changes(store, faster, faster) == ['max_send_rate: 0.0 -> 5.0, regions: (not set) -> ["eu-west-1"]']


async def test_tables_that_come_and_go_are_told_by_their_names(store: Store) -> None:
    upstream = UpstreamSetting("eu", "eu-west-1", access_key_id="AKIA", secret_access_key="hidden-4")
    entries = await changes(store, SETTINGS, replace(SETTINGS, upstreams=(upstream,)), SETTINGS)

    assert len(entries) == 2
    assert "upstreams.eu.region: (not set) -> eu-west-1" in entries[1]
    assert "upstreams.eu.secret_access_key: **** -> (not set)" in entries[0]


async def test_secrets_are_masked_wherever_they_stand(store: Store) -> None:
    other = replace(SETTINGS, smarthost=None, database="postgresql://pillarbox:hidden-5@elsewhere/mail")
    (entry,) = await changes(store, SETTINGS, other)

    assert "database: postgresql://pillarbox:****@db/mail -> postgresql://pillarbox:****@elsewhere/mail" in entry
    assert "smarthost.password: **** -> (not set)" in entry
    assert "hidden" not in "".join((entry, *told(SETTINGS).values(), *told(other).values()))
