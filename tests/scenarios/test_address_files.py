"""Suppression and contact lists from the command line: with a server and without one, by file and one by one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer, Server

PILLARBOX = (sys.executable, "-m", "pillarbox")


class Terminal:
    """Runs commands on the data folder of a server."""

    def __init__(self, data: Path, account: str) -> None:
        self._data = data
        self._account = account

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return what a command printed, or its error when `code` says that it fails."""
        done = subprocess.run(
            [*PILLARBOX, *arguments, "--account", self._account, "--data", str(self._data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer.started(tmp_path_factory.mktemp("lists"), dev=True) as running:
        yield running


@pytest.fixture
def server(running: RunningServer) -> Server:
    return running.for_new_account()


@pytest.fixture
def terminal(server: Server) -> Terminal:
    return Terminal(Path(server.running.listening.settings.data), server.account)


def listed(server: Server) -> dict[str, str]:
    found = server.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"]
    return {one["EmailAddress"]: one["Reason"] for one in found}


def test_addresses_are_added_listed_and_removed(server: Server, terminal: Terminal) -> None:
    terminal.run("suppression", "add", "ada@example.net", "--reason", "complaint")
    terminal.run("suppression", "add", "bob@example.net")
    assert listed(server) == {"ada@example.net": "COMPLAINT", "bob@example.net": "BOUNCE"}
    assert "ada@example.net" in terminal.run("suppression", "list", "--reason", "complaint")
    assert "bob@example.net" not in terminal.run("suppression", "list", "--reason", "complaint")
    terminal.run("suppression", "remove", "ada@example.net")
    assert [one["address"] for one in json.loads(terminal.run("suppression", "list", "--json"))] == ["bob@example.net"]
    for wrong in (("add", "nobody"), ("remove", "ada@example.net"), ("add", "x@example.net", "--reason", "whim")):
        assert terminal.run("suppression", *wrong, code=1).startswith("pillarbox: ")
    assert "suppression.put" in terminal.run("audit")


def test_a_file_is_imported_but_for_its_bad_lines(server: Server, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "addresses.csv"
    lines = [f"{number}@example.net,{('BOUNCE', 'complaint')[number % 2]}" for number in range(1_200)]
    file.write_text("\n".join(["emailAddress,reason", *lines, "nobody,BOUNCE", "x@example.net,WHIM", "y@example.net"]))

    error = terminal.run("suppression", "import", str(file), code=1)

    assert [line.partition(":")[0] for line in error.splitlines()] == [
        "line 1203",
        "line 1202",
        "line 1204",
        "pillarbox",
    ]
    assert error.endswith("3 could not be done\n")
    exported = terminal.run("suppression", "export")
    assert sorted(exported.splitlines()) == sorted(line.replace("complaint", "COMPLAINT") for line in lines)

    again = tmp_path / "again.jsonl"
    again.write_text(terminal.run("suppression", "export", "--json"))
    assert terminal.run("suppression", "import", str(again), "--skip", "1000") == "200 done\n"
    assert terminal.run("suppression", "import", str(again), "--remove") == "1200 done\n"
    assert listed(server) == {}


def test_contacts_are_imported_with_what_they_want(server: Server, terminal: Terminal, tmp_path: Path) -> None:
    ses = server.client("sesv2")
    topics = [{"TopicName": "news", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}]
    ses.create_contact_list(ContactListName="readers", Topics=topics)
    file = tmp_path / "contacts.csv"
    file.write_text(
        "emailAddress,unsubscribeAll,attributesData,topicPreferences.news\n"
        'ada@example.net,false,"{""name"": ""Ada\nLovelace""}",\n'
        "bob@example.net,true,,OPT_OUT\n"
        "cy@example.net,maybe,,\n"
    )
    error = terminal.run("contacts", "import", str(file), "--list", "readers", code=1)
    assert "AttributesData must be JSON" in error  # a line break stands for itself in no JSON text
    assert "line 5: unsubscribeAll is 'maybe'" in error
    contact = ses.get_contact(ContactListName="readers", EmailAddress="bob@example.net")
    assert contact["UnsubscribeAll"] is True
    assert contact["TopicPreferences"] == [{"TopicName": "news", "SubscriptionStatus": "OPT_OUT"}]

    lines = tmp_path / "contacts"
    lines.write_text(
        json.dumps(
            {
                "emailAddress": "ada@example.net",
                "attributesData": {"name": "Ada"},
                "topicPreferences": [{"topicName": "news", "subscriptionStatus": "OPT_IN"}],
            }
        )
    )
    assert terminal.run("contacts", "import", str(lines), "--list", "readers") == "1 done\n"
    contact = ses.get_contact(ContactListName="readers", EmailAddress="ada@example.net")
    assert json.loads(contact["AttributesData"]) == {"name": "Ada"}
    assert "doesn't exist" in terminal.run("contacts", "import", str(lines), "--list", "others", code=1)
    terminal.run("contacts", "import", str(lines), "--list", "readers", "--remove")
    assert [one["EmailAddress"] for one in ses.list_contacts(ContactListName="readers")["Contacts"]] == [
        "bob@example.net"
    ]


def test_a_file_that_cannot_be_read_is_told_in_one_line(terminal: Terminal, tmp_path: Path) -> None:
    binary = tmp_path / "x.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "none.csv", tmp_path, binary):
        assert terminal.run("suppression", "import", str(file), code=1).count("\n") == 1


def test_without_a_server_the_store_itself_is_filled(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningServer.started(data) as running:
        account = running.for_new_key().account
    terminal = Terminal(data, account)
    file = tmp_path / "addresses.csv"
    file.write_text("ada@example.net,BOUNCE\n")
    assert terminal.run("suppression", "import", str(file)) == "1 done\n"
    assert terminal.run("suppression", "export") == "ada@example.net,BOUNCE\n"
