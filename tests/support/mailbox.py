"""Looks into the mail that was captured, as the owner of an address would."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from pillarbox.store.plan import Plan, Rows
from tests.support.server import Server

_LINK = re.compile(r"https?://[^\s\"<>]+/verification/[^\s\"<>]+")


def mail_to(server: Server, address: str) -> list[EmailMessage]:
    """Return what was sent to an address by anybody, the oldest first."""
    store = server.running.listening.store
    bodies = [server.running.run(store.body(body)) for body in server.read(_bodies_to, address)]
    return [message_from_bytes(body, policy=default) for body in bodies]


def link_in(mail: EmailMessage) -> str:
    """Return the verification link of a mail."""
    body = mail.get_body()
    assert body is not None
    found = _LINK.search(body.get_content())
    assert found is not None, body.get_content()
    return found[0]


def _bodies_to(address: str) -> Plan[list[str]]:
    rows = yield Rows(
        "SELECT m.body FROM recipients r JOIN messages m ON m.message_id = r.message_id WHERE r.address = ?"
        " ORDER BY m.accepted_at, m.message_id",
        (address,),
    )
    return [row[0] for row in rows]
