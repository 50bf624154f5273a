"""A backup taken under load, restored elsewhere: everything that was acknowledged before it is there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_kill import client
from tests.faults.test_worker_processes import Load
from tests.support.child import Child
from tests.support.postgres import Postgres

ENOUGH = 40


class Installation:
    """A data folder and a database, with the environment that names them to commands."""

    def __init__(self, folder: Path, database: str, keyring: Path) -> None:
        self.folder, self.database, self.keyring = folder, database, keyring

    def serving(self) -> Child:
        return Child(self.folder, database=self.database, keyring=str(self.keyring))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {"PILLARBOX_DATABASE": self.database, "PILLARBOX_KEYRING": str(self.keyring)}
        return subprocess.run(
            [sys.executable, "-m", "pillarbox", *command, "--data", str(self.folder)],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(params=["sqlite", "postgres"])
def installations(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    """One that is in use, and an empty one with the same keyring."""
    databases = ["sqlite:", "sqlite:"]
    if request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        databases = [postgres.new_database(), postgres.new_database()]
    keyring = tmp_path / "keyring.json"
    used, empty = (Installation(tmp_path / name, url, keyring) for name, url in zip("ab", databases, strict=True))
    yield used, empty


def under_load(child: Child, least: int, act: Any) -> tuple[list[str], Any]:
    """Do something while programs send; return what had been acknowledged before, and what was returned."""
    client("ses", child.endpoint).verify_email_identity(EmailAddress="a@example.com")
    client("ses", child.endpoint).create_configuration_set(ConfigurationSet={"Name": "all"})
    load = Load(child.endpoint)
    try:
        load.wait_for(least)
        before = list(load.acknowledged)
        done = act()
        load.wait_for(len(load.acknowledged) + 1)  # others went on
    finally:
        load.stop()
    return before, done


def test_what_was_acknowledged_before_a_backup_is_there_after_a_restore(
    installations: tuple[Installation, Installation], tmp_path: Path
) -> None:
    used, empty = installations
    target = tmp_path / "backup"
    with used.serving() as child:
        acknowledged, backed_up = under_load(child, ENOUGH, lambda: used.run("backup", str(target)))
    assert backed_up.returncode == 0, backed_up.stderr
    assert f"Backed up into {target}" in backed_up.stdout
    assert "The keyring is not in it" in backed_up.stdout

    restored = empty.run("restore", str(target))

    assert restored.returncode == 0, restored.stderr
    assert "everything that it refers to is there" in restored.stdout
    with empty.serving() as child:
        for message_id in acknowledged:
            found = client("sesv2", child.endpoint).get_message_insights(MessageId=message_id)
            assert found["MessageId"] == message_id
        client("ses", child.endpoint).send_email(
            Source="a@example.com",
            Destination={"ToAddresses": ["someone@example.net"]},
            Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}},
        )

    again = empty.run("restore", str(target))
    assert again.returncode == 1 and "holds a store already" in again.stderr  # nothing is restored over another


def test_a_backup_into_the_same_folder_adds_what_is_new(tmp_path: Path) -> None:
    used = Installation(tmp_path / "a", "sqlite:", tmp_path / "keyring.json")
    with used.serving() as child:
        under_load(child, 1, lambda: used.run("backup", str(tmp_path / "backup")))
        first = json.loads((tmp_path / "backup" / "backup.json").read_text())
        again = used.run("backup", str(tmp_path / "backup"))
    second = json.loads((tmp_path / "backup" / "backup.json").read_text())
    assert again.returncode == 0
    assert second["messages"] > first["messages"]
    assert second["body_bytes"] > first["body_bytes"]


def test_a_damaged_backup_is_not_passed_off_as_whole(tmp_path: Path) -> None:
    used = Installation(tmp_path / "a", "sqlite:", tmp_path / "keyring.json")
    with used.serving() as child:
        under_load(child, 1, lambda: None)
        assert used.run("backup", str(tmp_path / "backup")).returncode == 0
    (segment,) = (tmp_path / "backup" / "bodies").glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[100] ^= 1
    segment.write_bytes(content)

    other = Installation(tmp_path / "b", "sqlite:", used.keyring)
    restored = other.run("restore", str(tmp_path / "backup"))

    assert restored.returncode == 1
    assert "is missing or damaged" in restored.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["backup", "{full}"], "holds something that is no backup"),
        (["restore", "{full}"], "holds no backup, or one that was not finished"),
        (["backup", "{new}"], "there is no Pillarbox data"),
    ],
)
def test_what_cannot_be_done_says_so_and_changes_nothing(tmp_path: Path, command: list[str], says: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter").write_text("dear")
    here = Installation(tmp_path / "none", "sqlite:", tmp_path / "keyring.json")
    done = here.run(*(word.format(full=full, new=tmp_path / "new") for word in command))
    assert done.returncode == 1
    assert says in done.stderr
    assert [file.name for file in full.iterdir()] == ["letter"]
