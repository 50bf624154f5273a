"""Looks into the mail that was captured, as the owner of an address would."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from pillarbox.store import messages
from pillarbox.store.messages import Search
from tests.support.server import Server

_LINK = re.compile(r"https?://[^\s\"<>]+/verification/[^\s\"<>]+")


def mail_to(server: Server, address: str) -> list[EmailMessage]:
    """Return what was sent to an address by anybody, the oldest first."""
    rows = server.read(messages.newest, Search(recipient=address), 50)
    store = server.running.listening.store
    bodies = [server.running.run(store.body(row.body)) for row in reversed(rows)]
    return [message_from_bytes(body, policy=default) for body in bodies]


def link_in(mail: EmailMessage) -> str:
    """Return the verification link of a mail."""
    body = mail.get_body()
    assert body is not None
    found = _LINK.search(body.get_content())
    assert found is not None, body.get_content()
    return found[0]
