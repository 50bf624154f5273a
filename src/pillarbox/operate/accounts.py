"""Accounts, as the operator lets them out of the sandbox and sets how much they may send and how long they keep it.

Touches the store. Called through operate/requests.py. Where the setting
`sandbox` is on, an account asks by PutAccountDetails and the operator decides.
"""

import re

import msgspec

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import account
from pillarbox.resources.account import DENIED, GRANTED, Account, OwnQuota
from pillarbox.store import account_times, nouns
from pillarbox.store.account_times import Days
from pillarbox.store.plan import Plan


class Standing(msgspec.Struct, frozen=True):
    """An account that has said what it sends, or was decided about; `status` is empty when it never asked."""

    account: str
    region: str
    status: str
    asked_at: int | None = None
    why: str = ""
    mail_type: str = ""
    website_url: str = ""
    use_case: str = ""
    contacts: list[str] = msgspec.field(default_factory=list)


async def reviews(desk: Desk) -> list[Standing]:
    """Return the accounts that have asked or said something, those that wait first."""
    found = await desk.store.read(_every)
    return sorted(found, key=lambda one: (one.status != account.PENDING, one.account, one.region))


async def decide(desk: Desk, name: str, region: str, granted: bool, why: str) -> Standing:
    """Let an account out of the sandbox of a region, or keep it there."""
    scope = Scope(name, region)
    status = GRANTED if granted else DENIED
    made = await audit.write(
        desk, "account.production", status, scope, account.decide, scope, status, why, desk.clock.now()
    )
    return _standing(scope, made)


class Limits(msgspec.Struct, frozen=True):
    """Limits of its own that an account has in a region; None for those that hold for all."""

    account: str
    region: str
    max_24_hour: float | None
    max_rate: float | None


async def set_quota(desk: Desk, name: str, region: str, max_24_hour: float | None, max_rate: float | None) -> Limits:
    """Give an account limits of its own in a region; those that are None are the server's again."""
    scope, own = Scope(name, region), OwnQuota(max_24_hour, max_rate)
    said = f"max_24_hour={own.max_24_hour} max_rate={own.max_rate}"
    made = await audit.write(desk, "account.quota", said, scope, account.set_quota, scope, own, desk.clock.now())
    kept = made.quota or OwnQuota()
    return Limits(name, region, kept.max_24_hour, kept.max_rate)


async def quota(desk: Desk, name: str, region: str) -> Limits:
    kept = (await desk.store.read(account.get, Scope(name, region))).quota or OwnQuota()
    return Limits(name, region, kept.max_24_hour, kept.max_rate)


class Kept(msgspec.Struct, frozen=True):
    """For how many days an account keeps bodies and history: 0 is for ever, None as long as for all."""

    account: str
    bodies: int | None
    history: int | None


async def keep(desk: Desk, name: str, bodies: int | None, history: int | None) -> Kept:
    """Let an account keep what it sent for days of its own; Invalid when that is no number of days."""
    if not re.fullmatch(r"[0-9]{12}", name):
        raise Invalid(f"{name!r} is no account: that is 12 digits")
    if any(one is not None and one < 0 for one in (bodies, history)):
        raise Invalid("a number of days is 0 (for ever) or more")
    said, scope = f"bodies_days={bodies} history_days={history}", Scope(name, "")
    days = Days(bodies, history)
    await audit.write(desk, "account.retention", said, scope, account_times.put, name, days, desk.clock.now())
    return Kept(name, *days)


async def kept(desk: Desk, name: str) -> Kept:
    return Kept(name, *await desk.store.read(account_times.get, name))


def _every() -> Plan[list[Standing]]:
    found = []
    for scope in (yield from nouns.scopes()):
        one = yield from account.get(scope)
        if one.details or one.review:
            found.append(_standing(scope, one))
    return found


def _standing(scope: Scope, one: Account) -> Standing:
    details, review = one.details, one.review
    return Standing(
        *scope,
        status=review.status if review else "",
        asked_at=review.asked_at if review else None,
        why=review.why if review else "",
        mail_type=details.mail_type if details else "",
        website_url=details.website_url if details else "",
        use_case=(details.use_case or "") if details else "",
        contacts=details.contacts if details else [],
    )
