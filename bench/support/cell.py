"""A model of one cell: processes that accept and deliver over one database, in simulated time.

Pure: chance comes from a seed. Used by bench/simulate.py. What is modelled is what waits for what: each process has one
processor, the database some, commits gather into groups while others are being written, deliverers claim what is due
as far as they have room, an attempt waits for its far side, and what a dead process had claimed comes due when its
lease ends. Times are seconds.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

MOST_IN_A_GROUP = 512  # as store/groups.py has it
GROUPS_AT_ONCE = 4
AT_ONCE = 256  # attempts of one process, as delivery/worker.py has it
LEASE = 60.0
_GATHER = 0.01  # a claim costs the same for one message as for many
_SAMPLE = 0.1


@dataclass(frozen=True)
class Cell:
    """What one has, and what a message costs there: processor time of each kind, in seconds."""

    fronts: int
    deliverers: int
    database_cores: int
    accept: float = 480e-6
    deliver: float = 1_200e-6
    commit: float = 240e-6  # the database, for a message's promise
    close: float = 200e-6  # the database, for its claim, its end and its counting
    transaction: float = 400e-6  # the database, whatever is in it
    disk: float = 2e-3  # until a commit is on disk there and on a standby
    far_median: float = 0.4  # from the connection's being free to the reply
    far_spread: float = 1.0  # of its logarithm


@dataclass(frozen=True)
class Happening:
    """Between two moments the database is away, a number of deliverers is dead, or the far side is slower."""

    since: float
    until: float
    database_away: bool = False
    dead: int = 0
    far_times: float = 1.0

    def holds(self, now: float) -> bool:
        return self.since <= now < self.until


@dataclass
class Seen:
    """What was seen in a run; waits are in seconds, depths in messages that are due and that nobody has claimed."""

    accepts: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    offered: int = 0
    refused: int = 0
    delivered: int = 0
    repeated: int = 0
    front_busy: float = 0.0
    deliverer_busy: float = 0.0
    database_busy: float = 0.0


class Agenda:
    """Calls in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._calls, (when, next(self._numbers), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self.now + seconds, call)

    def run(self, until: float = math.inf) -> None:
        while self._calls and self._calls[0][0] <= until:
            self.now, _, call = heapq.heappop(self._calls)
            call()


class Servers:
    """Some that serve alike, and one queue before them, first come first served."""

    def __init__(self, agenda: Agenda, number: int) -> None:
        self._agenda = agenda
        self._free = number
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self.busy = 0.0

    def use(self, seconds: float, then: Callable[[], None]) -> None:
        if self._free:
            self._free -= 1
            self._begin(seconds, then)
        else:
            self._waiting.append((seconds, then))

    def _begin(self, seconds: float, then: Callable[[], None]) -> None:
        self.busy += seconds
        self._agenda.after(seconds, partial(self._end, then))

    def _end(self, then: Callable[[], None]) -> None:
        if self._waiting:
            self._begin(*self._waiting.popleft())
        else:
            self._free += 1
        then()


class Group:
    """Gathers what is to be written while earlier groups are being written."""

    def __init__(self, write: Callable[[int, Callable[[], None]], None]) -> None:
        self._write = write
        self._waiting: list[Callable[[], None]] = []
        self._turns = GROUPS_AT_ONCE

    def add(self, then: Callable[[], None]) -> None:
        self._waiting.append(then)
        self._go_on()

    def _go_on(self) -> None:
        while self._turns and self._waiting:
            self._turns -= 1
            taken, self._waiting = self._waiting[:MOST_IN_A_GROUP], self._waiting[MOST_IN_A_GROUP:]
            self._write(len(taken), partial(self._written, taken))

    def _written(self, taken: Sequence[Callable[[], None]]) -> None:
        self._turns += 1
        for then in taken:
            then()
        self._go_on()


class _Deliverer:
    def __init__(self, number: int, agenda: Agenda, closing: Group) -> None:
        self.number = number
        self.processor = Servers(agenda, 1)
        self.closing = closing
        self.room = AT_ONCE
        self.is_claiming = False
        self.life = 0  # how often it died
        self.in_hand: dict[int, float] = {}


