"""The requests of operators that are about accounts: the sandbox, limits, and how long things are kept.

Pure but for `answer`, which works on a `Desk`. Part of operate/requests.py.
"""

from typing import Any

import msgspec

from pillarbox.operate import accounts
from pillarbox.operate.desk import Desk


class ListReviews(msgspec.Struct, frozen=True, tag_field="request", tag="account.reviews"):
    """Answered by a list of `accounts.Standing`."""


class DecideProduction(msgspec.Struct, frozen=True, tag_field="request", tag="account.production"):
    """`why` is for those who are not granted it. Answered by `accounts.Standing`."""

    account: str
    region: str
    granted: bool
    why: str


class ShowQuota(msgspec.Struct, frozen=True, tag_field="request", tag="account.show-quota"):
    """Answered by `accounts.Limits`."""

    account: str
    region: str


class SetQuota(msgspec.Struct, frozen=True, tag_field="request", tag="account.quota"):
    """None leaves a limit as it is for all. Answered by `accounts.Limits`."""

    account: str
    region: str
    max_24_hour: float | None
    max_rate: float | None


class ShowDays(msgspec.Struct, frozen=True, tag_field="request", tag="account.show-retention"):
    """Answered by `accounts.Kept`."""

    account: str


class SetDays(msgspec.Struct, frozen=True, tag_field="request", tag="account.retention"):
    """0 is for ever; None is as long as for all. Answered by `accounts.Kept`."""

    account: str
    bodies: int | None
    history: int | None


AccountRequest = ListReviews | DecideProduction | ShowQuota | SetQuota | ShowDays | SetDays


async def answer(desk: Desk, request: AccountRequest) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    match request:
        case ListReviews():
            return await accounts.reviews(desk)
        case DecideProduction(account, region, granted, why):
            return await accounts.decide(desk, account, region, granted, why)
        case ShowQuota(account, region):
            return await accounts.quota(desk, account, region)
        case SetQuota(account, region, max_24_hour, max_rate):
            return await accounts.set_quota(desk, account, region, max_24_hour, max_rate)
        case ShowDays(account):
            return await accounts.kept(desk, account)
        case SetDays(account, bodies, history):
            return await accounts.keep(desk, account, bodies, history)
