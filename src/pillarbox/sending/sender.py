"""The sender: takes drafts from the doors, and answers when they are promised on disk.

Touches the store, and threads for what is large. Called by api/, the SMTP door
and the dashboard; what is promised, and under which conditions, is for
sending/accept.py to say.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from pillarbox.kit import metrics
from pillarbox.kit.clock import Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.disk import Room
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope, new_message_id, part_message_id
from pillarbox.sending import deferred, idempotency, unmade
from pillarbox.sending.accept import Promise, accept, accept_deferred, accept_unmade, keep_promises
from pillarbox.sending.admission import ShutAccounts
from pillarbox.sending.deferred import Deferred
from pillarbox.sending.draft import Draft, weight, weight_unmade
from pillarbox.sending.envelope import Envelope, read_envelope
from pillarbox.sending.idempotency import once_of
from pillarbox.sending.policy import CHECKS, CHECKS_OF_THE_SENDER, MOST_RECIPIENTS, RateExceeded, Standing
from pillarbox.sending.rows import Route
from pillarbox.sending.standing import Standings
from pillarbox.sending.unmade import Unmade
from pillarbox.store import elsewhere
from pillarbox.store.engine import Store
from pillarbox.store.plan import PutAway

# Reading or making a message of this size takes about a millisecond: beyond it, off the loop.
_LARGE = 128 * 1024

Kept = Promise | Deferred | Unmade
Promised = TypeVar("Promised", Promise, Deferred, Unmade)

ACCEPTED = metrics.counter(
    "messages_accepted_total",
    labels=("operation",),
    doc="Messages promised. Compare with delivery_outcomes_total to see whether delivery keeps up.",
)
REFUSED = metrics.counter(
    "messages_refused_total",
    labels=("operation", "reason"),
    doc="Sends refused before anything was promised, by the rule that refused them.",
)


class Sender:
    """Answers a door only after the promise is on disk; raises what stood against it.

    With a `room`, NoRoom is raised when the disk has too little of it left, before anything is promised. With
    `makes_later` the messages of a burst are made after their answers: where one process does all that there is to do.
    """

    def __init__(
        self,
        store: Store,
        standings: Standings,
        route: Route,
        room: Room | None = None,
        courtesy: Courtesy | None = None,
        *,
        makes_later: bool = False,
    ) -> None:
        self._store = store
        self._standings = standings
        self._route = route
        self._room = room
        self._courtesy = courtesy or Courtesy()
        self._makes_later = makes_later
        self._shut = ShutAccounts()

    async def send(self, draft: Draft, now: Millis) -> str:
        """Return the MessageId of what was promised, now or when the same was asked before."""
        made: Kept | str | Exception | None = None
        if self._makes_later and self._courtesy.is_burst:
            made = await self._made_later(draft, now)
        if made is None:
            (made,) = await self._promises((draft,), now)
        if isinstance(made, Promise | Unmade):
            with self._courtesy.waiting():
                away: Sequence[Kept] = (made,)
                if isinstance(made, Promise):
                    away, _ = await self._put_away((made,), b"")
                verdict = await self._store.commit(keep_promises, away[0])
            made = self._verdict(draft, verdict, now) or made
        outcome = _told(draft, made)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _made_later(self, draft: Draft, now: Millis) -> Unmade | Exception | None:
        """Return what is promised of a draft whose message is made later, or what stands against it.

        None for one whose message is made now: that must be made to know, that goes to each recipient for themselves,
        or that may have been asked for before.
        """
        if self._room:
            self._room.check()
        envelope = unmade.read_unmade(draft)
        is_again = draft.invocation is not None and draft.invocation.is_again
        if envelope is None or envelope.key is not None or is_again or elsewhere.places(self._store):
            return None
        envelope, standing = await self._standings.of(draft.scope, envelope)
        if standing.splits:
            return None
        try:
            return self._paced(accept_unmade(draft, envelope, standing, new_message_id(draft.scope, now), now))
        except Refusal as reason:
            return reason

    async def send_together(self, drafts: Sequence[Draft], now: Millis) -> list[str | Exception]:
        """Return what became of each draft of a call, in order: its MessageId, or what stood against it.

        They have one template, and differ in recipients, data, headers and tags. What stands against one is no
        matter of the others. Those promised share one transaction: when that cannot be written, its exception is
        raised and nothing is promised. Of many the messages are made after the answer.
        """
        # From the first to the last: so many are waiting for an answer, though there is one caller.
        with self._courtesy.waiting(len(drafts)):
            made = await self._promises(drafts, now)
            verdicts = iter(await self._keep(drafts[0], [one for one in made if isinstance(one, Kept)]))
        kept = [
            self._verdict(draft, next(verdicts), now) or one if isinstance(one, Kept) else one
            for draft, one in zip(drafts, made, strict=True)
        ]
        return [_told(draft, one) for draft, one in zip(drafts, kept, strict=True)]

    async def _keep(self, shared: Draft, promised: Sequence[Kept]) -> list[Refusal | str | None]:
        if not promised:
            return []
        waiting = [one for one in promised if isinstance(one, Deferred)]
        listed = deferred.list_of(shared, waiting) if waiting else b""
        away, listed_away = await self._put_away(promised, listed)
        return await self._store.write(keep_promises, away, listed_away)

    async def most_recipients(self, scope: Scope) -> int:
        """Return how many recipients a message of this account may have, in one configuration set or another."""
        return await self._standings.most_recipients(scope)

    async def check(self, draft: Draft) -> None:
        """Raise what stands against a draft, whoever its recipients are to be if it has none; nothing is promised."""
        (envelope,) = await _read_each((draft,))
        against = envelope if isinstance(envelope, Exception) else await self._reason_against(draft, envelope)
        if against is not None:
            _told(draft, against)
            raise against

    async def _reason_against(self, draft: Draft, envelope: Envelope) -> Refusal | None:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        checks = CHECKS if envelope.prepared.recipients else CHECKS_OF_THE_SENDER
        reasons = (check(envelope.prepared, standing) for check in checks)
        return next((reason for reason in reasons if reason), None)

    async def _promises(self, drafts: Sequence[Draft], now: Millis) -> list[Kept | str | Exception]:
        if self._room:
            self._room.check()
        envelopes, waiting = await self._read(drafts)
        answered = await self._answered(drafts, envelopes, now)
        first = new_message_id(drafts[0].scope, now) if waiting else ""
        made: list[Kept | str | Exception] = []
        for place, (draft, envelope) in enumerate(zip(drafts, envelopes, strict=True)):
            try:
                if place in answered:
                    made.append(answered[place])
                elif isinstance(envelope, Exception):
                    made.append(envelope)
                elif place in waiting:
                    message_id = part_message_id(first, place)
                    made.append(self._paced(accept_deferred(draft, envelope, waiting[place], message_id, place, now)))
                else:
                    made.append(self._paced(await self._promise(draft, envelope, now)))
            except Exception as reason:
                made.append(reason)
        return made

    async def _read(self, drafts: Sequence[Draft]) -> tuple[list[Envelope | Exception], dict[int, Standing]]:
        """Read the drafts of a call; the standings are of those whose messages are made later, by place."""
        if len(drafts) < deferred.FEWEST:
            return await _read_each(drafts), {}
        unmade = await _read_unmade(drafts)
        places = [place for place, envelope in enumerate(unmade) if envelope is not None]
        known = await self._standings.of_alike(drafts[0].scope, [one for one in unmade if one is not None])
        if known and known[0][1].splits:
            return await _read_each(drafts), {}
        later = dict(zip(places, known, strict=True))
        made = iter(await _read_each([draft for place, draft in enumerate(drafts) if place not in later]))
        envelopes = [later[place][0] if place in later else next(made) for place in range(len(drafts))]
        return envelopes, {place: standing for place, (_, standing) in later.items()}

    async def _answered(
        self, drafts: Sequence[Draft], envelopes: Sequence[Envelope | Exception], now: Millis
    ) -> dict[int, str | Refusal]:
        """Return the answers of those that were asked before, before anything could stand against them by now."""
        asked = {
            place: once
            for place, (draft, envelope) in enumerate(zip(drafts, envelopes, strict=True))
            if isinstance(envelope, Envelope)
            and (envelope.key is not None or (draft.invocation is not None and draft.invocation.is_again))
            and (once := once_of(draft, envelope.key))
        }
        if not asked:
            return {}
        there = await self._store.read(idempotency.earlier, list(asked.values()), now)
        return {place: idempotency.answer(once, there[once.at]) for place, once in asked.items() if once.at in there}

    async def _promise(self, draft: Draft, envelope: Envelope, now: Millis) -> Promise:
        envelope, standing = await self._standings.of(draft.scope, envelope)
        asked = (draft, envelope, standing, self._route, now)
        if len(envelope.prepared.recipients) > MOST_RECIPIENTS:
            return await asyncio.to_thread(accept, *asked)
        return accept(*asked)

    def _paced(self, promise: Promised) -> Promised:
        """Return what is promised, unless the account is known to have nothing left of its rate."""
        asked = promise.asked
        if asked.rate is not None and self._shut.is_shut(asked.scope, asked.now):
            raise RateExceeded
        return promise

    async def _put_away(self, promised: Sequence[Kept], listed: bytes) -> tuple[Sequence[Kept], bytes | PutAway]:
        """Put what one account sent where bodies are kept, if that is not the store, before anything refers to it."""
        first = promised[0].asked
        made = [one for one in promised if isinstance(one, Promise)]
        sent = (*(one for promise in made for one in (promise.body, promise.everybody)), listed)
        bodies = [one for one in sent if isinstance(one, bytes) and one]
        put = await elsewhere.put_away(self._store, bodies, first.scope.account, first.now)
        if put is None:
            return promised, listed
        places = iter(put)
        away = [
            replace(one, body=next(places), everybody=next(places) if one.everybody else b"")
            if isinstance(one, Promise)
            else one
            for one in promised
        ]
        return away, next(places) if listed else b""

    def _verdict(self, draft: Draft, verdict: Refusal | str | None, now: Millis) -> Refusal | str | None:
        if isinstance(verdict, RateExceeded):
            self._shut.add(draft.scope, verdict.until, now)
        return verdict


def _told(draft: Draft, made: Kept | str | Exception) -> str | Exception:
    """Count what became of a draft and return it as the doors tell it."""
    if isinstance(made, Kept):
        ACCEPTED.labels(draft.operation).inc()
        return made.asked.key
    if isinstance(made, Refusal):
        REFUSED.labels(draft.operation, type(made).__name__).inc()
    return made


async def _read_unmade(drafts: Sequence[Draft]) -> list[Envelope | None]:
    if sum(map(weight_unmade, drafts)) > _LARGE:
        return await asyncio.to_thread(deferred.read_unmade, drafts)
    return deferred.read_unmade(drafts)


async def _read_each(drafts: Sequence[Draft]) -> list[Envelope | Exception]:
    if sum(map(weight, drafts)) > _LARGE:
        return await asyncio.to_thread(_read, drafts)
    return _read(drafts)


def _read(drafts: Sequence[Draft]) -> list[Envelope | Exception]:
    """Read drafts; what is wrong with one is its own affair."""
    envelopes: list[Envelope | Exception] = []
    for draft in drafts:
        try:
            envelopes.append(read_envelope(draft))
        except Exception as reason:
            envelopes.append(reason)
    return envelopes
