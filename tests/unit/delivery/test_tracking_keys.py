"""Links that left in older mail go on leading where they led."""

import pytest

from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import DAY
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import Link
from pillarbox.store.engine import Store
from tests.support.clock import NOON

KEYRING = Keyring({"1": b"k" * 32})
ID = "010001816026a82e-ed8bf730-9218-4bda-b6f6-f4cee9b40211-000000"
URL = "https://www.example.com/"
YEAR = 365 * DAY


async def test_every_process_reads_what_another_has_made(store: Store) -> None:
    one = await tracking_keys.load(store, KEYRING, NOON)
    other = await tracking_keys.load(store, KEYRING, NOON)

    assert other.read(one.of_copy(ID, 0).link(1, URL).encode()) == Link(ID, 0, 1, URL, "")


async def test_the_key_changes_each_year_and_old_mail_still_counts(store: Store) -> None:
    old = (await tracking_keys.load(store, KEYRING, NOON)).of_copy(ID, 0).link(1, URL)
    later = await tracking_keys.load(store, KEYRING, NOON + 9 * YEAR)

    new = later.of_copy(ID, 0).link(1, URL)

    assert new.rpartition("=")[2] == str(int(old.rpartition("=")[2]) + 9)
    assert later.read(old.encode()) == Link(ID, 0, 1, URL, "")


async def test_a_server_that_runs_on_reads_what_one_that_started_next_year_makes(store: Store) -> None:
    running = await tracking_keys.load(store, KEYRING, NOON)
    started = await tracking_keys.load(store, KEYRING, NOON + YEAR)

    assert running.read(started.of_copy(ID, 0).link(1, URL).encode()) == Link(ID, 0, 1, URL, "")


async def test_without_the_keyring_that_sealed_them_there_are_no_keys(store: Store) -> None:
    await tracking_keys.load(store, KEYRING, NOON)

    with pytest.raises(Unavailable):
        await tracking_keys.load(store, Keyring({"1": b"x" * 32}), NOON)
