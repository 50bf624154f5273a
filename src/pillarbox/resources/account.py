"""The account as a sender: its switch, its quota, whom it suppresses, and whether it has left the sandbox.

Plans, and the quota as the settings give it. Called by api/, by sending, which
refuses while the switch is off, and by operate/, which decides who may leave
the sandbox. https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.resources.suppression_reasons import EVERY_REASON, Reasons
from pillarbox.store import messages, nouns
from pillarbox.store.plan import Plan

KIND = "account"
PENDING, GRANTED, DENIED = "PENDING", "GRANTED", "DENIED"
_NAME = "account"
# Clients pace themselves by 1 / MaxSendRate, so that neither 0 nor -1 may be told for "no limit".
TOLD_FOR_NO_LIMIT = 1_000_000.0
# https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html
_SANDBOX_24_HOUR, _SANDBOX_RATE = 200.0, 1.0
_ACCOUNT = re.compile(r"[0-9]{12}")


@dataclass(slots=True, frozen=True)
class Quota:
    """What the server lets each account send in each region: recipients in 24 hours and a second.

    `max_24_hour` -1 and `max_rate` 0 (or less) stand for no limit. In the `sandbox` is who was not granted more.
    """

    max_24_hour: float
    max_rate: float
    sandbox: bool

    @property
    def daily_limit(self) -> int | None:
        """How many recipients may be addressed in 24 hours; None for any number."""
        return int(self.max_24_hour) if self.max_24_hour >= 0 else None

    @property
    def rate(self) -> float | None:
        """How many recipients may be addressed in a second; None for any number."""
        return self.max_rate if self.max_rate > 0 else None

    def of(self, own: "OwnQuota | None", has_left_sandbox: bool) -> "Quota":
        """Return what holds for an account: limits of its own, those of the sandbox, or those of all."""
        if own is None:
            return self if has_left_sandbox or not self.sandbox else _in_sandbox(self)
        return replace(
            self,
            max_24_hour=self.max_24_hour if own.max_24_hour is None else own.max_24_hour,
            max_rate=self.max_rate if own.max_rate is None else own.max_rate,
        )

    @property
    def told_rate(self) -> float:
        """The rate as callers are told it."""
        return self.max_rate if self.max_rate > 0 else TOLD_FOR_NO_LIMIT


def _in_sandbox(quota: Quota) -> Quota:
    daily, rate = quota.max_24_hour, quota.max_rate
    return replace(
        quota,
        max_24_hour=min(daily, _SANDBOX_24_HOUR) if daily >= 0 else _SANDBOX_24_HOUR,
        max_rate=min(rate, _SANDBOX_RATE) if rate > 0 else _SANDBOX_RATE,
    )


class OwnQuota(msgspec.Struct, frozen=True):
    """Limits that an account has instead of the server's; None leaves one as it is for all."""

    max_24_hour: float | None = None
    max_rate: float | None = None


class ProductionAccessNotGranted(Refusal):
    """What was asked for is not done in the sandbox."""


class ReviewOpen(Refusal):
    """The account waits for a decision and cannot change what it is about."""


class Details(msgspec.Struct, frozen=True):
    """What an account says of the mail that it means to send."""

    mail_type: str
    website_url: str
    language: str | None = None
    use_case: str | None = None
    contacts: list[str] = msgspec.field(default_factory=list)


class Review(msgspec.Struct, frozen=True):
    """A request to leave the sandbox and what the operator made of it; `why` is for those who deny."""

    status: str
    case_id: str
    asked_at: Millis
    why: str = ""


class Account(msgspec.Struct, frozen=True):
    """The standing of an account in one region; accounts exist by being used.

    `suppressed_reasons` are those for which addresses are added to its
    suppression list and kept from its mail; none switches the list off.
    """

    sending_enabled: bool = True
    suppressed_reasons: Reasons = EVERY_REASON
    details: Details | None = None
    review: Review | None = None
    quota: OwnQuota | None = None

    @property
    def has_left_sandbox(self) -> bool:
        return self.review is not None and self.review.status == GRANTED


