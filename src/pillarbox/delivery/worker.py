"""Claims due rows, makes the attempts, and writes down how they ended.

Touches the store and, through the transports, the world. Runs until cancelled;
many may run at once, at the pace that they share. Nothing is delivered from memory: whatever this process
forgets comes due again when its lease ends, so a crash repeats at most the
attempts in flight.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.delivery.claimed import give_back, keep_aside, look_up
from pillarbox.delivery.close import Closed, close, close_attempts, reject
from pillarbox.delivery.lanes import Lane, Turns, lane_of, read_lane
from pillarbox.delivery.outcome import Accepted, Deferred, Delivered, Outcome, Postponed, Refused, Suppressed
from pillarbox.delivery.pacer import Pacer
from pillarbox.delivery.prepare import Preparer
from pillarbox.delivery.provider_book import ProviderBook
from pillarbox.delivery.scan import Scanner
from pillarbox.delivery.suppression import HeldBack
from pillarbox.delivery.terms import Terms, TermsBook
from pillarbox.delivery.tracking import UNMARKED, Marks
from pillarbox.delivery.transform.headers import Undeliverable
from pillarbox.delivery.transport.base import Attempt, Transport
from pillarbox.delivery.transport.smtp_transcript import Conversations
from pillarbox.delivery.warm_up import WarmUp
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.kit.secrets import NotOpened
from pillarbox.store import leases, outgoing
from pillarbox.store.conversations import ConversationRow
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from pillarbox.store.outgoing import OutgoingRow

LEASE: Millis = 60 * SECOND
_AT_ONCE = 256  # places for attempts; a single lane gets less than half of them (lanes.py)
_IDLE_SECONDS = 5.0
_LOOK_SECONDS = 0.25  # where something is due and its lane is closed or at its limit
_MANY_LANES = 500  # looking at so many takes less time than a claim
_GOOD_FOR_EACH_SECONDS = 20e-6  # some times what it takes to look at one more
_FINISH_SECONDS = 10.0  # what a stop leaves attempts in hand to end
_GATHER_SECONDS = 0.01  # a claim costs the same for one row as for many
_AFTER_FAULT_SECONDS = 1.0
_LARGE = 128 * 1024
_NOT_SCANNED = "the scanner could not look at the message"

OUTCOMES = metrics.counter(
    "delivery_outcomes_total",
    labels=("account", "transport", "outcome"),
    doc="Recipients by what became of them: delivered, accepted (by another SES), deferred, postponed (no attempt),"
    " refused, rejected or suppressed.",
)
IN_FLIGHT = metrics.gauge("delivery_attempts_in_flight", doc="Attempts that are being made at this moment.")

_read_list = msgspec.json.Decoder(list[str]).decode


def _write_list(addresses: Sequence[str]) -> str:
    return msgspec.json.encode(addresses).decode()


class _Claimed(NamedTuple):
    """A row whose attempt is ours to make; `given` is there when the message is small.

    `held` are those of its recipients whom the mail must not reach.
    """

    row: OutgoingRow
    message: MessageRow
    given: bytes | None
    held: HeldBack


class _NotScanned(Exception):
    """The scanner could not look."""


class Worker:
    """Makes attempts, `_AT_ONCE` at most at a time, through the transports it was given.

    `book` tells who takes mail for a domain; without one, mail stays in the lane that it was promised in.
    """

    def __init__(
        self,
        store: Store,
        transports: Mapping[str, Transport],
        scanner: Scanner,
        preparer: Preparer,
        clock: Clock,
        book: ProviderBook | None = None,
        courtesy: Courtesy | None = None,
        warm_ups: Mapping[str, WarmUp] | None = None,
        lease: str = "",
    ) -> None:
        """`lease` is what its rows are claimed under, for who ends the leases of a worker that died."""
        self._store = store
        self._courtesy = courtesy or Courtesy()
        self._transports = transports
        self._scanner = scanner
        self._preparer = preparer
        self._clock = clock
        self._book = book
        self._terms = TermsBook(store, clock)
        self._lease = lease or new_token()
        self._pacer = Pacer(store, clock, self._lease, warm_ups)
        self._turns = Turns(_AT_ONCE)
        self._held: Counter[str] = Counter()
        self._look_at: Millis | None = None
        self._lanes: Mapping[str, tuple[Lane, Millis]] = {}
        self._lanes_good_until = 0.0
        self._in_flight: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._log = log.named("delivery")
        store.listen("outgoing", self._woken.set)

    async def run(self) -> None:
        """Deliver until cancelled; attempts in hand then have some seconds to end, and their leases after that."""
        renewing = asyncio.create_task(self._renew_leases())
        try:
            while True:
                self._woken.clear()
                await self._courtesy.give_way()
                try:
                    claimed = await self._claim()
                except Unavailable as error:
                    self._log.error("cannot claim", why=str(error))
                    claimed = []
                except Exception:  # what was leased comes due again; the rest of the queue must not wait for us
                    self._log.exception("cannot claim")
                    claimed = []
                    await asyncio.sleep(_AFTER_FAULT_SECONDS)
                for one in claimed:
                    self._begin(one)
                await self._wait(bool(claimed))
        finally:
            await self._finish()
            renewing.cancel()
            with contextlib.suppress(Unavailable):  # whoever goes on need not wait for the lease to end
                await self._store.commit(leases.end_of, self._lease)

    async def _finish(self) -> None:
        """Begin nothing more, and let what has begun come to its end."""
        self._pacer.stop()
        if tasks := list(self._in_flight.values()):
            await asyncio.wait(tasks, timeout=_FINISH_SECONDS)
            for task in tasks:
                task.cancel()

    async def step(self) -> bool:
        """Make the attempts that are due now and wait for their end; say whether there were any."""
        claimed = await self._claim()
        for one in claimed:
            self._begin(one)
        await asyncio.gather(*self._in_flight.values())
        return bool(claimed)

    async def _claim(self) -> list[_Claimed]:
        lanes = await self._lanes_seen()
        await self._pacer.refresh()
        now = self._clock.now()
        due = {name: lane for name, (lane, due_at) in lanes.items() if due_at <= now and self._is_open(lane, now)}
        room = await self._pacer.room(lane.hop for lane in due.values())
        budgets = self._turns.deal(due, self._held, room)
        rows = await self._store.write(outgoing.claim, budgets, self._lease, now, now + LEASE) if budgets else []
        self._look_at = None if rows else self._next_look(lanes, now)
        try:
            return await self._looked_up(rows) if rows else []
        except Unavailable:
            await self._hand_back(rows)
            raise

    async def _lanes_seen(self) -> Mapping[str, tuple[Lane, Millis]]:
        """Return the lanes and when each comes due; where there are very many, as they were a moment ago."""
        now = asyncio.get_running_loop().time()
        if now >= self._lanes_good_until:
            lanes = await self._store.read(outgoing.lanes)
            self._lanes = {name: (read_lane(name), due_at) for name, due_at in lanes.items()}
            self._lanes_good_until = now + max(0, len(lanes) - _MANY_LANES) * _GOOD_FOR_EACH_SECONDS
        return self._lanes

    async def _looked_up(self, rows: Sequence[OutgoingRow]) -> list[_Claimed]:
        known, held = await self._store.read(look_up, rows)
        mine = [(row, known[row.message_id]) for row in rows if (row.message_id, row.part) not in self._in_flight]
        if self._pacer.holds_messages:
            mine = await self._without_held(mine)
        small = await self._store.bodies([message.body for _, message in mine if message.size <= _LARGE])
        return [
            _Claimed(row, message, small.get(message.body), held.get((row.message_id, row.part), {}))
            for row, message in mine
        ]

    async def _without_held(
        self, mine: Sequence[tuple[OutgoingRow, MessageRow]]
    ) -> list[tuple[OutgoingRow, MessageRow]]:
        """Set aside what an operator has paused by its message or configuration set, and return the rest."""
        free = []
        for row, message in mine:
            hold = self._pacer.held_message(row.account, row.message_id, message.configuration_set)
            if hold is None:
                free.append((row, message))
            else:
                await self._store.write(keep_aside, row, hold, self._clock.now())
        return free

    def _is_open(self, lane: Lane, now: Millis) -> bool:
        opens_at = self._pacer.opens_at(lane, now)
        return opens_at is not None and opens_at <= now

    def _next_look(self, lanes: Mapping[str, tuple[Lane, Millis]], now: Millis) -> Millis | None:
        """Return when a lane will be open and have something due; None when that is for others to bring about."""
        open_at = [
            max(due_at, opens_at)
            for lane, due_at in lanes.values()
            if (opens_at := self._pacer.opens_at(lane, now)) is not None
        ]
        return min(open_at, default=None)

    def _begin(self, claimed: _Claimed) -> None:
        row = claimed.row
        key, lane = (row.message_id, row.part), read_lane(row.lane)
        task = asyncio.create_task(self._go_on_with(claimed, lane))
        self._in_flight[key] = task
        self._held[row.lane] += 1
        self._pacer.taken(lane.hop)
        IN_FLIGHT.inc()
        task.add_done_callback(lambda _: self._end(key, row.lane, lane))

    def _end(self, key: tuple[str, int], name: str, lane: Lane) -> None:
        self._in_flight.pop(key, None)
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]
        self._pacer.left(lane.hop)
        IN_FLIGHT.dec()
        if len(self._in_flight) < _AT_ONCE // 4:
            self._woken.set()

    async def _wait(self, busy: bool) -> None:
        if busy:
            await asyncio.sleep(_GATHER_SECONDS)
            return
        pause = _IDLE_SECONDS
        if self._look_at is not None:
            now = self._clock.now()
            left = (self._look_at - now) / SECOND
            at_limit = min(_LOOK_SECONDS, (self._pacer.looks_again_at(now) - now) / SECOND)
            pause = min(pause, left) if left > 0 else at_limit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(pause, 0.01)):
                await self._woken.wait()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _go_on_with(self, claimed: _Claimed, lane: Lane) -> None:
        """Make the attempt, unless its lane has to be found first or was closed meanwhile."""
        row = claimed.row
        try:
            if lane.is_unsorted and self._book is not None:
                await self._sort(row, self._book)
            elif await self._pacer.turn(lane, len(_read_list(row.recipients)) - len(claimed.held)):
                await self._attempt(*claimed)
            else:  # as old as it is, it comes first when there is room again, also for one that needs much
                await self._store.commit(give_back, row._replace(due_at=row.accepted_at))
        except Unavailable as error:
            self._log.error("attempt not made", message=row.message_id, why=str(error))
            await self._hand_back([row])

    async def _hand_back(self, rows: Sequence[OutgoingRow]) -> None:
        """Let rows be claimed again a moment after the store is back: nothing was tried, so no pause is due."""
        while True:
            due_at = self._clock.now() + round(_AFTER_FAULT_SECONDS * SECOND)
            try:
                await asyncio.gather(*(self._store.commit(give_back, row._replace(due_at=due_at)) for row in rows))
            except Unavailable:
                await asyncio.sleep(_AFTER_FAULT_SECONDS)
            else:
                return

    async def _sort(self, row: OutgoingRow, book: ProviderBook) -> None:
        domain = _read_list(row.recipients)[0].rpartition("@")[2].lower()
        lane = lane_of(row.scope, row.transport, await book.find(domain))
        await self._store.commit(give_back, row._replace(lane=lane, due_at=self._clock.now()))

    async def _attempt(self, row: OutgoingRow, message: MessageRow, given: bytes | None, held: HeldBack) -> None:
        try:
            if given is None:
                given = await self._store.body(message.body)
            closed = await self._make(row, message, given, held)
            if not await self._close(closed):
                self._log.warning("lease lost", message=row.message_id, why="another worker took the attempt over")
        except Unavailable:  # nothing was tried yet
            raise
        except Exception:
            self._log.exception("attempt not closed", message=row.message_id)

    async def _close(self, closed: Closed) -> bool:
        """Write down how an attempt ended, however long the store is away: unwritten, it would be made again."""
        while True:
            try:
                return await self._store.commit(close_attempts, closed)
            except Unavailable as error:
                self._log.error("cannot write down an attempt", message=closed.closing.message_id, why=str(error))
                await asyncio.sleep(_AFTER_FAULT_SECONDS)

    async def _make(self, row: OutgoingRow, message: MessageRow, given: bytes, held: HeldBack) -> Closed:
        recipients = [address for address in _read_list(row.recipients) if address not in held]
        outcomes: Mapping[str, Outcome] = {}
        marks = UNMARKED
        terms = await self._terms.of(message.scope, message.configuration_set)
        began_at, said = self._clock.now(), Conversations()
        try:
            if _is_to_be_scanned(row) and (reason := await self._scan(given)):
                self._tell(row, dict.fromkeys((*recipients, *held), "rejected"), reason)
                return reject(row, reason, self._clock.now())
            if recipients:
                outcomes, marks = await self._outcomes(row, message, given, recipients, terms, said)
        except _NotScanned as error:  # what nobody has looked at is not delivered
            self._log.exception("scan failed", message=row.message_id)
            outcomes = dict.fromkeys(recipients, Deferred(f"{_NOT_SCANNED} ({error})", ours=True))
        except Unavailable:  # nothing was sent: a transport that had begun says what came of it
            raise
        except Exception as error:
            self._log.exception("attempt failed", message=row.message_id, transport=row.transport)
            outcomes = dict.fromkeys(recipients, Deferred(f"{type(error).__name__} in {row.transport}", ours=True))
        outcomes = {**outcomes, **held}
        site, now = self._preparer.site, self._clock.now()
        closed = close(row, outcomes, site.reporting_mta, now, terms.give_up_after, marks)
        if said.held:
            closed = closed._replace(conversations=_kept(row, began_at, said))
        self._tell(row, {address: _NAMES[type(outcome)] for address, outcome in outcomes.items()}, closed.closing.why)
        return closed

    async def _outcomes(
        self,
        row: OutgoingRow,
        message: MessageRow,
        given: bytes,
        recipients: Sequence[str],
        terms: Terms,
        said: Conversations,
    ) -> tuple[Mapping[str, Outcome], Marks]:
        transport = self._transports.get(row.transport)
        if transport is None:
            why = f"no transport named {row.transport!r} is configured"
            return dict.fromkeys(recipients, Deferred(why, ours=True)), UNMARKED
        hop = read_lane(row.lane).hop
        try:
            prepared = await self._preparer.prepare(message, given, recipients, hop)
        except Undeliverable as error:
            return dict.fromkeys(recipients, Refused(error.reply)), UNMARKED
        except NotOpened as error:
            self._log.error("not prepared", message=row.message_id, why=f"{error}: {error.__cause__}")
            return dict.fromkeys(recipients, Deferred(str(error), ours=True)), UNMARKED
        attempt = Attempt(
            row.message_id,
            row.part,
            row.attempts + 1,
            row.scope,
            prepared.sender,
            tuple(recipients),
            prepared.data,
            self._clock.now(),
            terms.tls_required,
            said,
            upstream=hop.provider,
            configuration_set=message.configuration_set,
            mail=prepared.mail,
        )
        outcomes = await transport.deliver(attempt)
        await self._pacer.learn(hop, outcomes, attempt.started_at)
        return outcomes, prepared.marks

    async def _scan(self, given: bytes) -> str | None:
        try:
            return await self._scanner.verdict(given)
        except Exception as error:
            raise _NotScanned(str(error) or type(error).__name__) from error

    def _tell(self, row: OutgoingRow, outcomes: Mapping[str, str], why: str) -> None:
        for outcome in outcomes.values():
            OUTCOMES.labels(row.account, row.transport, outcome).inc()
        summary = sorted(set(outcomes.values()))
        # These are told by the history and the counters; the log is for what may need somebody.
        if summary in (["delivered"], ["accepted"]):
            return
        self._log.info(
            "attempt",
            message=row.message_id,
            number=row.attempts + 1,
            transport=row.transport,
            recipients=len(outcomes),
            outcome=",".join(summary),
            why=why,
        )

    async def renew(self) -> None:
        """Keep the rows of attempts that live, however long they take."""
        await self._store.write(outgoing.renew, list(self._in_flight), self._lease, self._clock.now() + LEASE)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE / SECOND / 3)
            try:
                await self.renew()
            except Unavailable as error:
                self._log.error("cannot renew leases", why=str(error))


def _is_to_be_scanned(row: OutgoingRow) -> bool:
    """Once, before the first attempt: and again for as long as the scanner could not look."""
    return row.attempts == 0 or _NOT_SCANNED in row.why


def _kept(row: OutgoingRow, began_at: Millis, said: Conversations) -> tuple[ConversationRow, ...]:
    key = (row.message_id, row.part, row.attempts + 1)
    return tuple(
        ConversationRow(*key, place, row.account, began_at, one.peer, _write_list(one.recipients), one.lines)
        for place, one in enumerate(said.held)
    )


_NAMES = {
    Delivered: "delivered",
    Accepted: "accepted",
    Deferred: "deferred",
    Postponed: "postponed",
    Refused: "refused",
    Suppressed: "suppressed",
}
