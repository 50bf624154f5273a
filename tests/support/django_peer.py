"""Starts the Django site of django_site.py, and asks it to send mail."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.peer import Peer
from tests.support.server import Server
from tests.support.signing import send

_ROOT = Path(__file__).parents[2]


@contextmanager
def site(server: Server, settings: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Iterator[Peer]:
    """Run a site with these settings of Django until the block is left and `server` owes it nothing."""
    command = [sys.executable, "-m", "tests.support.django_site", json.dumps(settings)]
    with Peer.started(command, _ROOT, {**os.environ, **(environment or {})}) as peer:
        yield peer
        server.settle()  # a post whose answer is lost would be made again, to nobody


def send_by(peer: Peer, source: str, recipient: str, **more: Any) -> str:
    """Let the site send a message and return the MessageId that it was given."""
    mail = {
        "subject": "Your order, Jürgen",
        "body": "It is on its way.",
        "html": "<p>It is on its way.</p>",
        "from_email": source,
        "to": [recipient],
        **more,
    }
    answer = send(peer.url, "POST", "/send/", {"Content-Type": "application/json"}, json.dumps(mail).encode())
    assert answer.status == 200, answer.text
    message_id: str = json.loads(answer.body)["message_id"]
    return message_id
