"""Where the SNS of an upstream posts events: `/in/sns/NAME` on the public face.

Writes to the store, and fetches certificates and confirmations from the hosts
of SNS. Called by edge/short_road.py, and by edge/http.py for what is unusual.
What is forged gets 403 and is forgotten; what could not be verified or stored
now gets 503, so that SNS posts it again; 200 is said when the post is on disk as
it came. upstream/intake.py takes it into the event log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pillarbox.consumer.endpoint import TYPE_HEADER, expected, subscribe_url
from pillarbox.consumer.errors import CannotVerify, Refused
from pillarbox.consumer.sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, SnsMessage
from pillarbox.consumer.verify import Verifier
from pillarbox.edge.short_road import Answered, ShortRequest, Target
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import Clock
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.net import AddressRefused, Outside, Unreachable
from pillarbox.store.engine import Store
from pillarbox.store.waiting_posts import Origin, Posted
from pillarbox.upstream.arrival import Source
from pillarbox.upstream.keeping import Keeping
from pillarbox.wire.faults import Fault
from pillarbox.wire.request import Response

PATH = "/in/sns/"
_TYPE_HEADER = TYPE_HEADER.encode()
# A message of SNS has at most 256 KiB; in JSON it may be some times longer.
_LONGEST_POST = 2 * 1024 * 1024
_TIMEOUT_SECONDS = 10.0

POSTS = metrics.counter(
    "upstream_posts_total",
    labels=("upstream", "outcome"),
    doc="""Posts of SNS at `/in/sns/`: `taken` (they are on disk), `confirmed`, `refused` (forged, or of a topic that
    nobody expects) or `again` (could not be verified or stored now, or too many wait; SNS posts them again).

    A steady `again` loses events in the end: the log says what is missing.""",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """An upstream that posts here: whose posts are taken, and how they are verified."""

    source: Source
    topics: frozenset[str]
    verifier: Verifier
    outside: Outside

    @property
    def origin(self) -> Origin:
        name, scope, republish = self.source
        return Origin(name, *scope, int(republish))


class EventsIn:
    """Answers the posts of the upstreams that are expected; never raises for what strangers post."""

    def __init__(
        self, expecting: Sequence[Expected], store: Store, clock: Clock, courtesy: Courtesy | None = None
    ) -> None:
        """What works behind the doors gives way by `courtesy` while many posts wait for their answer."""
        self._expecting = {one.source.name: one for one in expecting}
        self._origins = {one.source.name: one.origin for one in expecting}
        self._taken = {one.source.name: POSTS.labels(one.source.name, "taken") for one in expecting}
        self._keeping = Keeping(store, courtesy or Courtesy())
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._at_work: set[asyncio.Task[None]] = set()
        self._log = log.named("events-in")

    def targets(self) -> Mapping[bytes, Target]:
        """Return what may be posted to, for edge/short_road.py: whoever posts there needs no more than `take`."""
        return {
            f"{PATH}{name}".encode(): Target(_LONGEST_POST, partial(self._take_posted, upstream))
            for name, upstream in self._expecting.items()
        }

    def _take_posted(self, upstream: Expected, posted: ShortRequest, answered: Answered) -> None:
        told = posted.raw_headers.get(_TYPE_HEADER)
        headers = {} if told is None else {TYPE_HEADER: told.decode("latin-1")}
        self.take(upstream, headers, posted.body, answered)

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], read: Callable[[], Awaitable[bytes]]
    ) -> Response:
        """Take one post in; `read` returns its body."""
        upstream = self._expecting.get(path.removeprefix(PATH))
        if upstream is None:
            return _text(404, "no upstream of that name posts events here\n")
        if method != "POST":
            return Response(405, [("Allow", "POST"), ("Content-Type", "text/plain")], b"use POST\n")
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdecimal() or int(length) > _LONGEST_POST:
            return _text(413, f"a post has at most {_LONGEST_POST} bytes, and says how many\n")
        try:
            body = await read()
        except Fault as fault:  # the body did not come, or there is no room for it
            return _text(fault.status, f"{fault.message}\n")
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.take(upstream, headers, body, partial(_tell, answered))
        return await answered

    def take(self, upstream: Expected, headers: Mapping[str, str], body: bytes, answered: Answered) -> None:
        """Take one post in, and give the answer when there is one: at once, or later on the loop."""
        try:
            message = expected(body, headers, upstream.topics)
            url = upstream.verifier.certificate_url(message)
            if message.type == NOTIFICATION and upstream.verifier.knows(url):
                upstream.verifier.check(message, url)
                self._keep(upstream, message, answered)
                return
        except Exception as why:
            answered(self._not_taken(upstream, why))
            return
        task = asyncio.create_task(self._take_slowly(upstream, message, url, answered))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _take_slowly(self, upstream: Expected, message: SnsMessage, url: str, answered: Answered) -> None:
        """Take in what needs something from elsewhere, or asks for something else than to be kept."""
        name = upstream.source.name
        try:
            await self._know(upstream, url)
            upstream.verifier.check(message, url)
            if message.type == NOTIFICATION:
                self._keep(upstream, message, answered)
                return
            if message.type == SUBSCRIPTION_CONFIRMATION:
                await self._get(upstream, subscribe_url(message, upstream.verifier))
                self._log.info("subscription confirmed", upstream=name, topic=message.topic_arn)
                POSTS.labels(name, "confirmed").inc()
            else:
                self._log.warning("unsubscribed: no more events come", upstream=name)
                self._taken[name].inc()
        except Exception as why:
            answered(self._not_taken(upstream, why))
        else:
            answered(_TAKEN)

    def _keep(self, upstream: Expected, message: SnsMessage, answered: Answered) -> None:
        # JSON may hold halves of surrogate pairs; they are for whoever reads the event.
        post_id = message.message_id.encode("utf-8", "surrogatepass")
        text = message.message.encode("utf-8", "surrogatepass")
        post = Posted(self._origins[upstream.source.name], self._clock.now(), post_id, text)
        self._keeping.keep(post, partial(self._kept, upstream, answered))

    def _kept(self, upstream: Expected, answered: Answered, kept: bool | Exception) -> None:
        if kept is True:
            self._taken[upstream.source.name].inc()
            answered(_TAKEN)
        else:
            why = kept or Unavailable("too many posts wait to be taken into the history")
            answered(self._not_taken(upstream, why))

    def _not_taken(self, upstream: Expected, why: Exception) -> Response:
        name = upstream.source.name
        if isinstance(why, Refused):
            POSTS.labels(name, "refused").inc()
            self._log.warning("post refused", upstream=name, why=str(why))
            return _text(403, f"{why}\n")
        POSTS.labels(name, "again").inc()
        if isinstance(why, CannotVerify | Unavailable):
            self._log.error("post not taken; it is posted again", upstream=name, why=str(why))
        else:
            self._log.error("post not taken for a fault of ours; it is posted again", upstream=name, exc_info=why)
        return _text(503, "not now; post it again\n")

    async def _know(self, upstream: Expected, url: str) -> None:
        verifier = upstream.verifier
        if verifier.knows(url):
            return
        async with self._fetching:  # what waits here finds the certificate that the first one has fetched
            if not verifier.knows(url):
                verifier.note_fetch(url)
                try:
                    pem = await self._get(upstream, url)
                except CannotVerify:
                    verifier.note_failure(url)
                    raise
                verifier.remember(url, pem)

    async def _get(self, upstream: Expected, url: str) -> bytes:
        try:
            answer = await upstream.outside.request("GET", url, headers={}, timeout_seconds=_TIMEOUT_SECONDS)
        except (Unreachable, AddressRefused) as error:
            raise CannotVerify(f"{url.partition('?')[0]} cannot be fetched: {error}") from None
        if answer.status != 200:
            raise CannotVerify(f"{url.partition('?')[0]} answers {answer.status}")
        return answer.body


def _text(status: int, text: str) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())


def _tell(answered: "asyncio.Future[Response]", response: Response) -> None:
    if not answered.done():  # who asked may be gone
        answered.set_result(response)


_TAKEN = _text(200, "")
