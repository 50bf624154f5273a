"""What the README shows works when pasted."""

import re
from pathlib import Path

from pillarbox.operate.snippet import boto3_snippet
from pillarbox.store import events, messages
from tests.support.server import Server

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_first_mail_is_sent_and_has_a_history(server: Server) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}

    exec(snippet.replace("http://localhost:8025", server.endpoint), names)
    sent = names["sent"]
    assert isinstance(sent, dict)
    message = server.read(messages.get, sent["MessageId"])
    assert message
    server.running.settle(message.account)

    told = server.read(events.of_message, sent["MessageId"])
    assert sorted(event.kind for event in told) == ["Bounce", "Delivery", "Send"]


def test_the_readme_shows_the_snippet_that_a_server_prints() -> None:
    assert boto3_snippet("http://localhost:8025", "any-key", "any-secret", dev=True) in README


def test_the_readme_shows_things_in_the_order_that_a_newcomer_needs() -> None:
    marks = ["# Pillarbox", "make run", "![", "boto3.client", "pillarbox history", "docs/life-of-a-message.md"]
    places = [README.index(mark) for mark in marks]

    assert places == sorted(places)
