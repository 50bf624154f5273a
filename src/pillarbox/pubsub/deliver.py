"""Delivers notifications from their rows, until each has ended.

Touches the store and, through http_post.py, the network. Built by app/; many
may run at once, since rows are claimed by lease. Each endpoint is a lane with
a bound of its own, narrow while the endpoint fails, and failing lanes share a
part of the connections only: a dead endpoint stalls nobody else.
"""

import asyncio
import contextlib
import functools
from collections.abc import Sequence

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.kit.net import Outside
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import topic_attributes
from pillarbox.pubsub.attempts import Finish, Job, claim, finish_together, next_in_order
from pillarbox.pubsub.email_post import EmailPoster, Mailer
from pillarbox.pubsub.endpoints import EMAIL, FIFO, SQS
from pillarbox.pubsub.http_post import HttpPoster, Outcome
from pillarbox.pubsub.posts import Signed, string_to_sign
from pillarbox.pubsub.queue_sending import QueuedMessage
from pillarbox.pubsub.retry import MOST_RETRY_SECONDS, Verdict, next_attempt_at
from pillarbox.pubsub.signing import Signer
from pillarbox.store import notifications as stored
from pillarbox.store.engine import Store
from pillarbox.store.notifications import DeliveryRow

_LEASE: Millis = 60 * SECOND  # longer than two posts that time out
_FIRST_WIDTH = 8
_WIDEST = 64
_MOST_POSTS = 384
_MOST_FAILING_POSTS = 128
_QUEUE_BATCH = 256
_IDLE_SECONDS = 5.0
_STOPPING_SECONDS = 5.0

DELIVERIES = metrics.counter(
    "notification_deliveries_total",
    labels=("protocol", "outcome"),
    doc="Attempts to deliver notifications: done, due (to be tried again), dead,"
    " removed (nobody wants it any more) or lost (another process took over)."
    " A steady rise of due is an endpoint in trouble; each dead one is listed and can be replayed.",
)


class _Lane:
    """What is known of one endpoint. Wider with every success, narrow at the first failure."""

    def __init__(self, endpoint: str, protocol: str) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.width = _FIRST_WIDTH
        self.rate: int | None = None
        self.failing_since: Millis | None = None
        self.last_failure = ""

    def learn(self, outcome: Outcome, now: Millis) -> None:
        if outcome.verdict is Verdict.RETRY:
            self.width = 1
            self.failing_since = self.failing_since or now
            self.last_failure = outcome.why
        else:
            self.width = min(self.width + 1, _WIDEST)
            self.failing_since = None

    def throttle(self, jobs: Sequence[Job]) -> None:
        """Learn how many a second their policies allow, if they say."""
        self.rate = min((job.policy.most_per_second for job in jobs if job.policy.most_per_second), default=None)

    @property
    def places(self) -> int:
        """How many posts may be under way: of a throttled endpoint no more than have their turn within a second."""
        return self.width if self.rate is None else min(self.width, self.rate)

    def has_failed_for_an_hour(self, now: Millis) -> bool:
        return self.failing_since is not None and now - self.failing_since >= MOST_RETRY_SECONDS * SECOND