_read = msgspec.json.Decoder(Account).decode


def get(scope: Scope) -> Plan[Account]:
    noun = yield from nouns.get(scope, KIND, _NAME)
    return _read(noun.document) if noun else Account()


def set_sending(scope: Scope, enabled: bool, now: Millis) -> Plan[None]:
    """Pause or resume all sending of the account in this region."""
    yield from _change(scope, lambda one: msgspec.structs.replace(one, sending_enabled=enabled), now)


def set_suppressed_reasons(scope: Scope, reasons: Reasons, now: Millis) -> Plan[None]:
    """Choose for which reasons addresses are suppressed in this region."""
    yield from _change(scope, lambda one: msgspec.structs.replace(one, suppressed_reasons=reasons), now)


def put_details(scope: Scope, details: Details, asks: bool, quota: Quota, now: Millis) -> Plan[None]:
    """Keep what an account says of its mail; one that `asks` waits from now on for the operator's decision.

    Raises ReviewOpen while it waits. Where there is no sandbox, nobody has to decide.
    """

    def edit(one: Account) -> Account:
        if one.review is not None and one.review.status == PENDING:
            raise ReviewOpen(f"The account details of {scope.account} are under review.")
        review = one.review
        if asks and quota.sandbox and not one.has_left_sandbox:
            review = Review(PENDING, str(now), now)
        return msgspec.structs.replace(one, details=details, review=review)

    yield from _change(scope, edit, now)


def decide(scope: Scope, status: str, why: str, now: Millis) -> Plan[Account]:
    """Let an account out of the sandbox (GRANTED) or keep it there (DENIED), whether it has asked or not."""
    if not _ACCOUNT.fullmatch(scope.account):
        raise Invalid(f"an account is 12 digits, not {scope.account!r}")

    def edit(one: Account) -> Account:
        asked = one.review or Review(status, str(now), now)
        return msgspec.structs.replace(one, review=msgspec.structs.replace(asked, status=status, why=why))

    yield from _change(scope, edit, now)
    return (yield from get(scope))


def set_quota(scope: Scope, own: OwnQuota, now: Millis) -> Plan[Account]:
    """Give an account limits of its own; those that are None are the server's again."""
    if not _ACCOUNT.fullmatch(scope.account):
        raise Invalid(f"an account is 12 digits, not {scope.account!r}")
    kept = None if own == OwnQuota() else own
    yield from _change(scope, lambda one: msgspec.structs.replace(one, quota=kept), now)
    return (yield from get(scope))


def is_in_sandbox(scope: Scope, quota: Quota) -> Plan[bool]:
    return quota.sandbox and not (yield from get(scope)).has_left_sandbox


def check_production(scope: Scope, quota: Quota) -> Plan[None]:
    """Pass outside of the sandbox, or raise ProductionAccessNotGranted."""
    if (yield from is_in_sandbox(scope, quota)):
        raise ProductionAccessNotGranted(
            f"Account {scope.account} is in the sandbox in {scope.region}: production access has not been granted."
        )


def sent_last_24_hours(scope: Scope, now: Millis) -> Plan[int]:
    """Return how many recipients count against the daily quota now."""
    return (yield from messages.recipients_since(scope, now - DAY))


def standing(scope: Scope, now: Millis) -> Plan[tuple[Account, int]]:
    """Return the account, and how much of its daily quota is used."""
    found = yield from get(scope)
    return found, (yield from sent_last_24_hours(scope, now))


def _change(scope: Scope, edit: Callable[[Account], Account], now: Millis) -> Plan[None]:
    if not (yield from nouns.create(scope, KIND, _NAME, _write(edit(Account())), now)):
        yield from nouns.change(scope, KIND, _NAME, lambda document: _write(edit(_read(document))), now)


def _write(account: Account) -> str:
    return msgspec.json.encode(account).decode()
