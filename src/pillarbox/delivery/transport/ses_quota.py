"""Reads the quota of another SES, and keeps the pace of mail that goes there to it.

Touches the network and the store. Called by upkeep every minute and by
operators. Until a quota is known, mail goes at the rate of the sandbox.
Another Pillarbox may have no limit, which it cannot say but in a very large number.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
"""

from collections.abc import Iterable

from msgspec.structs import replace

from pillarbox.delivery.lanes import OTHER_SES
from pillarbox.delivery.pace import held, set_by_far_side
from pillarbox.delivery.transport.ses_answers import QUOTA_SECONDS, are_credentials_refused
from pillarbox.delivery.transport.ses_client import Answer, NotAnswered, NotAsked, SesClient, Upstream
from pillarbox.kit.clock import MINUTE, SECOND, Millis
from pillarbox.resources import upstreams
from pillarbox.resources.account import TOLD_FOR_NO_LIMIT
from pillarbox.resources.upstreams import Quota
from pillarbox.store import pace
from pillarbox.store.engine import Store
from pillarbox.store.pace import Limits
from pillarbox.store.plan import Plan

LOOK_EVERY: Millis = MINUTE
_PATH = "/v2/email/account"
# https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html
_SANDBOX_RATE = 1.0


async def look(store: Store, client: SesClient, now: Millis) -> Quota:
    """Ask an upstream for its quota, write down what it said or why it did not, and set the pace by it."""
    name = client.upstream.name
    try:
        answer = await client.get(_PATH)
    except (NotAsked, NotAnswered) as failure:
        return await store.write(note_failure, name, str(failure), now)
    if are_credentials_refused(answer):
        client.credentials.forget()
    try:
        seen = quota_of(answer, now) if answer.is_good else None
    except (KeyError, TypeError, ValueError):
        seen = None
    if seen is None:
        return await store.write(note_failure, name, f"GetAccount was answered {answer}", now)
    await store.write(note, client.upstream, seen, now)
    return seen


def quota_of(answer: Answer, now: Millis) -> Quota:
    """Read the answer to GetAccount, or raise KeyError, TypeError or ValueError."""
    quota = answer.content["SendQuota"]
    rate = float(quota["MaxSendRate"])
    return Quota(
        now,
        now + LOOK_EVERY,
        rate if rate < TOLD_FOR_NO_LIMIT else -1.0,
        float(quota["Max24HourSend"]),
        float(quota["SentLast24Hours"]),
        bool(answer.content.get("SendingEnabled", True)),
        bool(answer.content.get("ProductionAccessEnabled", True)),
        str(answer.content.get("EnforcementStatus", "")),
    )


def note(upstream: Upstream, seen: Quota, now: Millis) -> Plan[None]:
    """Keep what was seen, and let mail go out as the quota says: not at all while that of the day is used up."""
    yield from upstreams.put_quota(upstream.name, seen, now)
    yield from pace.change(OTHER_SES, upstream.name, lambda limits: (_under(limits, upstream, seen, now), None))


def note_failure(name: str, why: str, now: Millis) -> Plan[Quota]:
    """Keep why nothing was seen; what was known before goes on to hold."""
    before = (yield from upstreams.quota(name)) or Quota(0, 0)
    seen = replace(before, failure=why, look_again_at=now + LOOK_EVERY)
    yield from upstreams.put_quota(name, seen, now)
    return seen


def begin(known: Iterable[Upstream]) -> Plan[None]:
    """See to it that no upstream is sent to without a limit before its quota is known."""
    for upstream in known:
        seen = (yield from upstreams.quota(upstream.name)) or Quota(0, 0)
        rate = upstream.max_send_rate or (0.0 if seen.is_known else _SANDBOX_RATE)

        def decide(limits: Limits, rate: float = rate) -> tuple[Limits, None]:
            return (limits if limits.far_rate else limits._replace(far_rate=rate)), None

        yield from pace.change(OTHER_SES, upstream.name, decide)


def _under(limits: Limits, upstream: Upstream, seen: Quota, now: Millis) -> Limits:
    rates = [rate for rate in (seen.max_send_rate, upstream.max_send_rate) if rate > 0]
    limits = set_by_far_side(limits, min(rates, default=0.0))
    if seen.is_used_up and not upstream.fallback:
        return held(limits, now + round(QUOTA_SECONDS * SECOND), why_held(upstream.name, seen))
    return limits


def why_held(name: str, seen: Quota) -> str:
    return (
        f"upstream {name} has used up the quota of its day: {seen.sent_last_24_hours:g} of"
        f" {seen.max_24_hour_send:g} recipients in 24 hours"
    )