class Deliverer:
    """Delivers what is due, at least once, and ends every row: done, dead or removed, with the reason.

    A row that is claimed and not ended, because this process or the store
    failed, comes due again when its lease ends.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        outside: Outside,
        keyring: Keyring,
        public_url: str,
        clock: Clock,
        mailer: Mailer,
        *,
        queues_need_policy: bool = True,
    ) -> None:
        self._store = store
        self._queues_need_policy = queues_need_policy
        self._signer = signer
        self._http = HttpPoster(outside, keyring)
        self._email = EmailPoster(mailer, public_url)
        self._public_url = public_url
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._healthy = asyncio.Semaphore(_MOST_POSTS)
        self._failing = asyncio.Semaphore(_MOST_FAILING_POSTS)
        self._woken = asyncio.Event()
        self._stopping = False
        self._log = log.named("notifications")
        store.listen("notifications", self._woken.set)

    async def run(self) -> None:
        """Deliver until cancelled; posts in hand are given some seconds to end."""
        try:
            while True:
                self._woken.clear()
                await self._wait(await self._start_lanes())
        finally:
            self._stopping = True
            if self._at_work:
                _, late = await asyncio.wait(self._at_work.values(), timeout=_STOPPING_SECONDS)
                for task in late:
                    task.cancel()

    async def deliver_due(self) -> None:
        """Deliver all that is due now, and return when it has been tried."""
        await self._start_lanes()
        while self._at_work:
            await asyncio.wait(self._at_work.values())
            await asyncio.sleep(0)  # lets the finished take their leave
            await self._start_lanes()

    async def _start_lanes(self) -> Millis | None:
        """Set to work on every endpoint that has something due; return when the next one will."""
        try:
            found = await self._store.read(stored.endpoints)
        except Unavailable as error:
            self._log.error("cannot look for what is due", why=str(error))
            return None
        now = self._clock.now()
        listed = {endpoint for endpoint, _, _ in found}
        self._lanes = {name: lane for name, lane in self._lanes.items() if name in listed or name in self._at_work}
        later = []
        for endpoint, protocol, due_at in found:
            if endpoint in self._at_work:
                continue
            if due_at > now:
                later.append(due_at)
                continue
            lane = self._lanes.setdefault(endpoint, _Lane(endpoint, protocol))
            task = asyncio.create_task(self._work(lane))
            self._at_work[endpoint] = task
            task.add_done_callback(functools.partial(self._leave, endpoint))
        return min(later, default=None)

    def _leave(self, endpoint: str, _task: "asyncio.Task[None]") -> None:
        self._at_work.pop(endpoint, None)

    async def _wait(self, next_at: Millis | None) -> None:
        pause = _IDLE_SECONDS
        if next_at is not None:
            pause = min(pause, max(0.01, (next_at - self._clock.now()) / SECOND))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()

    async def _work(self, lane: _Lane) -> None:
        """Deliver to one endpoint until nothing is due there."""
        try:
            await (self._fill_queue(lane) if lane.protocol == SQS else self._post_all(lane))
            self._woken.set()  # something may have come while this lane was closing
        except Unavailable as error:  # what is claimed comes due again when its lease ends
            self._log.error("cannot deliver", endpoint=lane.endpoint, why=str(error))
        except Exception:
            self._log.exception("cannot deliver", endpoint=lane.endpoint)

    # To queues: many at once, in the transaction that ends their rows.

    async def _fill_queue(self, lane: _Lane) -> None:
        while not self._stopping and (jobs := await self._claim(lane, _QUEUE_BATCH)):
            bodies = await asyncio.gather(*(self._body(job) for job in jobs))
            now = self._clock.now()
            finishes = [
                Finish(
                    job.row,
                    "done",
                    "",
                    now,
                    job.row.attempts + 1,
                    message=job.to_queue(lane.endpoint, body, needs_policy=self._queues_need_policy),
                    dead_letter=self._dead_letter(job, body),
                )
                for job, body in zip(jobs, bodies, strict=True)
            ]
            ends = await self._store.write(finish_together, finishes)
            for job, ended in zip(jobs, ends, strict=True):
                self._tell(job.row, ended, job)

    # To URLs: side by side, as many as the lane is wide.

    async def _post_all(self, lane: _Lane) -> None:
        posting: set[asyncio.Task[None]] = set()
        try:
            while True:
                room = lane.places - len(posting)
                # Rows are claimed for several posts at once, each claim being a commit.
                if not self._stopping and room >= max(1, lane.places // 4):
                    posting |= await self._start_posts(lane, room)
                if not posting:
                    return
                _, posting = await asyncio.wait(posting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in posting:
                task.cancel()

    async def _start_posts(self, lane: _Lane, room: int) -> set["asyncio.Task[None]"]:
        gate = self._failing if lane.failing_since is not None else self._healthy
        await gate.acquire()
        places = 1
        while places < room and not gate.locked():
            await gate.acquire()
            places += 1
        jobs: list[Job] = []
        try:
            jobs = await self._claim(lane, places)
        finally:
            for _ in range(places - len(jobs)):
                gate.release()
        posts = {asyncio.create_task(self._post(lane, job)) for job in jobs}
        for post in posts:  # a task that is cancelled before it begins never comes to a `finally` of its own
            post.add_done_callback(lambda _: gate.release())
        return posts

    async def _post(self, lane: _Lane, job: Job) -> None:
        try:
            finish = await self._attempt(lane, job)
            self._tell(job.row, await self._store.commit(finish_together, finish), job)
        except Unavailable as error:
            self._log.error("attempt not ended", endpoint=lane.endpoint, why=str(error))
        except Exception:
            self._log.exception("attempt not ended", endpoint=lane.endpoint)

    async def _attempt(self, lane: _Lane, job: Job) -> Finish:
        body = await self._body(job)
        row, attempts = job.row, job.row.attempts + 1
        now = self._clock.now()
        # Nothing is left to hope for a backlog as old as an endpoint's silence. What an operator replays is tried.
        too_old = now - row.published_at >= MOST_RETRY_SECONDS * SECOND and not row.why
        if too_old and lane.has_failed_for_an_hour(now):
            why = f"not tried: the endpoint has failed for an hour, last with: {lane.last_failure}"
            return Finish(row, "dead", why, now, row.attempts, dead_letter=self._dead_letter(job, body))
        if job.turn_at > now:
            await asyncio.sleep((job.turn_at - now) / SECOND)
        poster = self._email if row.protocol in EMAIL else self._http
        outcome = await poster.post(job, body)
        now = self._clock.now()
        lane.learn(outcome, now)
        if outcome.verdict is Verdict.DELIVERED:
            return Finish(row, "done", outcome.why, now, attempts)
        if outcome.verdict is Verdict.RETRY and (next_at := next_attempt_at(job.policy, attempts, now)) is not None:
            return Finish(row, "due", outcome.why, now, attempts, next_at=next_at)
        return Finish(row, "dead", outcome.why, now, attempts, dead_letter=self._dead_letter(job, body))

    async def _claim(self, lane: _Lane, most: int) -> list[Job]:
        now = self._clock.now()
        if lane.endpoint.endswith(FIFO) and lane.protocol == SQS:
            return await self._in_order(lane, most, now)
        jobs, gone = await self._store.write(claim, lane.endpoint, new_token(), now, now + _LEASE, most)
        lane.throttle(jobs)
        for finish in gone:
            self._tell(finish.row, finish)
        return jobs

    async def _in_order(self, lane: _Lane, most: int, now: Millis) -> list[Job]:
        while True:
            jobs, gone = await self._store.read(next_in_order, lane.endpoint, now, most)
            for finish in await self._store.write(finish_together, gone) if gone else []:
                if finish:
                    self._tell(finish.row, finish)
            if jobs or not gone:
                return jobs

    def _dead_letter(self, job: Job, body: str) -> QueuedMessage | None:
        return job.to_dead_letter_queue(body, needs_policy=self._queues_need_policy)

    async def _body(self, job: Job) -> str:
        signed: Signed | None = None
        if job.needs_signature:
            text = string_to_sign(job.told, self._public_url)
            signed = await self._signer.sign(text, job.topic.signature_version)
        return job.body(signed, self._public_url)

    def _tell(self, row: DeliveryRow, finish: Finish | None, job: Job | None = None) -> None:
        outcome = finish.state if finish else "lost"
        DELIVERIES.labels(row.protocol, outcome).inc()
        wanted = job is not None and finish is not None and _is_logged(job, finish)
        tell = self._log.info if wanted or outcome != "done" else self._log.debug
        tell(
            "delivery",
            outcome=outcome,
            notification=row.notification_id,
            subscription=row.subscription,
            attempts=finish.attempts if finish else row.attempts,
            next_at=finish.next_at if finish else None,
            why=finish.why if finish else "another process took the delivery over",
            **(_status_of(job, finish) if wanted and job and finish else {}),
        )


def _is_logged(job: Job, finish: Finish) -> bool:
    """Say whether the topic asks for the status of a delivery that is over."""
    attributes, row = job.topic.attributes, job.row
    return finish.state in ("done", "dead") and topic_attributes.wants_log(
        attributes, row.protocol, row.notification_id, delivered=finish.state == "done"
    )


def _status_of(job: Job, finish: Finish) -> dict[str, object]:
    """Return what the log tells of a delivery beyond the line that every one has."""
    # https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html
    return {
        "status": "SUCCESS" if finish.state == "done" else "FAILURE",
        "topic": job.told.topic_arn,
        "destination": job.row.endpoint,
        "dwell_ms": finish.at - job.row.published_at,
    }
