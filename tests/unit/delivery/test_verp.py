"""Return paths: they fit, they come back whatever servers do to their case, and nobody else can make them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.delivery.verp import EVERYONE, Returned, ReturnPaths
from pillarbox.kit.clock import DAY
from pillarbox.kit.ids import Scope, new_message_id
from pillarbox.kit.secrets import Keyring
from pillarbox.store.engine import Store

NOON = 1_790_000_000_000
YEAR = 365 * DAY
MESSAGE_ID = "0100015e4fdfdb7f-a3dcaf07-8fb3-459f-9343-7859c0398c3f-000000"
PATHS = ReturnPaths({7: b"k" * 32})
MADE = PATHS.make(MESSAGE_ID, 3)

MESSAGE_IDS = st.builds(
    lambda account, region, at, number: new_message_id(Scope(account, region), at)[:-6] + f"{number:06d}",
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.sampled_from(["us-east-1", "eu-west-1", "moon-base-1"]),
    st.integers(0, 2**48 - 1),
    st.integers(0, 999_999),
)


@given(MESSAGE_IDS, st.integers(0, EVERYONE))
def test_what_was_made_is_read_in_any_case_and_fits_an_address(message_id: str, recipient: int) -> None:
    made = PATHS.make(message_id, recipient)

    assert len(made) <= 64 and made.isalnum() and made == made.lower()
    for spelling in (made, made.upper(), made.swapcase(), made.title()):
        assert PATHS.read(spelling) == Returned(message_id, recipient)


@pytest.mark.parametrize("place", range(len(MADE)))
def test_a_changed_letter_anywhere_is_noticed(place: int) -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz234567":
        changed = MADE[:place] + letter + MADE[place + 1 :]
        assert (PATHS.read(changed) is None) == (changed != MADE)


@pytest.mark.parametrize("text", ["", "postmaster", MADE[:-1], MADE + "a", MADE[:-1] + "=", MADE[:-1] + "1", "ı" * 61])
def test_other_local_parts_are_nobodys(text: str) -> None:
    assert PATHS.read(text) is None


@given(st.text(min_size=55, max_size=65))
def test_no_text_is_too_odd_to_be_refused(text: str) -> None:
    assert PATHS.read(text) is None


def test_a_path_of_another_server_is_refused() -> None:
    assert ReturnPaths({7: b"x" * 32}).read(MADE) is None


def test_an_old_key_reads_and_a_new_one_signs() -> None:
    turned = ReturnPaths({7: b"k" * 32, 8: b"n" * 32})
    new = turned.make(MESSAGE_ID, 3)

    assert turned.read(MADE) == turned.read(new) == Returned(MESSAGE_ID, 3)
    assert PATHS.read(new) is None


def test_only_our_message_ids_have_a_path() -> None:
    with pytest.raises(ValueError, match="is no MessageId of ours"):
        PATHS.make("<a@b.example>", 0)


async def test_keys_are_kept_and_turned_without_a_gap(store: Store, tmp_path: Path) -> None:
    keyring = Keyring.open_file(tmp_path / "keyring.json")
    first = await ReturnPaths.load(store, keyring, NOON)
    made = first.make(MESSAGE_ID, 3)

    again, later, much_later = [await ReturnPaths.load(store, keyring, NOON + YEAR * years) for years in (0, 1, 2)]
    assert again.make(MESSAGE_ID, 3) == made
    assert later.make(MESSAGE_ID, 3) != made
    assert later.read(made) == Returned(MESSAGE_ID, 3), "the key of last year"
    assert first.read(later.make(MESSAGE_ID, 3)) == Returned(MESSAGE_ID, 3), "the key of next year"
    assert much_later.read(made) is None
