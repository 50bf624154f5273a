"""From the spool into the event log: each open and click once, with what is known of who made it.

Touches the spool's files and the store. Runs in the background of one process, so that a store that
is slow or down is felt here and not by who follows a link. Hits wait for as
long as other links of the same message may still be followed at once, are
judged, and recorded under the key that the spool gives them.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence

from prometheus_client import Counter as MetricCounter

from pillarbox.edge.bots import LIKELY, Judge, Together
from pillarbox.edge.hit_files import HitFiles, Spooled
from pillarbox.edge.hit_spool import Hit
from pillarbox.events.record import record_new
from pillarbox.events.types import Click, Event, Fact, Open
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import DAY, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.store import messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.plan import Plan

# https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
_RECORDED_FOR: Millis = 60 * DAY
_AT_ONCE = 200
_MOST_HELD = 20_000
_IDLE_SECONDS = 0.2
# Who follows a link comes first: hits take a tenth of the time, and half of it once they have waited for long.
_REST = 9
_LONG: Millis = 30_000
_LONGEST_BREATH_SECONDS = 0.5
_WHILE_DOWN_SECONDS = 1.0

PASSED_OVER = metrics.counter(
    "tracking_hits_passed_over_total",
    labels=("why",),
    doc="""Opens and clicks of mail that nothing is recorded of any more; their links worked.

    `late`: more than 60 days after the mail was sent. `unknown`: the message is no longer kept.""",
)
AUTOMATED = metrics.counter(
    "tracking_automated_total", labels=("kind",), doc="Opens and clicks that were recorded as likely made by programs."
)


class HitDrain:
    """Drains until cancelled. What cannot be recorded now stays in the spool."""

    def __init__(self, files: HitFiles, store: Store, judge: Judge, clock: Clock, *, drops_query: bool) -> None:
        self._files = files
        self._store = store
        self._judge = judge
        self._clock = clock
        self._drops_query = drops_query
        self._held: deque[Spooled] = deque()
        self._followed = Followed(judge.together)
        self._log = log.named("tracking")

    async def run(self) -> None:
        while True:
            pause, began = _IDLE_SECONDS, time.monotonic()
            try:
                if await self.step():
                    pause = min((time.monotonic() - began) * self._rest(), _LONGEST_BREATH_SECONDS)
            except Unavailable as error:
                self._log.error("opens and clicks wait for the store", why=str(error))
                pause = _WHILE_DOWN_SECONDS
            except Exception:
                self._log.exception("opens and clicks could not be recorded; the same ones are tried again")
                pause = _WHILE_DOWN_SECONDS
            await asyncio.sleep(pause)

    async def step(self) -> bool:
        """Record the next that are due, and say whether there were any."""
        while len(self._held) < _MOST_HELD and (found := await asyncio.to_thread(self._files.read)):
            self._held.extend(found)
            for one in found:
                self._followed.note(one.hit)
        now = self._clock.now()
        due = self._due(now)
        if not due:
            return False
        judged = [(one, self._followed.together(one.hit)) for one in due]
        for counter, label, count in await self._store.write(self._record, judged, now):
            counter.labels(label).inc(count)
        for _ in due:
            self._held.popleft()
        self._files.let_go(due)
        self._followed.forget(self._held[0].hit.at if self._held else now)
        return True

    def _rest(self) -> int:
        """Return for how many times its length others have the processor after a turn."""
        waits_long = bool(self._held) and self._clock.now() - self._held[0].hit.at > _LONG
        return 1 if waits_long else _REST

    def _due(self, now: Millis) -> list[Spooled]:
        wait = self._judge.together.within_ms
        due: list[Spooled] = []
        for one in self._held:
            # A time in the future was taken before the clock was set back: it says nothing.
            if len(due) == _AT_ONCE or 0 <= now - one.hit.at < wait:
                break
            due.append(one)
        return due

    def _record(self, judged: Sequence[tuple[Spooled, int]], now: Millis) -> Plan[list[tuple[MetricCounter, str, int]]]:
        """Record, and return what is to be counted once that is done."""
        ids = list({one.hit.message_id for one, _ in judged})
        known = yield from messages.get_many(ids)
        recipients = yield from messages.recipients_of_many(ids)
        passed_over: Counter[str] = Counter()
        told = []
        for one, together in judged:
            message = known.get(one.hit.message_id)
            if message is None or one.hit.at - message.accepted_at > _RECORDED_FOR:
                passed_over["unknown" if message is None else "late"] += 1
                continue
            fact = self._fact(one.hit, _people(recipients.get(message.message_id, []), one.hit), together)
            told.append((_event(one, message, fact, now), one.key))
        new = yield from record_new(told)
        automated = Counter(event.kind.value.lower() for event in new if getattr(event.fact, "is_bot_event", None))
        return [
            *((PASSED_OVER, why, count) for why, count in passed_over.items()),
            *((AUTOMATED, kind, count) for kind, count in automated.items()),
        ]

    def _fact(self, hit: Hit, people: Sequence[RecipientRow], together: int) -> Fact:
        """Return the fact; `people` are those who may have made the hit."""
        delivered_at = min((one.changed_at for one in people if one.state == "delivered"), default=None)
        why = self._judge.reason(hit, delivered_at, together)
        marked = LIKELY if why else None
        who = people[0].address if len(people) == 1 else None
        if not hit.is_click:
            return Open(hit.address, hit.agent, marked, why, who)
        link = hit.link.partition("?")[0].partition("#")[0] if self._drops_query else hit.link
        return Click(hit.address, hit.agent, link, hit.tags, marked, why, who)


class Followed:
    """Which links were followed about the same time, of one message by one recipient or from one address.

    Times are told apart by half of the span in which links count as together; no more links are kept than decide.
    """

    def __init__(self, together: Together) -> None:
        self._most = together.links
        self._span_ms = max(together.within_ms // 2, 1)
        self._links: dict[int, dict[tuple[str, int | str], set[str]]] = {}

    def note(self, hit: Hit) -> None:
        if hit.is_click:
            links = self._links.setdefault(hit.at // self._span_ms, {}).setdefault(_by(hit), set())
            if len(links) < self._most:
                links.add(hit.link)

    def together(self, hit: Hit) -> int:
        """Return how many different links were followed with this one, itself counted, up to as many as decide."""
        span, by = hit.at // self._span_ms, _by(hit)
        near = [self._links.get(one, {}).get(by, set()) for one in (span - 1, span, span + 1)]
        return min(len(set().union(*near)), self._most)

    def forget(self, at: Millis) -> None:
        """Forget what is too old to have been together with anything since `at`."""
        for span in [one for one in self._links if one < at // self._span_ms - 1]:
            del self._links[span]


def _by(hit: Hit) -> tuple[str, int | str]:
    return hit.message_id, hit.address if hit.recipient is None else hit.recipient


def _people(recipients: Sequence[RecipientRow], hit: Hit) -> Sequence[RecipientRow]:
    """Return the recipients of whom the hit can be."""
    return [one for one in recipients if hit.recipient in (None, one.number)]


def _event(one: Spooled, message: MessageRow, fact: Fact, now: Millis) -> Event:
    return Event(f"{message.message_id}/{one.key}", message.scope, message.message_id, one.hit.at, now, fact)
