"""What a handler of HTTP posts does, from the body to events, in any framework.

Touches the network through its getter. `Endpoint.receive` verifies and reads
one post; `confirm` accepts a subscription. docs/consumer.md shows handlers for
Django, Flask and FastAPI.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from pillarbox.consumer.errors import CannotVerify, Refused, Unreadable
from pillarbox.consumer.events import SesEvent
from pillarbox.consumer.getting import Get, https_get
from pillarbox.consumer.read import Leftover, read
from pillarbox.consumer.sns import NOTIFICATION, SUBSCRIPTION_CONFIRMATION, SnsMessage, parse_envelope
from pillarbox.consumer.verify import Verifier

TYPE_HEADER = "x-amz-sns-message-type"


@dataclass(frozen=True, slots=True)
class Post:
    """A post that is genuine. `events` are what it tells; `unreadable` what it says that nobody could read."""

    message: SnsMessage
    events: tuple[SesEvent, ...] = ()
    unreadable: tuple[Leftover, ...] = ()

    @property
    def asks_to_confirm(self) -> bool:
        return self.message.type == SUBSCRIPTION_CONFIRMATION


class Endpoint:
    """Receives the posts of the topics that it was told to expect, and of no others."""

    def __init__(self, topics: Iterable[str], verifier: Verifier | None = None, get: Get = https_get) -> None:
        self._topics = frozenset(topics)
        self._verifier = verifier or Verifier(get=get)
        self._get = get

    def receive(self, body: bytes | str, headers: Mapping[str, str] | None = None) -> Post:
        """Return what a post says, or raise Refused (answer 403) or CannotVerify (answer 503).

        A subscription to an expected topic is confirmed at once.
        """
        message = expected(body, headers, self._topics)
        self._verifier.verify(message)
        if message.type == SUBSCRIPTION_CONFIRMATION:
            confirm(message, self._verifier, self._get)
        if message.type != NOTIFICATION:
            return Post(message)
        reading = read(message.message)
        return Post(message, tuple(reading.events), tuple(reading.unreadable))


def expected(body: bytes | str, headers: Mapping[str, str] | None, topics: frozenset[str]) -> SnsMessage:
    """Read a post and hold it against what is expected; it is not verified yet."""
    try:
        message = parse_envelope(body)
    except Unreadable as error:
        raise Refused(str(error)) from None
    if message.topic_arn not in topics:
        raise Refused(f"nobody expects posts of the topic {message.topic_arn[:200]!r}")
    told = _type_told(headers or {})
    if told is not None and told != message.type:
        raise Refused(f"the header {TYPE_HEADER} says {told[:40]!r}, the post {message.type!r}")
    return message


def _type_told(headers: Mapping[str, str]) -> str | None:
    """Return the header that says of which type a post is; most servers give names in lower case."""
    if (told := headers.get(TYPE_HEADER)) is not None:
        return told
    return next((value for name, value in headers.items() if name.lower() == TYPE_HEADER), None)


def subscribe_url(message: SnsMessage, verifier: Verifier) -> str:
    """Return the URL that confirms, or raise Refused when it leads anywhere but to the SNS of that topic."""
    url = message.subscribe_url or ""
    if not verifier.permits(url):
        raise Refused(f"subscriptions are not confirmed at {url[:200]!r}")
    query = parse_qs(urlsplit(url).query)
    if query.get("Action") != ["ConfirmSubscription"] or query.get("TopicArn") != [message.topic_arn]:
        raise Refused("the post asks to fetch something else than the confirmation of its topic")
    return url


def confirm(message: SnsMessage, verifier: Verifier, get: Get = https_get) -> None:
    """Accept the subscription that a verified post asks to confirm."""
    url = subscribe_url(message, verifier)
    try:
        get(url)
    except OSError as error:
        raise CannotVerify(f"the subscription cannot be confirmed: {error}") from None
