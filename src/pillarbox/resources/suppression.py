"""The suppression lists of an account in one region, its own and those of its tenants: who gets no mail, and why.

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
from pillarbox.resources import account, configuration_sets, pages, tenants
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
    """Somebody to whom a message goes, by the configuration set and the tenant that it was sent with (or none)."""

    scope: Scope
    configuration_set: str
    address: str
    tenant: str = ""

    @property
    def way(self) -> "Way":
        return self.scope, self.configuration_set, self.tenant


Way = tuple[Scope, str, str]


class InForce(NamedTuple):
    """Which list is asked for mail that goes one way, and for which reasons; the account's own has no id."""

    reasons: Reasons
    list_id: str


class HeldBack(NamedTuple):
    """Why somebody gets no mail, and whether by the list of a tenant."""

    reason: Reason
    of_tenant: bool


class Feedback(NamedTuple):
    """What a recipient's provider has let us know, and by which message."""

    recipient: Recipient
    reason: Reason
    message_id: str
    feedback_id: str
    told_at: Millis


def put(
    scope: Scope, address: str, reason: Reason, now: Millis, sandbox: bool = False, tenant: str | None = None
) -> Plan[None]:
    """Put an address on the list of the account or of a tenant, or give it another reason."""
    if sandbox:
        raise Invalid("An account in the sandbox cannot put addresses on its suppression list.")
    mailbox = parse_mailbox(address)
    if mailbox.display_name:
        raise Invalid(f"Invalid email address <{address}>: it must be given without a name.")
    if is_simulated(mailbox.address):
        raise Invalid(f"Invalid email address <{address}>: the mailbox simulator is never suppressed.")
    list_id = yield from tenants.list_of(scope, tenant)
    yield from suppressed.put([SuppressedRow(*scope, list_id, canonical(mailbox.address), reason.value, "", "", now)])


def get(scope: Scope, address: str, tenant: str | None = None) -> Plan[Suppressed]:
    list_id = yield from tenants.list_of(scope, tenant)
    row = yield from suppressed.get(scope, list_id, canonical(address))
    if row is None:
        raise NotSuppressed(address)
    return _read(row)


def delete(scope: Scope, address: str, tenant: str | None = None) -> Plan[None]:
    list_id = yield from tenants.list_of(scope, tenant)
    if not (yield from suppressed.delete(scope, list_id, canonical(address))):
        raise NotSuppressed(address)


def list_page(
    scope: Scope,
    reasons: Reasons,
    since: Millis | None,
    until: Millis | None,
    token: str | None,
    size: int | None,
    tenant: str | None = None,
) -> Plan[Page]:
    """Return the next page of those that fit, from `since` on and before `until`, the latest last.

    An address that is put again while somebody turns the pages may be seen
    twice; none is missed.
    """
    limit = pages.checked_size(size)
    search = Search(tuple(reasons), since, until, _read_token(token) if token else None)
    list_id = yield from tenants.list_of(scope, tenant)
    rows = yield from suppressed.list_by_time(scope, list_id, search, limit + 1)
    more = len(rows) > limit
    return Page([_read(row) for row in rows[:limit]], _write_token(rows[limit - 1]) if more else None)


def in_force(scope: Scope, configuration_set: str, tenant: str) -> Plan[InForce]:
    """Return by which list and for which reasons the recipients of such mail are suppressed.

    The set is asked first, then the tenant, then the account.
    https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list-tenant-level.html
    """
    of_set = (yield from configuration_sets.get(scope, configuration_set)) if configuration_set else None
    named = (yield from tenants.get(scope, tenant)) if tenant else None
    of_tenant = named.suppression if named else None
    reasons = of_set.suppressed_reasons if of_set else None
    own_list = of_set.suppressed_for_tenant if of_set else None
    if reasons is None:
        reasons = of_tenant.reasons if of_tenant else (yield from account.get(scope)).suppressed_reasons
    if own_list is None:
        own_list = of_tenant is not None and of_tenant.own_list
    return InForce(reasons, named.tenant_id if named and own_list else "")


def held_back(recipients: Collection[Recipient]) -> Plan[dict[Recipient, HeldBack]]:
    """Return who of them gets no mail, and why; one query when none has a tenant and none is on a list."""
    known = yield from _in_force(one for one in recipients if one.tenant)
    keys = {
        one: _key(one, known[one.way].list_id if one.tenant else "")
        for one in recipients
        if not is_simulated(one.address)
    }
    listed = yield from suppressed.reasons_of(set(keys.values()))
    if not listed:
        return {}
    found = {one: HeldBack(Reason(listed[key]), of_tenant=bool(key[2])) for one, key in keys.items() if key in listed}
    known |= yield from _in_force(one for one in found if not one.tenant)
    return {one: held for one, held in found.items() if held.reason in known[one.way].reasons}


def add(feedback: Sequence[Feedback]) -> Plan[None]:
    """Put recipients on the list for what their providers said, as far as the reasons in force say so."""
    counted = [one for one in feedback if not is_simulated(one.recipient.address)]
    known = yield from _in_force(one.recipient for one in counted)
    rows = [
        SuppressedRow(
            *_key(one.recipient, asked.list_id), one.reason.value, one.message_id, one.feedback_id, one.told_at
        )
        for one in counted
        if one.reason in (asked := known[one.recipient.way]).reasons
    ]
    if rows:
        yield from suppressed.put(rows)


def canonical(address: str) -> str:
    """Return an address as the list spells it: labels count, the case of the domain does not."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _key(recipient: Recipient, list_id: str) -> suppressed.Key:
    return (*recipient.scope, list_id, canonical(recipient.address))


def _in_force(recipients: Iterable[Recipient]) -> Plan[dict[Way, InForce]]:
    """Return what is in force for each of the ways by which these get mail."""
    found: dict[Way, InForce] = {}
    for one in recipients:
        if one.way not in found:
            found[one.way] = yield from in_force(*one.way)
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
