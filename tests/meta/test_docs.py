"""What the documents show runs."""

import json
import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cyclopts import MissingArgumentError

from pillarbox.commands.page import page
from pillarbox.commands.tree import build
from pillarbox.consumer import SesEvent
from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.edge import bots
from pillarbox.edge.smtp_tls import make_certificate
from pillarbox.kit.ids import Scope
from pillarbox.settings import load
from pillarbox.store import nouns
from pillarbox.store.sqlite import SqliteStore
from tests.support.far_sns import URL, FarSns, sample

DOCS = Path(__file__).parents[2] / "docs"
PRINTED = DOCS / "commands.md"
PAGES = sorted({*DOCS.rglob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md"} - {PRINTED})
SCOPE = Scope("123456789012", "us-east-1")


def _run(document: str) -> dict[str, Any]:
    """Execute the Python blocks of a document in one namespace and return it."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / document).read_text(), re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"__name__": document}
    for block in blocks:
        exec(compile(block, document, "exec"), names)
    return names


async def test_the_transport_in_the_guide_keeps_the_promise() -> None:
    transport = _run("ADDING_A_TRANSPORT.md")["FolderTransport"](frozenset({"full@example.net"}))
    recipients = ("full@example.net", "a@example.net", "b@example.org")

    outcomes = await transport.deliver(Attempt("m", 0, 1, SCOPE, "s@example.com", recipients, b"mail", 0))

    assert [type(outcomes[address]) for address in recipients] == [Deferred, Delivered, Refused]
    assert transport.mail == {"a@example.net": [b"mail"]}


async def test_the_operation_in_the_guide_answers(tmp_path: Path) -> None:
    names = _run("ADDING_AN_OPERATION.md")
    store = await SqliteStore.open(tmp_path)
    await store.write(nouns.create, SCOPE, "greeting", "morning", "Good morning", 0)

    class Call:
        scope = SCOPE

    Call.store = store  # type: ignore[attr-defined]
    assert await names["get_greeting"](Call, {"GreetingName": "morning"}) == {"Text": "Good morning"}
    with pytest.raises(names["GreetingMissing"], match="does not exist"):
        await names["get_greeting"](Call, {"GreetingName": "evening"})
    await store.close()


def test_the_handler_in_the_guide_for_consumers_takes_what_is_genuine() -> None:
    names, sns = _run("consumer.md"), FarSns()
    kept: list[SesEvent] = []
    names["keep"] = kept.append
    headers = {"x-amz-sns-message-type": "Notification"}
    post = json.dumps(sns.post(sample("open")))
    names["verifier"].note_failure(URL)
    assert names["take"](post, headers) == 503

    names["verifier"].remember(URL, sns.certificate)
    assert names["take"](post, headers) == 200
    assert names["take"](post.replace("192.0.2.1", "192.0.2.2"), headers) == 403
    assert [event.kind for event in kept] == ["Open"]
    assert names["gone"] == ("nobody@example.net",)


def test_the_loop_in_the_guide_for_consumers_deletes_what_it_has_kept() -> None:
    names = _run("consumer.md")
    kept: list[SesEvent] = []
    names["keep"] = kept.append
    deleted = []

    class Queue:
        def receive_message(self, **_asked: Any) -> dict[str, Any]:
            return {"Messages": [{"Body": json.dumps(FarSns().post(sample("click"))), "ReceiptHandle": "r"}]}

        def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
            deleted.append((len(kept), ReceiptHandle))

    names["poll"](Queue(), "https://sqs.us-east-1.amazonaws.com/123456789012/events")
    assert deleted == [(1, "r")]


@pytest.mark.parametrize("document", ["settings.md", "upstreams.md", "events-in.md"])
def test_the_tables_that_documents_show_work_together(tmp_path: Path, document: str) -> None:
    text = "\n".join(re.findall(r"```toml\n(.*?)```", (DOCS / document).read_text(), re.DOTALL))
    file = tmp_path / "pillarbox.toml"
    file.write_text(text)
    secrets = {"PILLARBOX_SMARTHOST_PASSWORD": "secret"} if "[smarthost]" in text else {}
    assert load(file, secrets, {}) != load(None, {}, {})


def test_the_rules_in_the_guide_to_tracking_are_taken(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS / "tracking.md").read_text(), re.DOTALL)
    file = tmp_path / "rules.toml"
    file.write_text(block)
    bots.load(str(file))


def test_the_page_of_commands_is_what_they_say_of_themselves() -> None:
    assert PRINTED.read_text() == page(), "run `make docs`"


def test_the_module_for_consumers_needs_the_packages_that_its_page_installs() -> None:
    installed = re.findall(r"^pip install ([a-z ]+)$", (DOCS / "consumer.md").read_text(), re.MULTILINE)
    code = "\n".join(file.read_text() for file in (DOCS.parent / "src/pillarbox/consumer").glob("*.py"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)) - sys.stdlib_module_names
    assert imported - {"pillarbox"} == set(installed[0].split())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_documents_can_be_given(path: Path) -> None:
    text, commands = path.read_text(), build()
    told = re.findall(r"`(pillarbox [a-z][^`\n]*)`", text)
    shown = re.findall(r"^(?:    |\$ |\.venv/bin/)?(pillarbox [a-z].*)$", text, re.MULTILINE)
    for one in [*told, *shown]:
        words = shlex.split(re.sub(r"\s+[<>|#].*", "", one).rstrip("\\"))
        with suppress(MissingArgumentError):  # named, and not shown as a whole
            commands.parse_args(words[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_paths_in_documents_exist(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{path.name}: {target}"
    for named in re.findall(r"`((?:src|tests|docs|bench)/[\w/.-]+)`", text):
        assert (DOCS.parent / named).exists(), f"{path.name}: {named}"


def test_the_runbook_names_metrics_that_there_are_and_settings_that_work(tmp_path: Path) -> None:
    text = (DOCS / "runbook.md").read_text()
    named = set(re.findall(r"`(pillarbox_\w+)", text))
    known = set(re.findall(r"`(pillarbox_\w+)`", (DOCS / "metrics.md").read_text()))
    assert named and named <= known

    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    own = tmp_path / "fullchain.pem"
    own.write_bytes(make_certificate("mail.example.org", 1_790_000_000_000))
    file = tmp_path / "pillarbox.toml"
    file.write_text(re.sub(r'"/etc/pillarbox/\w+.pem"', f'"{own}"', block))
    assert [route.transport for route in load(file, {}, {}).routes] == ["mx"]
