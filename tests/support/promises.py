"""Promises as accept makes them, for tests that start behind the doors."""

from dataclasses import replace

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources.contact_lists import ContactList
from pillarbox.sending.accept import Promise, accept
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Simple, Text
from pillarbox.sending.envelope import read_envelope
from pillarbox.sending.policy import Standing, TenantStanding

SCOPE = Scope("123456789012", "us-east-1")
STANDING = Standing(
    verified=frozenset({"example.com"}),
    any_sender=False,
    account_sends=True,
    configuration_set_exists=True,
    configuration_set_sends=True,
    sandbox=False,
    recipient_covers={},
)


def draft(*recipients: str, text: str = "Hello.", configuration_set: str | None = None, scope: Scope = SCOPE) -> Draft:
    return Draft(
        scope=scope,
        operation="SendEmail",
        caller_identity="tester",
        source_ip="192.0.2.1",
        content=Simple(Text("A subject"), Text(text)),
        size_limit=V1_SIZE_LIMIT,
        sender="Sender <sender@example.com>",
        to=recipients or ("someone@example.net",),
        configuration_set=configuration_set,
    )


def promise(asked: Draft, now: Millis, *, daily_limit: int | None = None, routes: RouteTable = RouteTable()) -> Promise:
    """Return what accept promises for a draft whose sender is in good standing."""
    standing = replace(STANDING, daily_limit=daily_limit, tenant=TenantStanding(True, ()) if asked.tenant else None)
    return accept(asked, read_envelope(asked), standing, routes, now)


def listed_promise(asked: Draft, contact_list: ContactList, now: Millis) -> Promise:
    """Return the same for a draft that names this list."""
    standing = replace(STANDING, contact_list=contact_list)
    return accept(asked, read_envelope(asked), standing, RouteTable(), now)


def split_promise(count: int, now: Millis, name: str = "p") -> Promise:
    """Return the same for a send to p0@example.net, p1@example.net and so on, each with a message of their own."""
    asked = draft(*(f"{name}{number}@example.net" for number in range(count)))
    standing = replace(STANDING, splits=True, most_recipients=count)
    return accept(asked, read_envelope(asked), standing, RouteTable(), now)
