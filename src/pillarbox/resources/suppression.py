"""The suppression list of an account in one region: who gets none of its mail, and why.

Plans. Called by api/ for callers who look after their list, and by delivery,
which asks before the first attempt and adds whoever bounced or complained.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

import base64
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources import account, configuration_sets, pages
from pillarbox.resources.suppression_reasons import Reason, Reasons
from pillarbox.store import suppressed
from pillarbox.store.plan import Plan
from pillarbox.store.suppressed import Search, SuppressedRow

# What a token may hold is what the store can be asked.
_LAST_MOMENT: Millis = 2**63 - 1


class NotSuppressed(NotFound):
    """The address is not on the list of this account and region."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Email address {address} does not exist on your suppression list.")


class InvalidListToken(pages.InvalidToken):
    """The token was not given out by the list."""


class Suppressed(NamedTuple):
    """One address on the list; a message and its feedback are named when they brought it there."""

    address: str
    reason: Reason
    updated_at: Millis
    message_id: str
    feedback_id: str


class Page(NamedTuple):
    addresses: list[Suppressed]
    next_token: str | None


class Recipient(NamedTuple):
    """Somebody to whom a message goes, by the configuration set that it was sent with (or none)."""

    scope: Scope
    configuration_set: str
    address: str


class Feedback(NamedTuple):
    """What a recipient's provider has let us know, and by which message."""

    recipient: Recipient
    reason: Reason
    message_id: str
    feedback_id: str
    told_at: Millis


def put(scope: Scope, address: str, reason: Reason, now: Millis, sandbox: bool = False) -> Plan[None]:
    """Put an address on the list, or give it another reason."""
    if sandbox:
        raise Invalid("An account in the sandbox cannot put addresses on its suppression list.")
    mailbox = parse_mailbox(address)
    if mailbox.display_name:
        raise Invalid(f"Invalid email address <{address}>: it must be given without a name.")
    if is_simulated(mailbox.address):
        raise Invalid(f"Invalid email address <{address}>: the mailbox simulator is never suppressed.")
    yield from suppressed.put([SuppressedRow(*scope, canonical(mailbox.address), reason.value, "", "", now)])


def get(scope: Scope, address: str) -> Plan[Suppressed]:
    row = yield from suppressed.get(scope, canonical(address))
    if row is None:
        raise NotSuppressed(address)
    return _read(row)


def delete(scope: Scope, address: str) -> Plan[None]:
    if not (yield from suppressed.delete(scope, canonical(address))):
        raise NotSuppressed(address)


def list_page(
    scope: Scope, reasons: Reasons, since: Millis | None, until: Millis | None, token: str | None, size: int | None
) -> Plan[Page]:
    """Return the next page of those that fit, from `since` on and before `until`, the latest last.

    An address that is put again while somebody turns the pages may be seen
    twice; none is missed.
    """
    limit = pages.checked_size(size)
    search = Search(tuple(reasons), since, until, _read_token(token) if token else None)
    rows = yield from suppressed.list_by_time(scope, search, limit + 1)
    more = len(rows) > limit
    return Page([_read(row) for row in rows[:limit]], _write_token(rows[limit - 1]) if more else None)


def reasons_in_force(scope: Scope, configuration_set: str) -> Plan[Reasons]:
    """Return for which reasons the recipients of mail with a set (or none) are suppressed."""
    found = (yield from configuration_sets.get(scope, configuration_set)) if configuration_set else None
    if found is not None and found.suppressed_reasons is not None:
        return found.suppressed_reasons
    return (yield from account.get(scope)).suppressed_reasons


def held_back(recipients: Collection[Recipient]) -> Plan[dict[Recipient, Reason]]:
    """Return who of them gets no mail, and why; one query when none is on a list."""
    listed = yield from suppressed.reasons_of({_key(one) for one in recipients if not is_simulated(one.address)})
    if not listed:
        return {}
    reasons = {one: Reason(listed[_key(one)]) for one in recipients if _key(one) in listed}
    in_force = yield from _in_force(reasons)
    return {one: reason for one, reason in reasons.items() if reason in in_force[one[:2]]}


def add(feedback: Sequence[Feedback]) -> Plan[None]:
    """Put recipients on the list for what their providers said, as far as the reasons in force say so."""
    counted = [one for one in feedback if not is_simulated(one.recipient.address)]
    in_force = yield from _in_force(one.recipient for one in counted)
    rows = [
        SuppressedRow(*_key(one.recipient), one.reason.value, one.message_id, one.feedback_id, one.told_at)
        for one in counted
        if one.reason in in_force[one.recipient[:2]]
    ]
    if rows:
        yield from suppressed.put(rows)


def canonical(address: str) -> str:
    """Return an address as the list spells it: labels count, the case of the domain does not."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _key(recipient: Recipient) -> tuple[str, str, str]:
    return (*recipient.scope, canonical(recipient.address))


def _in_force(recipients: Iterable[Recipient]) -> Plan[dict[tuple[Scope, str], Reasons]]:
    """Return the reasons in force for each of the ways by which these get mail."""
    found: dict[tuple[Scope, str], Reasons] = {}
    for scope, configuration_set, _ in recipients:
        if (scope, configuration_set) not in found:
            found[scope, configuration_set] = yield from reasons_in_force(scope, configuration_set)
    return found


def _read(row: SuppressedRow) -> Suppressed:
    return Suppressed(row.address, Reason(row.reason), row.updated_at, row.message_id, row.feedback_id)


def _write_token(row: SuppressedRow) -> str:
    return base64.urlsafe_b64encode(f"{row.updated_at} {row.address}".encode()).decode()


def _read_token(token: str) -> tuple[Millis, str]:
    try:
        updated_at, _, address = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode().partition(" ")
        after = int(updated_at), address
    except ValueError:  # of base64, of UTF-8, or not a number
        after = -1, ""
    if not 0 <= after[0] <= _LAST_MOMENT or "\0" in after[1]:
        raise InvalidListToken(f"The pagination token {token} is invalid.")
    return after
