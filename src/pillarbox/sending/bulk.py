"""One template to many destinations in one call: a message for each, and a word on each.

What the whole call has in common is checked before anything is promised; after
that every entry goes down the same road as a single send, and what stands in
its way is told in its status. Called by api/ for both spellings of bulk sends.
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pillarbox.kit import log
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Denied, Invalid, Refusal, Unavailable
from pillarbox.kit.ids import new_message_id
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.sending import policy
from pillarbox.sending.draft import Draft, Templated, weight
from pillarbox.sending.envelope import KEY_TAG
from pillarbox.sending.sender import Sender

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_ENTRIES = 50
# Messages of this size together are in memory at once; entries that make more wait for those before them.
_MOST_AT_ONCE = 32 * 1024 * 1024
_NO_DATA = re.compile(r"\s*\{\s*\}\s*")

Pairs = tuple[tuple[str, str], ...]


class Status(NamedTuple):
    """What became of an entry, as v1 and v2 of SES spell it."""

    v1: str
    v2: str


SUCCESS = Status("Success", "SUCCESS")
STATUS_FOR: dict[type[Exception], Status] = {
    Exception: Status("Failed", "FAILED"),
    Unavailable: Status("TransientFailure", "TRANSIENT_FAILURE"),
    Invalid: Status("InvalidParameterValue", "INVALID_PARAMETER"),
    ConfigurationSetMissing: Status("ConfigurationSetDoesNotExist", "CONFIGURATION_SET_NOT_FOUND"),
    Denied: Status("MessageRejected", "MESSAGE_REJECTED"),
    policy.MessageRejected: Status("MessageRejected", "MESSAGE_REJECTED"),
    policy.MailFromNotVerified: Status("MailFromDomainNotVerified", "MAIL_FROM_DOMAIN_NOT_VERIFIED"),
    policy.PoolGone: Status("InvalidSendingPoolName", "INVALID_SENDING_POOL_NAME"),
    policy.AccountPaused: Status("AccountSendingPaused", "ACCOUNT_SENDING_PAUSED"),
    policy.ConfigurationSetPaused: Status("ConfigurationSetSendingPaused", "CONFIGURATION_SET_SENDING_PAUSED"),
    policy.RateExceeded: Status("AccountThrottled", "ACCOUNT_THROTTLED"),
    policy.DailyQuotaExceeded: Status("AccountDailyQuotaExceeded", "ACCOUNT_DAILY_QUOTA_EXCEEDED"),
}


@dataclass(slots=True, frozen=True)
class Entry:
    """One destination, and what its message has instead of what the call gave for all."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    data: str | None = None
    tags: Pairs = ()
    headers: Pairs = ()


@dataclass(slots=True, frozen=True)
class Result:
    """What became of an entry: a MessageId when it was promised, else the reason why not."""

    status: Status
    message_id: str | None = None
    error: str | None = None


async def send_bulk(sender: Sender, shared: Draft, entries: Sequence[Entry], now: Millis) -> list[Result]:
    """Send `shared`, a templated draft, to each entry and return what became of each, in order.

    Raises what stands against the call as a whole, or a trouble of ours that let
    nothing be promised: then the caller may try again without sending twice.
    """
    if not entries:
        raise policy.InvalidMessage("There are no destinations specified")
    if len(entries) > MOST_ENTRIES:
        raise policy.InvalidMessage(f"Destination count exceeds {MOST_ENTRIES}.")
    await sender.check(shared)
    send_id = new_message_id(shared.scope, now)
    outcomes: list[str | Exception] = []
    for drafts in _groups([draft_for(shared, entry, send_id, place) for place, entry in enumerate(entries)]):
        try:
            outcomes += await sender.send_together(drafts, now)
        except Exception as trouble:
            outcomes += [trouble] * len(drafts)
    if not any(isinstance(outcome, str) for outcome in outcomes):
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, Refusal):
                raise outcome
    return [result_of(outcome) for outcome in outcomes]


def draft_for(shared: Draft, entry: Entry, send_id: str, place: int = 0) -> Draft:
    """Return the message of one entry: what the entry gives replaces what has the same name for all.

    A key that the call gives for all counts with the place of the entry; one of its own counts wherever it stands.
    """
    content = shared.content
    assert isinstance(content, Templated)
    data = content.data if entry.data is None or _NO_DATA.fullmatch(entry.data) else entry.data
    headers = _headers(content.headers, entry.headers)
    filled = Templated(content.name, content.subject, content.text, content.html, data, headers, content.attachments)
    return replace(
        shared,
        content=filled,
        to=entry.to,
        cc=entry.cc,
        bcc=entry.bcc,
        tags=_merged(shared.tags or (), entry.tags),
        send_id=send_id,
        place=0 if any(name == KEY_TAG for name, _ in entry.tags) else place,
    )


def result_of(outcome: str | Exception) -> Result:
    """Return what the caller is told; of troubles of ours, no more than that there are some."""
    if isinstance(outcome, str):
        return Result(SUCCESS, message_id=outcome)
    status = next(STATUS_FOR[kind] for kind in type(outcome).__mro__ if kind in STATUS_FOR)
    if isinstance(outcome, Refusal):
        return Result(status, error=str(outcome))
    log.named("sending").error("entry of a bulk send failed", exc_info=outcome)
    if isinstance(outcome, Unavailable):
        return Result(status, error="The service cannot take the request now; try again.")
    return Result(status, error="The request processing has failed because of an unknown error.")


def _headers(shared: Pairs, own: Pairs) -> Pairs:
    if not own:
        return shared
    replaced = {name.lower() for name, _ in own}
    return (*(header for header in shared if header[0].lower() not in replaced), *own)


def _merged(shared: Pairs, own: Pairs) -> Pairs:
    if not own:
        return shared
    names = {name for name, _ in own}
    return (*(tag for tag in shared if tag[0] not in names), *own)


def _groups(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    group: list[Draft] = []
    together = 0
    for draft in drafts:
        size = weight(draft)
        if group and together + size > _MOST_AT_ONCE:
            yield group
            group, together = [], 0
        group.append(draft)
        together += size
    if group:
        yield group
