"""Only we make links by which somebody leaves a list."""

import pytest

from pillarbox.delivery.unsubscribe_links import PATH, UnsubscribeLinks
from pillarbox.kit.clock import DAY
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.store.engine import Store
from tests.support.clock import NOON

KEYRING = Keyring({"1": b"k" * 32})
ID = "010001816026a82e-ed8bf730-9218-4bda-b6f6-f4cee9b40211-000007"
YEAR = 365 * DAY
LINKS = UnsubscribeLinks({1: b"1" * 32, 2: b"2" * 32})


def test_a_link_tells_its_message() -> None:
    path = LINKS.path(ID)
    assert path.startswith(PATH)
    assert len(path) == 73
    assert LINKS.read(path) == ID


def test_no_altered_link_is_read() -> None:
    path = LINKS.path(ID)
    for place in range(len(PATH), len(path)):
        altered = "A" if path[place] != "A" else "B"
        assert LINKS.read(path[:place] + altered + path[place + 1 :]) is None


@pytest.mark.parametrize(
    "path", [PATH, PATH + "A" * 60, PATH + "\u00e9" * 60, PATH + "=" * 60, "", "/x", PATH + "A" * 61]
)
def test_no_other_path_is_read(path: str) -> None:
    assert LINKS.read(path) is None


def test_a_link_made_with_other_keys_is_not_read() -> None:
    assert LINKS.read(UnsubscribeLinks({2: b"x" * 32}).path(ID)) is None


async def test_old_links_are_read_by_every_process_and_new_ones_have_a_new_key(store: Store) -> None:
    old = (await UnsubscribeLinks.load(store, KEYRING, NOON)).path(ID)
    later = await UnsubscribeLinks.load(store, KEYRING, NOON + 9 * YEAR)
    assert later.read(old) == ID
    assert later.path(ID) != old
    with pytest.raises(Unavailable):
        await UnsubscribeLinks.load(store, Keyring({"1": b"x" * 32}), NOON)
