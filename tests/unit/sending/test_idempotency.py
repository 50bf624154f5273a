"""The same call made again gets the first answer; another one does not."""

import asyncio
from dataclasses import replace

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.clock import DAY, MINUTE
from pillarbox.kit.errors import Refusal
from pillarbox.resources import account, identities
from pillarbox.resources.account import Quota
from pillarbox.sending.accept import Promise, keep_promises
from pillarbox.sending.draft import Draft, Invocation, Templated
from pillarbox.sending.idempotency import KeyReused, once_of
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.policy import AccountPaused, DailyQuotaExceeded
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.store import messages, outgoing, retry_keys
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.promises import SCOPE, draft, promise

NOON = 1_790_000_000_000
FIRST = Invocation("AKIA one", is_again=False, ends_here=False)
AGAIN = FIRST._replace(is_again=True)


def asked(text: str = "Hello.", invocation: Invocation | None = FIRST, key: str | None = None) -> Draft:
    tags = (("pillarbox-idempotency-key", key),) if key else None
    return replace(draft(text=text), invocation=invocation, tags=tags)


async def keep(store: Store, one: Draft, at: int = NOON) -> str:
    """Return the MessageId that a draft is answered with."""
    made = promise(one, at)
    verdict = await store.commit(keep_promises, made)
    if isinstance(verdict, Refusal):
        raise verdict
    return verdict or made.message.message_id


async def sender(store: Store) -> Sender:
    await store.write(identities.vouch, SCOPE, "example.com", NOON)
    standings = Standings(store, StandingClock(NOON), any_sender=False, sandbox=False)
    return Sender(store, standings, RouteTable())


async def test_an_invocation_that_comes_again_is_one_message(store: Store) -> None:
    first = await keep(store, asked())
    assert await keep(store, asked(invocation=AGAIN)) == first
    assert await store.read(outgoing.size) == 1


async def test_both_tries_in_the_same_moment_are_one_message(store: Store) -> None:
    made = [promise(asked(invocation=invocation), NOON) for invocation in (FIRST, AGAIN, AGAIN)]
    verdicts = await store.write(keep_promises, made)
    assert verdicts == [None, made[0].message.message_id, made[0].message.message_id]


async def test_tries_in_many_transactions_at_once_are_one_message(store: Store) -> None:
    ids = await asyncio.gather(*(keep(store, asked(key="k")) for _ in range(40)))
    assert len(set(ids)) == 1
    assert await store.read(outgoing.size) == 1


@pytest.mark.parametrize(
    "other",
    [
        asked("Something else."),
        asked(invocation=Invocation("AKIA two", False, False)),
        replace(asked(), place=1),
        replace(asked(), scope=SCOPE._replace(region="eu-west-1")),
    ],
    ids=["content", "invocation", "place", "region"],
)
async def test_another_call_is_another_message(store: Store, other: Draft) -> None:
    assert await keep(store, asked()) != await keep(store, other)


@pytest.mark.parametrize(
    "other",
    [replace(asked(), list_management=ListManagement("readers")), replace(asked(), tenant="acme")],
    ids=["list", "tenant"],
)
def test_a_call_for_another_list_or_tenant_is_another_call(other: Draft) -> None:
    one, two = once_of(asked(), None), once_of(other, None)
    assert one is not None and two is not None
    assert one.at != two.at


async def test_an_invocation_is_known_for_a_quarter_of_an_hour(store: Store) -> None:
    first = await keep(store, asked())
    assert await keep(store, asked(invocation=AGAIN), NOON + 15 * MINUTE - 1) == first
    assert await keep(store, asked(invocation=AGAIN), NOON + 15 * MINUTE) != first


async def test_a_key_of_ones_own_holds_for_a_day_and_one_content(store: Store) -> None:
    first = await keep(store, asked(key="order-17"))
    assert await keep(store, asked(key="order-17", invocation=None), NOON + DAY - 1) == first
    with pytest.raises(KeyReused, match="<order-17> was used for another message"):
        await keep(store, asked("Something else.", key="order-17"))
    assert await keep(store, asked("Something else.", key="order-17"), NOON + DAY) != first


async def test_what_was_refused_is_not_remembered(store: Store) -> None:
    def over(invocation: Invocation) -> Promise:
        return promise(asked(invocation=invocation), NOON, daily_limit=0)

    verdicts = await store.write(keep_promises, [over(FIRST), over(AGAIN)])
    assert [type(verdict) for verdict in verdicts] == [DailyQuotaExceeded, DailyQuotaExceeded]

    first = await keep(store, asked(invocation=AGAIN))
    assert await store.read(messages.get, first) is not None


async def test_the_answer_is_found_whatever_stands_against_the_call_by_now(store: Store) -> None:
    sending = await sender(store)
    first = await sending.send(asked(), NOON)
    await store.write(account.set_sending, SCOPE, False, NOON)
    standings = Standings(store, StandingClock(NOON), any_sender=False, sandbox=False, quota=Quota(0, 0, False))
    sending = Sender(store, standings, RouteTable())

    assert await sending.send(asked(invocation=AGAIN), NOON + 1) == first
    with pytest.raises(AccountPaused):
        await sending.send(asked(invocation=Invocation("AKIA two", True, False)), NOON + 1)


def test_a_stored_template_may_change_between_the_tries() -> None:
    def by(text: str) -> Draft:
        return replace(asked(), content=Templated("welcome", "Hi", text, None, '{"name": "you"}'))

    assert once_of(by("old"), None) == once_of(by("new"), None)


def test_a_call_that_is_never_made_again_is_not_remembered() -> None:
    assert once_of(asked(invocation=FIRST._replace(ends_here=True)), None) is None
    assert once_of(asked(invocation=AGAIN._replace(ends_here=True)), None) is not None
    assert once_of(asked(invocation=None), None) is None


async def test_keys_that_have_ended_are_forgotten(store: Store) -> None:
    await keep(store, asked())
    await keep(store, asked("Another."))
    await keep(store, asked(key="mine"))

    assert await store.write(retry_keys.prune, NOON + 15 * MINUTE - 1, 10) == 0
    assert await store.write(retry_keys.prune, NOON + 15 * MINUTE, 1) == 1
    assert await store.write(retry_keys.prune, NOON + 15 * MINUTE, 10) == 1
    assert await store.write(retry_keys.prune, NOON + DAY, 10) == 1
