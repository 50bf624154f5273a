"""Mail of the service itself: confirmations, forwarded feedback, answers of the simulator.

A plan, for whoever learns inside a transaction that somebody is to be written
to (destinations/, api/, edge/). It goes the road of all mail, under an account
that no customer has: it uses nobody's quota, counts in nobody's statistics and
none of its events reaches a customer. It leaves with the null return path, so
that what happens to it never makes mail again.
https://www.rfc-editor.org/rfc/rfc5321#section-4.5.5
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.sending.accept import Promise, accept, keep_promises
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Raw
from pillarbox.sending.envelope import read_envelope
from pillarbox.sending.policy import Standing
from pillarbox.sending.rows import Route
from pillarbox.store import events
from pillarbox.store.plan import Plan

OPERATION = "SystemMail"

# The service may always write: what could stand against it are switches and checks for customers.
_STANDING = Standing(
    verified=frozenset(),
    any_sender=True,
    account_sends=True,
    configuration_set_exists=False,
    configuration_set_sends=False,
    sandbox=False,
    recipient_covers={},
)


class SystemMail(NamedTuple):
    """One mail to one recipient. `raw` is complete, with a From under the service domain and an Auto-Submitted header.

    `key` is what makes it the same mail: with a key that was used before, nothing is sent again.
    """

    key: str
    region: str
    recipient: str
    raw: bytes


def promise(mails: Sequence[SystemMail], route: Route, now: Millis) -> Plan[list[str | None]]:
    """Promise the mails in this transaction; the MessageId of each, or None where its key was used before.

    Raises Refusal for a recipient that is no address, before anything is written.
    """
    return (yield from keep(prepare(mails, route, now), now))


def prepare(mails: Sequence[SystemMail], route: Route, now: Millis) -> list[tuple[str, Promise]]:
    """Return the mails as promises, by their keys, for a plan that cannot be given the route; pure."""
    return [(mail.key, _promise(mail, route, now)) for mail in mails]


def keep(prepared: Sequence[tuple[str, Promise]], now: Millis) -> Plan[list[str | None]]:
    """Put prepared mails on disk: those whose keys are new."""
    new: list[Promise] = []
    ids: list[str | None] = []
    for key, one in prepared:
        is_new = yield from events.first_seen(SERVICE_ACCOUNT, f"system-mail/{key}", now)
        new += [one] if is_new else []
        ids.append(one.message.message_id if is_new else None)
    yield from keep_promises(new)
    return ids


def _promise(mail: SystemMail, route: Route, now: Millis) -> Promise:
    draft = Draft(
        scope=Scope(SERVICE_ACCOUNT, mail.region),
        operation=OPERATION,
        caller_identity=SERVICE_ACCOUNT,
        source_ip="",
        content=Raw(mail.raw, (mail.recipient,)),
        size_limit=V2_SIZE_LIMIT,
    )
    envelope = structs.replace(read_envelope(draft), return_path="")
    made = accept(draft, envelope, _STANDING, route, now)
    return replace(made, quota_recipients=0)