class Simulation:
    """One run of a cell under a load."""

    def __init__(self, cell: Cell, happenings: Sequence[Happening] = (), seed: int = 1) -> None:
        self.agenda = Agenda()
        self.seen = Seen()
        self._cell = cell
        self._happenings = happenings
        self._chance = random.Random(seed)
        self._database = Servers(self.agenda, cell.database_cores)
        self._fronts = [
            (Servers(self.agenda, 1), Group(partial(self._transact, cell.commit))) for _ in range(cell.fronts)
        ]
        self._deliverers = [
            _Deliverer(number, self.agenda, Group(partial(self._transact, cell.close)))
            for number in range(cell.deliverers)
        ]
        self._due: deque[tuple[int, float]] = deque()
        self._done: set[int] = set()
        for one in happenings:
            for deliverer in self._deliverers[: one.dead]:
                self.agenda.at(one.since, partial(self._die, deliverer))
            self.agenda.at(one.until, self._claim_all)

    def run(self, rate: Callable[[float], float], most: float, seconds: float) -> Seen:
        """Offer `rate` messages a second (never more than `most`) for some time, and go on until all is delivered."""
        for number, when in enumerate(self._arrivals(rate, most, seconds)):
            self.agenda.at(when, partial(self._arrive, number))
        self.agenda.at(0.0, partial(self._sample, seconds))
        self.agenda.run()
        self.seen.front_busy = sum(one.busy for one, _ in self._fronts) / len(self._fronts) / seconds
        self.seen.deliverer_busy = sum(one.processor.busy for one in self._deliverers) / len(self._deliverers) / seconds
        self.seen.database_busy = self._database.busy / self._cell.database_cores / seconds
        return self.seen

    def _arrivals(self, rate: Callable[[float], float], most: float, seconds: float) -> Iterator[float]:
        """Yield moments of a Poisson process whose rate changes, by thinning one with the highest rate."""
        when = self._chance.expovariate(most)
        while when < seconds:
            if self._chance.random() * most < rate(when):
                yield when
            when += self._chance.expovariate(most)

    def _sample(self, seconds: float) -> None:
        self.seen.depths.append(len(self._due))
        if self.agenda.now < seconds or self._due:
            self.agenda.after(_SAMPLE, partial(self._sample, seconds))

    def _now(self, kind: str) -> float:
        """Return what holds now: the most of what happenings say."""
        return max((getattr(one, kind) for one in self._happenings if one.holds(self.agenda.now)), default=0)

    def _transact(self, each: float, size: int, then: Callable[[], None]) -> None:
        """Write so many in a transaction; while the database is away, once it is back."""
        if self._now("database_away"):
            until = max(one.until for one in self._happenings if one.database_away and one.holds(self.agenda.now))
            self.agenda.at(until, partial(self._transact, each, size, then))
            return
        work = self._cell.transaction + each * size
        self._database.use(work, lambda: self.agenda.after(self._cell.disk, then))

    def _arrive(self, number: int) -> None:
        self.seen.offered += 1
        if self._now("database_away"):
            self.seen.refused += 1
            return
        came = self.agenda.now
        processor, group = self._fronts[number % len(self._fronts)]
        processor.use(self._cell.accept, lambda: group.add(partial(self._promised, number, came)))

    def _promised(self, number: int, came: float) -> None:
        self.seen.accepts.append(self.agenda.now - came)
        self._due.append((number, self.agenda.now))
        self._claim_all()

    def _claim_all(self) -> None:
        for one in self._deliverers:
            if one.room and not one.is_claiming:
                self._claim(one)

    def _claim(self, one: _Deliverer) -> None:
        if self._due and one.room and not one.is_claiming:
            one.is_claiming = True
            self.agenda.after(_GATHER, partial(self._claim_now, one, one.life))

    def _claim_now(self, one: _Deliverer, life: int) -> None:
        if one.life != life:
            return
        if one.number < self._now("dead"):
            one.is_claiming = False
            return
        taken = [self._due.popleft() for _ in range(min(one.room, len(self._due)))]
        one.room -= len(taken)
        one.in_hand.update(taken)
        self._transact(0.0, len(taken), partial(self._claimed, one, one.life, taken))

    def _claimed(self, one: _Deliverer, life: int, taken: Sequence[tuple[int, float]]) -> None:
        if one.life != life:
            return
        one.is_claiming = False
        for number, due in taken:
            one.processor.use(self._cell.deliver, partial(self._attempt, one, life, number, due))
        self._claim(one)

    def _attempt(self, one: _Deliverer, life: int, number: int, due: float) -> None:
        if one.life != life:
            return
        self.seen.waits.append(self.agenda.now - due)
        far = self._chance.lognormvariate(math.log(self._cell.far_median), self._cell.far_spread)
        far *= max(1.0, self._now("far_times"))
        self.agenda.after(far, partial(self._taken, one, life, number))

    def _taken(self, one: _Deliverer, life: int, number: int) -> None:
        """The far side has the message, whether or not the deliverer lives to write it down."""
        if number in self._done:
            self.seen.repeated += 1
        self._done.add(number)
        if one.life == life:
            one.closing.add(partial(self._closed, one, life, number))

    def _closed(self, one: _Deliverer, life: int, number: int) -> None:
        if one.life != life:
            return
        self.seen.delivered += 1
        del one.in_hand[number]
        one.room += 1
        self._claim(one)

    def _die(self, one: _Deliverer) -> None:
        lost, one.in_hand = one.in_hand, {}
        one.life += 1
        one.room, one.is_claiming = AT_ONCE, False
        one.processor = Servers(self.agenda, 1)
        self.agenda.after(LEASE, partial(self._due_again, lost))

    def _due_again(self, lost: dict[int, float]) -> None:
        self._due.extendleft((number, due) for number, due in reversed(lost.items()))
        self._claim_all()
