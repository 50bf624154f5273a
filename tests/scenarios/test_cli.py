"""The command line as a newcomer and an operator use it: real processes, a real server."""

import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import boto3
import pytest

from pillarbox.edge.smtp_password import smtp_password

PILLARBOX = (sys.executable, "-m", "pillarbox")
FREE_PORTS = ("--port", "0", "--smtp-port", "-1", "--smtps-port", "-1", "--return-path-port", "-1")
PATIENCE_SECONDS = 60
KEYRING = {"data/keyring.json": json.dumps({"keys": {"1": "00" * 32}})}


def run(*arguments: str, data: Path, code: int = 0) -> str:
    """Run one command to its end; return what it printed, or the error when `code` says that it fails."""
    done = subprocess.run(
        [*PILLARBOX, *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


class Serving:
    """A server process, with what it printed when it was ready."""

    def __init__(self, process: "subprocess.Popen[str]", data: Path) -> None:
        self.process = process
        self.data = data
        self.printed = _read_until(process, r"print\(sent\[\"MessageId\"\]\)")

    @property
    def endpoint(self) -> str:
        found = re.search(r"endpoint +(http://\S+)", self.printed)
        assert found, self.printed
        return found[1]

    def seconds_held_up(self) -> float:
        """Return how long its main thread was ready and waited for a processor (the second figure, nanoseconds).

        https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
        """
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    @property
    def snippet(self) -> str:
        return self.printed[self.printed.index("import boto3") :]


@contextmanager
def serving(data: Path, *flags: str) -> Iterator[Serving]:
    process = subprocess.Popen(
        [*PILLARBOX, "serve", "--data", str(data), *FREE_PORTS, "--log-level", "error", *flags],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Serving(process, data)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stdout is not None
        process.stdout.close()


def _read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    assert process.stdout is not None
    printed = ""
    until = time.monotonic() + PATIENCE_SECONDS
    while not re.search(pattern, printed):
        assert time.monotonic() < until and process.poll() is None, printed
        if select.select([process.stdout], [], [], 1)[0]:
            printed += os.read(process.stdout.fileno(), 65536).decode()
    return printed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("cli") / "data", "--dev") as running:
        yield running


def send(server: Serving, subject: str, *recipients: str) -> str:
    ses = boto3.client(
        "ses",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
    )
    ses.verify_email_identity(EmailAddress="cli@example.com")
    message = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "hi"}}}
    sent = ses.send_email(Source="cli@example.com", Destination={"ToAddresses": list(recipients)}, Message=message)
    return str(sent["MessageId"])


def wait_for(server: Serving, message_id: str, kind: str) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while kind not in (printed := run("history", message_id, data=server.data)):
        assert time.monotonic() < until, printed
    return printed


