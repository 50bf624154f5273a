"""Sealed secrets open only with their keyring and in their row."""

from pathlib import Path

import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring


def test_a_sealed_secret_opens_in_its_row(tmp_path: Path) -> None:
    keyring = Keyring.open_file(tmp_path / "keyring.json")
    sealed = keyring.seal(b"wJalr", "AKIA1")

    assert b"wJalr" not in sealed
    assert keyring.open(sealed, "AKIA1") == b"wJalr"
    with pytest.raises(Unavailable, match="put back the one"):
        keyring.open(sealed, "AKIA2")


def test_the_keyring_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "keyring.json"
    sealed = Keyring.open_file(path).seal(b"x", "row")

    assert Keyring.open_file(path).open(sealed, "row") == b"x"
    assert path.stat().st_mode & 0o077 == 0


def test_a_secret_without_its_key_says_what_is_missing() -> None:
    sealed = Keyring({"1": b"1" * 32}).seal(b"x", "row")

    with pytest.raises(Unavailable, match="no key '1'"):
        Keyring({"2": b"2" * 32}).open(sealed, "row")


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    old = Keyring({"1": b"1" * 32}).seal(b"x", "row")
    both = Keyring({"1": b"1" * 32, "2": b"2" * 32})

    assert both.open(old, "row") == b"x"
    assert Keyring({"2": b"2" * 32}).open(both.seal(b"y", "row"), "row") == b"y"
