"""Claims due rows, makes the attempts, and writes down how they ended.

Touches the store and, through the transports, the world. Runs until cancelled;
many may run at once. Nothing is delivered from memory: whatever this process
forgets comes due again when its lease ends, so a crash repeats at most the
attempts in flight.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pillarbox.delivery.close import Closed, close, close_attempts, reject
from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused, Suppressed
from pillarbox.delivery.pace import share
from pillarbox.delivery.scan import Scanner
from pillarbox.delivery.suppression import HeldBack, Key, held_back
from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.delivery.transform.pipeline import transform
from pillarbox.delivery.transport.base import Attempt, Transport
from pillarbox.events.types import MailFacts
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.store import messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Plan

LEASE: Millis = 60 * SECOND
_AT_ONCE = 128
_IDLE_SECONDS = 5.0
_GATHER_SECONDS = 0.01  # a claim costs the same for one row as for many
_AFTER_FAULT_SECONDS = 1.0
_LARGE = 128 * 1024
_NOT_SCANNED = "the scanner could not look at the message"

OUTCOMES = metrics.counter(
    "delivery_outcomes_total",
    labels=("account", "transport", "outcome"),
    doc="Recipients by what became of them: delivered, deferred, refused, rejected or suppressed.",
)
IN_FLIGHT = metrics.gauge("delivery_attempts_in_flight", doc="Attempts that are being made at this moment.")

_read_mail = msgspec.json.Decoder(MailFacts).decode
_read_list = msgspec.json.Decoder(list[str]).decode


@dataclass(frozen=True, slots=True)
class Site:
    """What the server is called in what it delivers."""

    service_domain: str
    reporting_mta: str


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
    """Makes attempts, `_AT_ONCE` at a time, through the transports it was given."""

    def __init__(
        self, store: Store, transports: Mapping[str, Transport], scanner: Scanner, site: Site, clock: Clock
    ) -> None:
        self._store = store
        self._transports = transports
        self._scanner = scanner
        self._site = site
        self._clock = clock
        self._lease = new_token()
        self._turn = 0
        self._in_flight: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._log = log.named("delivery")
        store.listen("outgoing", self._woken.set)

    async def run(self) -> None:
        """Deliver until cancelled; attempts in hand are then abandoned to their leases."""
        renewing = asyncio.create_task(self._renew_leases())
        try:
            while True:
                self._woken.clear()
                try:
                    claimed = await self._claim(_AT_ONCE - len(self._in_flight))
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
            renewing.cancel()
            for task in list(self._in_flight.values()):
                task.cancel()

    async def step(self) -> bool:
        """Make the attempts that are due now and wait for their end; say whether there were any."""
        claimed = await self._claim(_AT_ONCE)
        for one in claimed:
            self._begin(one)
        await asyncio.gather(*self._in_flight.values())
        return bool(claimed)

    async def _claim(self, room: int) -> list[_Claimed]:
        if room < 1 or not (lanes := await self._store.read(outgoing.lanes)):
            return []
        self._turn += 1
        now = self._clock.now()
        budgets = share(lanes, room, self._turn)
        rows = await self._store.write(outgoing.claim, budgets, self._lease, now, now + LEASE)
        known, held = await self._store.read(_look_up, rows)
        claimed = [(row, known[row.message_id]) for row in rows if (row.message_id, row.part) not in self._in_flight]
        small = await self._store.bodies([message.body for _, message in claimed if message.size <= _LARGE])
        return [
            _Claimed(row, message, small.get(message.body), held.get((row.message_id, row.part), {}))
            for row, message in claimed
        ]

    def _begin(self, claimed: _Claimed) -> None:
        key = (claimed.row.message_id, claimed.row.part)
        task = asyncio.create_task(self._attempt(*claimed))
        self._in_flight[key] = task
        IN_FLIGHT.inc()
        task.add_done_callback(lambda _: self._end(key))

    def _end(self, key: tuple[str, int]) -> None:
        self._in_flight.pop(key, None)
        IN_FLIGHT.dec()
        if len(self._in_flight) < _AT_ONCE // 2:
            self._woken.set()

    async def _wait(self, busy: bool) -> None:
        if busy and len(self._in_flight) < _AT_ONCE:
            await asyncio.sleep(_GATHER_SECONDS)
            return
        pause = _IDLE_SECONDS
        if not busy:
            due_at = await self._next_due_at()
            pause = min(pause, max(0.0, (due_at - self._clock.now()) / SECOND)) if due_at is not None else pause
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), max(pause, 0.01))
            await asyncio.sleep(_GATHER_SECONDS)

    async def _next_due_at(self) -> Millis | None:
        try:
            return await self._store.read(outgoing.next_due_at)
        except Unavailable:
            return None

    async def _attempt(self, row: OutgoingRow, message: MessageRow, given: bytes | None, held: HeldBack) -> None:
        try:
            if given is None:
                given = await self._store.body(message.body)
            closed = await self._make(row, message, given, held)
            if not await self._store.commit(close_attempts, closed):
                self._log.warning("lease lost", message=row.message_id, why="another worker took the attempt over")
        except Unavailable as error:  # the row comes due again when its lease ends
            self._log.error("attempt not closed", message=row.message_id, why=str(error))
        except Exception:
            self._log.exception("attempt not closed", message=row.message_id)

    async def _make(self, row: OutgoingRow, message: MessageRow, given: bytes, held: HeldBack) -> Closed:
        recipients = [address for address in _read_list(row.recipients) if address not in held]
        outcomes: Mapping[str, Outcome] = {}
        try:
            if _is_to_be_scanned(row) and (reason := await self._scan(given)):
                self._tell(row, dict.fromkeys((*recipients, *held), "rejected"), reason)
                return reject(row, reason, self._clock.now())
            if recipients:
                outcomes = await self._outcomes(row, message, given, recipients)
        except _NotScanned as error:  # what nobody has looked at is not delivered
            self._log.exception("scan failed", message=row.message_id)
            outcomes = dict.fromkeys(recipients, Deferred(f"{_NOT_SCANNED} ({error})", ours=True))
        except Exception as error:
            self._log.exception("attempt failed", message=row.message_id, transport=row.transport)
            outcomes = dict.fromkeys(recipients, Deferred(f"{type(error).__name__} in {row.transport}", ours=True))
        outcomes = {**outcomes, **held}
        closed = close(row, outcomes, self._site.reporting_mta, self._clock.now())
        self._tell(row, {address: _NAMES[type(outcome)] for address, outcome in outcomes.items()}, closed.closing.why)
        return closed

    async def _outcomes(
        self, row: OutgoingRow, message: MessageRow, given: bytes, recipients: Sequence[str]
    ) -> Mapping[str, Outcome]:
        transport = self._transports.get(row.transport)
        if transport is None:
            why = f"no transport named {row.transport!r} is configured"
            return dict.fromkeys(recipients, Deferred(why, ours=True))
        attempt = Attempt(
            row.message_id,
            row.part,
            row.attempts + 1,
            row.scope,
            self._sender_of(message),
            tuple(recipients),
            await self._transform(message, given),
            self._clock.now(),
        )
        return await transport.deliver(attempt)

    def _sender_of(self, message: MessageRow) -> str:
        """Return the envelope sender: none for mail that must never bring mail back."""
        if not _read_mail(message.mail).return_path:
            return ""
        return f"{message.message_id}@{self._site.service_domain}"

    async def _scan(self, given: bytes) -> str | None:
        try:
            if len(given) > _LARGE:
                return await asyncio.to_thread(self._scanner.reason_to_reject, given)
            return self._scanner.reason_to_reject(given)
        except Exception as error:
            raise _NotScanned(type(error).__name__) from error

    async def _transform(self, message: MessageRow, given: bytes) -> bytes:
        facts = TransformFacts(
            message_id=message.message_id,
            region=message.region,
            service_domain=self._site.service_domain,
            accepted_at=message.accepted_at,
            tags=_read_mail(message.mail).tags,
        )
        if len(given) > _LARGE:
            return await asyncio.to_thread(transform, given, facts)
        return transform(given, facts)

    def _tell(self, row: OutgoingRow, outcomes: Mapping[str, str], why: str) -> None:
        for outcome in outcomes.values():
            OUTCOMES.labels(row.account, row.transport, outcome).inc()
        summary = sorted(set(outcomes.values()))
        if summary == ["delivered"]:  # told by the history and the counters; the log is for what may need somebody
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

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE / SECOND / 3)
            try:
                await self._store.write(outgoing.renew, list(self._in_flight), self._lease, self._clock.now() + LEASE)
            except Unavailable as error:
                self._log.error("cannot renew leases", why=str(error))


def _is_to_be_scanned(row: OutgoingRow) -> bool:
    """Once, before the first attempt: and again for as long as the scanner could not look."""
    return row.attempts == 0 or _NOT_SCANNED in row.why


def _look_up(rows: Sequence[OutgoingRow]) -> Plan[tuple[dict[str, MessageRow], Mapping[Key, HeldBack]]]:
    """Return the messages of claimed rows, and whom the rows must not reach: one query for each, however many."""
    known = yield from messages.get_many(sorted({row.message_id for row in rows}))
    return known, (yield from held_back(rows, known))


_NAMES = {Delivered: "delivered", Deferred: "deferred", Refused: "refused", Suppressed: "suppressed"}