def test_the_snippet_works_as_it_is_pasted(server: Serving) -> None:
    assert "DEV MODE" in server.printed and "start again without --dev" in server.printed
    with urlopen(f"{server.endpoint}/ui/") as page:
        assert page.status == 200
    done = subprocess.run(
        [sys.executable, "-c", server.snippet], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    printed = wait_for(server, done.stdout.strip(), "Captured for you@example.net")
    assert "bounce@simulator.amazonses.com bounced for good" in wait_for(server, done.stdout.strip(), "Bounce")
    assert "Hello from Pillarbox" in printed


def test_a_server_answers_within_two_seconds_of_its_start(tmp_path: Path) -> None:
    """Time in which others had the processor does not count."""
    took = []
    for number in range(3):
        begun = time.monotonic()
        with serving(tmp_path / str(number), "--dev") as running:
            with urlopen(f"{running.endpoint}/healthz") as answer:
                assert answer.status == 200
            took.append(time.monotonic() - begun - running.seconds_held_up())
        if took[-1] < 2:
            return
    pytest.fail(f"started in {took} seconds")


def test_messages_are_listed_newest_first_and_filtered(server: Serving) -> None:
    first = send(server, "An invoice", "ada@example.net")
    second = send(server, "A reminder", "bounce@simulator.amazonses.com")
    wait_for(server, second, "Bounce")
    listed = run("messages", "--from", "cli@", data=server.data)
    assert listed.index(second) < listed.index(first)
    for flags in (("--to", "ada@"), ("--subject", "invoice"), ("--subject", "An", "--since", "1h", "--limit", "1")):
        assert [one["message_id"] for one in json.loads(run("messages", "--json", *flags, data=server.data))] == [first]
    bounced = json.loads(run("messages", "--status", "bounced", "--json", "--from", "cli@", data=server.data))
    assert [one["message_id"] for one in bounced] == [second]


def test_a_history_is_json_for_programs(server: Serving) -> None:
    message_id = send(server, "For programs", "ada@example.net")
    wait_for(server, message_id, "Delivery")
    found = json.loads(run("history", message_id, "--json", data=server.data))
    assert [moment["kind"] for moment in found["moments"]] == ["Send", "Delivery"]
    assert found["moments"][1]["said"] == "250 captured, not sent"


def test_a_tail_tells_events_as_they_happen(server: Serving) -> None:
    command = [*PILLARBOX, "tail", "--json", "--data", str(server.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        try:
            heard = ""
            while "Complaint" not in heard:  # the first mails may be sent before the tail has begun
                send(server, "Told", "complaint@simulator.amazonses.com")
                assert tail.stdout is not None
                if select.select([tail.stdout], [], [], 1)[0]:
                    heard += os.read(tail.stdout.fileno(), 65536).decode()
        finally:
            tail.send_signal(signal.SIGINT)
    told = [json.loads(line) for line in heard.splitlines() if "Complaint" in line]
    assert told[0]["recipients"] == ["complaint@simulator.amazonses.com"]


def test_the_demo_plays_all_its_stories(server: Serving) -> None:
    printed = run("demo", data=server.data)
    assert re.findall(r"^(\d)\. ", printed, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert "genuine Delivery" in printed
    assert "notificationType Bounce" in printed
    assert "in it a Notification, in it the Bounce" in printed


def test_keys_and_identities_are_kept_by_the_running_server(server: Serving) -> None:
    made = json.loads(run("keys", "create", "--user", "ada", "--region", "eu-west-1", "--json", data=server.data))
    assert made["smtp_password"] == smtp_password(made["secret"], "eu-west-1")
    assert made["key_id"] in run("keys", "list", data=server.data)
    assert made["secret"] not in run("keys", "list", data=server.data)
    run("keys", "revoke", made["key_id"], data=server.data)
    keys = {key["key_id"]: key["status"] for key in json.loads(run("keys", "list", "--json", data=server.data))}
    assert keys[made["key_id"]] == "revoked"
    run("identities", "vouch", "example.org", data=server.data)
    assert re.search(r"Success +operator +example\.org", run("identities", "list", data=server.data))
    assert run("dead-letters", "list", data=server.data) == "no dead letters\n"


def test_only_the_user_of_the_server_can_open_the_admin_socket(server: Serving) -> None:
    assert stat.S_IMODE((server.data / "admin.sock").stat().st_mode) == 0o600


def test_without_a_server_commands_open_the_store_themselves(tmp_path: Path) -> None:
    made = json.loads(run("keys", "create", "--json", data=tmp_path / "data"))
    assert made["key_id"] in run("keys", "list", data=tmp_path / "data")
    run("identities", "vouch", "example.com", data=tmp_path / "data")
    assert run("messages", data=tmp_path / "data") == "no messages yet\n"


def test_a_key_that_was_made_before_the_first_start_signs_outside_dev_mode(tmp_path: Path) -> None:
    key = json.loads(run("keys", "create", "--json", data=tmp_path / "data"))
    with serving(tmp_path / "data") as running:
        assert "DEV MODE" not in running.printed
        run("identities", "vouch", "hello@example.com", data=running.data)
        signed = running.snippet.replace("the secret of your access key", key["secret"])
        sent = subprocess.run(
            [sys.executable, "-c", signed], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
        )
        assert "Send" in wait_for(running, sent.stdout.strip(), "Delivery")
        refused = subprocess.run(
            [sys.executable, "-c", running.snippet],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert "SignatureDoesNotMatch" in refused.stderr
        assert "plays against a server in dev mode only" in run("demo", data=running.data, code=1)


def test_the_first_start_shows_a_key_pair_once(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as first:
        assert re.search(r"secret +\S+ +\(not shown again\)", first.printed)
    with serving(tmp_path / "data") as second:
        assert "not shown again" not in second.printed
        assert "the secret of your access key" in second.snippet


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("history", "none"), "there is no message none"),
        (("keys", "revoke", "AKIANONE"), "there is no access key AKIANONE"),
        (("keys", "create", "--account", "1"), "an account is 12 digits"),
        (("messages", "--status", "lost"), "no status is called 'lost'"),
        (("messages", "--colour", "red"), "Unknown option"),
        (("nonsense",), "Unknown command"),
        (("dead-letters", "replay"), "name the notification to replay, or give --all"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(server: Serving, arguments: tuple[str, ...], reason: str) -> None:
    error = run(*arguments, data=server.data, code=1)
    assert error.startswith("pillarbox: ") and reason in error and error.count("\n") == 1


def test_what_needs_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    assert f"pillarbox serve --data {tmp_path}" in run("tail", data=tmp_path, code=1)
    assert f"pillarbox serve --dev --data {tmp_path}" in run("demo", data=tmp_path, code=1)
    assert "name its folder with --data" in run("messages", data=tmp_path / "nowhere", code=1)


def test_two_servers_do_not_share_a_folder(server: Serving) -> None:
    error = run("serve", *FREE_PORTS, data=server.data, code=1)
    assert "another pillarbox process works on" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"data": ""}, "data: there is a file where a folder has to be"),
        ({"data/pillarbox.db": "no database", **KEYRING}, "pillarbox.db is no database: restore a backup"),
        ({"data/pillarbox.db": ""}, "keyring.json is missing, and a new one opens nothing that the store"),
        ({"data/pillarbox.db/x": "", **KEYRING}, "pillarbox.db cannot be opened for writing: it and its folder"),
        ({"data/keyring.json": "no keys"}, "keyring.json is no keyring: put back the one"),
    ],
)
def test_a_data_folder_that_is_none_is_told_in_one_line(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)

    error = run("serve", *FREE_PORTS, data=tmp_path / "data", code=1)
    assert error.startswith("pillarbox: ") and reason in error and error.count("\n") == 1


def test_a_port_that_is_taken_is_told_with_the_flag_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = run("serve", "--port", "0", "--smtp-port", port, data=tmp_path, code=1)
    assert f"cannot listen on 127.0.0.1:{port}: something else listens there" in error and "--smtp-port" in error


def test_the_help_of_a_family_tells_what_each_command_does(tmp_path: Path) -> None:
    said = run("upstream", "--help", data=tmp_path)
    assert "Ask an upstream for its quota now" in said and "Their access keys" in said


def test_a_data_folder_may_have_a_long_name(tmp_path: Path) -> None:
    data = tmp_path / ("long-" * 20) / ("name-" * 20)
    with serving(data, "--dev"):
        assert "no messages yet" in run("messages", data=data)
