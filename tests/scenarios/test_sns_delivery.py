"""Notifications reach URLs and queues, are tried again, given up with a reason, and replayed."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from structlog.testing import capture_logs

from pillarbox.kit import log
from pillarbox.kit.clock import HOUR, MINUTE, SECOND, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope, new_uuid
from pillarbox.kit.net import Outside
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import queues, subscribers, subscriptions, topics
from pillarbox.pubsub.claiming import Wish
from pillarbox.pubsub.dead_letters import DeadLetter, list_dead, replay
from pillarbox.pubsub.deliver import Deliverer
from pillarbox.pubsub.publish import Notice, publish_many
from pillarbox.pubsub.receive import receive
from pillarbox.pubsub.signing import Signer
from pillarbox.pubsub.subscriptions import Confirmation, Subscribed, Wanted
from pillarbox.store import subscription_turns
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.sqlite import SqliteStore
from tests.support.queue_policy import policy_for_topic
from tests.support.receiver import Receiver
from tests.support.waiting import posts_due

HERE = Scope("123456789012", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})
TOPIC = topics.arn_of(HERE, "events")
ROLE = "arn:aws:iam::123456789012:role/log"
FROM_THE_TOPIC = policy_for_topic(TOPIC, "*")


class Watch:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> Millis:
        return self.at


class Letters:
    """Keeps what should be mailed; refuses while it is told why."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, str]] = {}
        self.refusal = ""

    async def send(self, *, key: str, **letter: str) -> None:
        if self.refusal:
            raise Invalid(self.refusal)
        self.sent.setdefault(key, letter)


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


def _states() -> Plan[list[tuple[str, str, int]]]:
    rows = yield Rows("SELECT state, why, attempts FROM notification_deliveries ORDER BY published_at, notification_id")
    return [(state, why, attempts) for state, why, attempts in rows]


@dataclass
class Box:
    """A topic `events`, its deliverer, and a clock."""

    store: SqliteStore
    signer: Signer
    deliverer: Deliverer
    letters: Letters
    clock: Watch

    async def subscribe(self, endpoint: str, *, confirmed: bool = True, **attributes: str) -> Subscribed:
        protocol = "sqs" if endpoint.startswith("arn:") else endpoint.partition(":")[0]
        endpoint = endpoint.removeprefix("email:")
        wanted = Wanted("events", protocol, endpoint, attributes, "me")
        made = await self.store.write(
            subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), self.clock.at
        )
        if confirmed and made.is_pending:
            name = subscribers.place_of(made.arn, HERE.region)[1]
            one = await self.store.read(subscribers.find, HERE, name, self.clock.at)
            given = Confirmation(one.token, is_signed=True, needs_signature_to_remove=False)
            await self.store.write(subscriptions.confirm, HERE, "events", given, self.clock.at)
        return made

    async def publish(
        self, *messages: str, subject: str | None = None, at: Millis | None = None, **more: Any
    ) -> list[str]:
        notices = [Notice(HERE, "events", new_uuid(), subject, message, **more) for message in messages]
        assert not any(await self.store.write(publish_many, notices, at or self.clock.at))
        return [notice.notification_id for notice in notices]

    async def publish_and_deliver(self, *messages: str, **more: Any) -> None:
        await self.publish(*messages, **more)
        await self.deliverer.deliver_due()

    async def turn(self, by: Millis) -> None:
        self.clock.at += by
        await self.deliverer.deliver_due()

    async def states(self) -> list[tuple[str, str, int]]:
        """Return state, reason and attempts of every notification, but for what was let go."""
        return [row for row in await self.store.read(_states) if row[0] != "removed"]

    async def dead(self) -> list[DeadLetter]:
        return await self.store.read(list_dead, HERE)

    async def in_queue(self, name: str) -> list[Any]:
        return await receive(self.store, Wish(HERE, name, 10), self.clock.at)

    async def set_topic(self, name: str, value: str) -> None:
        await self.store.write(topics.set_attribute, HERE, "events", name, value, self.clock.at)

    def verify(self, document: dict[str, Any]) -> None:
        """Verify as consumers do: from the names that the documentation lists."""
        assert document["SigningCertURL"] == f"https://certs.example{self.signer.certificate_path}"
        names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        text = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
        key = x509.load_pem_x509_certificate(self.signer.certificate).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}[document["SignatureVersion"]]
        key.verify(base64.b64decode(document["Signature"]), text.encode(), padding.PKCS1v15(), algorithm)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    store, clock = await SqliteStore.open(tmp_path), Watch()
    await store.write(topics.create, HERE, "events", {}, {}, NOON)
    signer = await Signer.load(store, KEYRING, "https://certs.example", NOON)
    outside = Outside(allow_loopback=True)
    letters = Letters()
    deliverer = Deliverer(store, signer, outside, KEYRING, "https://box.example", clock, letters)
    yield Box(store, signer, deliverer, letters, clock)
    await outside.close()
    signer.close()
    await store.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as receiver:
        yield receiver


async def test_a_notification_is_posted_signed(box: Box, receiver: Receiver) -> None:
    made = await box.subscribe(f"{receiver.url}/hook")
    (notification_id,) = await box.publish('{"eventType":"Send"}\n', subject="Amazon SES Email Event Notification")
    await box.deliverer.deliver_due()
    (post,) = receiver.posts
    assert post.headers["x-amz-sns-message-type"] == "Notification"
    assert post.headers["x-amz-sns-message-id"] == notification_id
    assert post.headers["x-amz-sns-topic-arn"] == TOPIC
    assert post.headers["x-amz-sns-subscription-arn"] == made.arn
    assert post.headers["content-type"] == "text/plain; charset=UTF-8"
    assert post.headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert post.headers["accept-encoding"] == "gzip,deflate"
    assert set(post.headers) == {
        "host", "content-length", "content-type", "user-agent", "accept-encoding",
        "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn", "x-amz-sns-subscription-arn",
    }  # fmt: skip
    document = post.document
    assert document["MessageId"] == notification_id
    assert document["Message"] == '{"eventType":"Send"}\n'
    assert document["UnsubscribeURL"] == f"https://box.example/?Action=Unsubscribe&SubscriptionArn={made.arn}"
    box.verify(document)
    assert await box.states() == [("done", "HTTP 200", 1)]


async def test_the_second_signature_version(box: Box, receiver: Receiver) -> None:
    await box.set_topic("SignatureVersion", "2")
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("Grüße ✓")
    assert receiver.posts[0].document["SignatureVersion"] == "2"
    box.verify(receiver.posts[0].document)


async def test_a_confirmation_is_posted_and_its_link_confirms(box: Box, receiver: Receiver) -> None:
    made = await box.subscribe(f"{receiver.url}/hook", confirmed=False)
    await box.publish("not yet for you")
    await box.deliverer.deliver_due()
    (post,) = receiver.posts
    assert post.kind == "SubscriptionConfirmation"
    assert "x-amz-sns-subscription-arn" not in post.headers
    document = post.document
    box.verify(document)
    url = f"https://box.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={document['Token']}"
    assert document["SubscribeURL"] == url
    given = Confirmation(document["Token"], is_signed=False, needs_signature_to_remove=False)
    assert await box.store.write(subscriptions.confirm, HERE, "events", given, NOON) == made.arn
    await box.publish_and_deliver("now")
    assert [post.document["Message"] for post in receiver.posts[1:]] == ["now"]


async def test_a_removal_is_posted_and_its_link_restores(box: Box, receiver: Receiver) -> None:
    made = await box.subscribe(f"{receiver.url}/hook")
    await box.publish("on its way when the subscription goes")
    name = subscribers.place_of(made.arn, HERE.region)[1]
    await box.store.write(subscriptions.unsubscribe, HERE, name, HERE.account, False, NOON)
    await box.deliverer.deliver_due()
    (post,) = receiver.posts
    assert post.kind == "UnsubscribeConfirmation"
    assert post.headers["x-amz-sns-subscription-arn"] == made.arn
    box.verify(post.document)
    assert ("removed", "the subscription was removed", 0) in await box.store.read(_states)
    given = Confirmation(post.document["Token"], is_signed=False, needs_signature_to_remove=False)
    await box.store.write(subscriptions.confirm, HERE, "events", given, NOON)
    await box.publish_and_deliver("back")
    assert receiver.posts[-1].document["Message"] == "back"


async def test_raw_delivery_is_the_bare_message(box: Box, receiver: Receiver) -> None:
    await box.subscribe(
        f"{receiver.url}/hook",
        RawMessageDelivery="true",
        DeliveryPolicy='{"requestPolicy": {"headerContentType": "application/json"}}',
    )
    await box.publish_and_deliver('{"a": "ü"}', subject="s", attributes={"k": {"Type": "String", "Value": "v"}})
    (post,) = receiver.posts
    assert post.body == '{"a": "ü"}'
    assert post.headers["x-amz-sns-rawdelivery"] == "true"
    assert post.headers["content-type"] == "application/json"


async def test_a_server_error_is_tried_again_with_the_same_id(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [500, 503, 302, 200]
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    assert await box.states() == [("due", "HTTP 500", 1)]
    await box.turn(20 * SECOND - 1)
    assert len(receiver.posts) == 1
    await box.turn(1)
    assert await box.states() == [("due", "HTTP 503", 2)]
    await box.turn(20 * SECOND)
    assert await box.states() == [("due", "HTTP 302", 3)]
    await box.turn(20 * SECOND)
    assert await box.states() == [("done", "HTTP 200", 4)]
    assert len({post.document["MessageId"] for post in receiver.posts}) == 1
    assert len({post.body for post in receiver.posts}) == 1


async def test_after_the_last_retry_it_is_given_up_with_its_reason_and_can_be_replayed(
    box: Box, receiver: Receiver
) -> None:
    receiver.answers["/hook"] = [500] * 4 + [200]
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    for _ in range(3):
        await box.turn(20 * SECOND)
    (letter,) = await box.dead()
    assert (letter.why, letter.attempts, letter.endpoint) == ("HTTP 500", 4, f"{receiver.url}/hook")
    await box.turn(HOUR)
    assert len(receiver.posts) == 4
    assert await box.store.write(replay, HERE, [letter], box.clock.at) == 1
    await box.deliverer.deliver_due()
    assert await box.states() == [("done", "HTTP 200", 1)]
    assert await box.dead() == []


async def test_a_client_error_is_final(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [410]
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    await box.turn(HOUR)
    assert await box.states() == [("dead", "HTTP 410", 1)]
    assert len(receiver.posts) == 1


async def test_too_many_requests_is_tried_again(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [429, 200]
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    await box.turn(20 * SECOND)
    assert await box.states() == [("done", "HTTP 200", 2)]


async def test_the_delivery_policy_of_a_subscription_counts(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [500]
    retry = {"numRetries": 2, "numNoDelayRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 60}
    await box.subscribe(f"{receiver.url}/hook", DeliveryPolicy=json.dumps({"healthyRetryPolicy": retry}))
    await box.publish_and_deliver("hello")
    assert len(receiver.posts) == 2  # the first retry is without delay
    await box.turn(5 * SECOND)
    assert await box.states() == [("dead", "HTTP 500", 3)]


async def test_a_redirect_is_not_followed(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [307]
    receiver.headers["Location"] = f"{receiver.url}/elsewhere"
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    assert receiver.at("/elsewhere") == []


async def test_nobody_listening_is_tried_again(box: Box, receiver: Receiver) -> None:
    url = receiver.url.rpartition(":")[0] + ":1/hook"
    await box.subscribe(url)
    await box.publish_and_deliver("hello")
    ((state, why, attempts),) = await box.states()
    assert (state, attempts) == ("due", 1)
    assert "Cannot connect" in why


@pytest.mark.parametrize("url", ["http://10.0.0.1/hook", "http://169.254.169.254/latest/meta-data/", "http://[::]/"])
async def test_a_private_address_is_never_asked(box: Box, url: str) -> None:
    await box.subscribe(url)
    await box.publish_and_deliver("hello")
    ((state, why, attempts),) = await box.states()
    assert (state, attempts) == ("dead", 1)
    assert why.endswith("where this server does not go")


async def test_loopback_is_refused_unless_it_is_allowed(box: Box, receiver: Receiver) -> None:
    outside = Outside()
    strict = Deliverer(box.store, box.signer, outside, KEYRING, "https://box.example", box.clock, box.letters)
    port = receiver.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        await box.subscribe(f"http://{host}:{port}/hook")
    await box.publish("hello")
    await strict.deliver_due()
    assert [state for state, _, _ in await box.states()] == ["dead"] * 3
    assert receiver.posts == []
    await outside.close()


async def test_a_password_is_sent_only_to_who_asks_for_it(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [401, 200]
    receiver.headers["WWW-Authenticate"] = 'Basic realm="hooks"'
    await box.subscribe(f"{receiver.url.replace('//', '//me:s%40cret@')}/hook")
    await box.publish_and_deliver("hello")
    first, second = receiver.posts
    assert "authorization" not in first.headers
    assert base64.b64decode(second.headers["authorization"].removeprefix("Basic ")) == b"me:s@cret"
    assert first.body == second.body
    assert await box.states() == [("done", "HTTP 200", 1)]


async def test_without_a_password_401_is_a_client_error(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [401]
    receiver.headers["WWW-Authenticate"] = 'Basic realm="hooks"'
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("hello")
    assert await box.states() == [("dead", "HTTP 401", 1)]


async def test_a_queue_gets_the_document_or_the_bare_message(box: Box) -> None:
    for name in ("whole", "raw"):
        await box.store.write(queues.create, HERE, name, {"Policy": FROM_THE_TOPIC}, {}, NOON)
    await box.subscribe(queue_arn("whole"))
    await box.subscribe(queue_arn("raw"), RawMessageDelivery="true")
    attributes = {"n": {"Type": "Number", "Value": "1.5"}, "b": {"Type": "Binary", "Value": "AgME"}}
    await box.publish_and_deliver("hello", subject="s", attributes=attributes)
    (whole,) = await box.in_queue("whole")
    document = json.loads(whole.row.body)
    box.verify(document)
    assert (document["Message"], document["Subject"], document["MessageAttributes"]) == ("hello", "s", attributes)
    assert json.loads(whole.row.attributes) == {}
    (raw,) = await box.in_queue("raw")
    assert raw.row.body == "hello"
    assert json.loads(raw.row.attributes) == {
        "n": {"DataType": "Number", "StringValue": "1.5"},
        "b": {"DataType": "Binary", "BinaryValue": "AgME"},
    }
    assert [state for state, _, _ in await box.states()] == ["done", "done"]


async def test_a_queue_whose_policy_does_not_allow_the_topic_gets_nothing(box: Box) -> None:
    other = FROM_THE_TOPIC.replace(":events", ":others")
    await box.store.write(queues.create, HERE, "closed", {}, {}, NOON)
    await box.store.write(queues.create, HERE, "for-others", {"Policy": other}, {}, NOON)
    await box.subscribe(queue_arn("closed"))
    await box.subscribe(queue_arn("for-others"))
    await box.publish_and_deliver("hello")

    why = f"the queue's policy does not allow sns.amazonaws.com to send messages of {TOPIC}"
    assert [letter.why for letter in await box.dead()] == [why, why]
    assert await box.in_queue("closed") == await box.in_queue("for-others") == []


async def test_a_queue_that_is_gone_is_a_final_failure(box: Box) -> None:
    await box.store.write(queues.create, HERE, "there", {"Policy": FROM_THE_TOPIC}, {}, NOON)
    await box.subscribe(queue_arn("missing"))
    await box.subscribe(queue_arn("there"))
    await box.publish_and_deliver("hello")
    states = sorted(await box.states())
    assert states == [("dead", "The specified queue does not exist.", 1), ("done", "", 1)]
    assert len(await box.in_queue("there")) == 1


async def test_more_attributes_than_a_queue_takes_is_a_final_failure(box: Box) -> None:
    await box.store.write(queues.create, HERE, "raw", {"Policy": FROM_THE_TOPIC}, {}, NOON)
    await box.subscribe(queue_arn("raw"), RawMessageDelivery="true")
    await box.publish_and_deliver("x", attributes={str(n): {"Type": "String", "Value": "v"} for n in range(11)})
    ((state, why, _),) = await box.states()
    assert (state, "exceeds the allowed maximum" in why) == ("dead", True)


async def test_the_dead_letter_queue_gets_what_was_given_up(box: Box, receiver: Receiver) -> None:
    await box.store.write(queues.create, HERE, "dlq", {"Policy": FROM_THE_TOPIC}, {}, NOON)
    redrive = json.dumps({"deadLetterTargetArn": queue_arn("dlq")})
    receiver.answers["/hook"] = [404]
    await box.subscribe(f"{receiver.url}/hook", RedrivePolicy=redrive)
    await box.subscribe(queue_arn("missing"), RedrivePolicy=redrive, RawMessageDelivery="true")
    await box.publish_and_deliver("hello", attributes={"k": {"Type": "String", "Value": "v"}})
    raw, whole = sorted((await box.in_queue("dlq")), key=lambda message: len(message.row.body))
    assert raw.row.body == "hello"
    assert json.loads(raw.row.attributes) == {"k": {"DataType": "String", "StringValue": "v"}}
    assert whole.row.body == receiver.posts[0].body
    assert sorted(letter.why for letter in await box.dead()) == ["HTTP 404", "The specified queue does not exist."]


async def test_a_missing_dead_letter_queue_is_told_and_loses_nothing(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [404]
    redrive = json.dumps({"deadLetterTargetArn": queue_arn("missing")})
    await box.subscribe(f"{receiver.url}/hook", RedrivePolicy=redrive)
    await box.publish_and_deliver("hello")
    (letter,) = await box.dead()
    assert letter.why == "HTTP 404; the dead-letter queue refused it, too: The specified queue does not exist."


async def test_a_silent_endpoint_stalls_nobody_else(box: Box, receiver: Receiver) -> None:
    receiver.hanging["/silent"] = asyncio.Event()
    await box.subscribe(f"{receiver.url}/silent")
    await box.deliverer.deliver_due()  # lets the confirmation go, which nobody needs any more
    await box.publish(*(f"{number}" for number in range(100)))
    delivering = asyncio.create_task(box.deliverer.run())
    await receiver.wait_for_posts("/silent", 8)
    await box.subscribe(f"{receiver.url}/quick")
    await box.publish("for both")
    await receiver.wait_for_posts("/quick", 1)
    assert len(receiver.at("/silent")) == 8  # its lane is no wider
    receiver.hanging["/silent"].set()
    await receiver.wait_for_posts("/silent", 101)
    delivering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivering
    assert await box.store.read(posts_due) == 0


async def test_a_failing_endpoint_is_asked_by_one_post_at_a_time(box: Box, receiver: Receiver) -> None:
    receiver.answers["/failing"] = [500, 500, 200]
    for path in ("/failing", "/well"):
        await box.subscribe(f"{receiver.url}{path}")
    await box.publish_and_deliver("first")
    receiver.hanging["/failing"] = asyncio.Event()
    await box.publish(*(f"{number}" for number in range(20)))
    delivering = asyncio.create_task(box.deliverer.deliver_due())
    await receiver.wait_for_posts("/well", 21)
    assert len(receiver.at("/failing")) == 2
    receiver.hanging["/failing"].set()
    await delivering
    assert len(receiver.at("/failing")) == 21


async def test_an_endpoint_that_recovers_gets_its_backlog_side_by_side(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [500, 200]
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish_and_deliver("first")
    await box.publish_and_deliver("probe")
    await box.publish(*(f"{number}" for number in range(20)))
    receiver.hanging["/hook"] = asyncio.Event()
    delivering = asyncio.create_task(box.deliverer.deliver_due())
    await receiver.wait_for_posts("/hook", 2 + 2)
    receiver.hanging["/hook"].set()
    await delivering
    await box.turn(20 * SECOND)
    assert {state for state, _, _ in await box.states()} == {"done"}


async def test_a_backlog_as_old_as_the_failure_is_given_up_untried(box: Box, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [500]
    lasting = {"healthyRetryPolicy": {"numRetries": 100, "minDelayTarget": 36, "maxDelayTarget": 36}}
    await box.subscribe(f"{receiver.url}/hook", DeliveryPolicy=json.dumps(lasting))
    await box.publish_and_deliver("fails for an hour")
    await box.turn(HOUR)
    await box.publish("waited behind it", at=NOON)
    await box.publish_and_deliver("has just come")
    assert [post.document["Message"] for post in receiver.posts] == ["fails for an hour"] * 2 + ["has just come"]
    (letter,) = await box.dead()
    assert (letter.why, letter.attempts) == ("not tried: the endpoint has failed for an hour, last with: HTTP 500", 0)
    await box.store.write(replay, HERE, [letter], box.clock.at)
    await box.deliverer.deliver_due()
    assert receiver.posts[-1].document["Message"] == "waited behind it"


async def test_a_crash_between_claim_and_end_repeats_and_loses_nothing(box: Box, receiver: Receiver) -> None:
    receiver.hanging["/hook"] = asyncio.Event()
    await box.subscribe(f"{receiver.url}/hook")
    await box.publish("hello")
    delivering = asyncio.create_task(box.deliverer.deliver_due())
    await receiver.wait_for_posts("/hook", 1)
    delivering.cancel()  # its posts are not ended: the far side still thinks
    outside = Outside(allow_loopback=True)
    other = Deliverer(box.store, box.signer, outside, KEYRING, "https://box.example", box.clock, box.letters)
    await other.deliver_due()
    assert len(receiver.posts) == 1  # the lease holds
    box.clock.at += MINUTE
    again = asyncio.create_task(other.deliver_due())
    await receiver.wait_for_posts("/hook", 2)
    receiver.hanging["/hook"].set()
    await again
    assert [state for state, _, _ in await box.states()] == ["done"]
    await outside.close()


@pytest.mark.parametrize("processes", [1, 3])
async def test_a_subscriber_is_posted_to_as_often_as_its_policy_allows_by_all_processes_together(
    box: Box, receiver: Receiver, processes: int
) -> None:
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 20}})
    await box.subscribe(receiver.url, DeliveryPolicy=policy)
    await box.publish(*map(str, range(12)))
    outside = Outside(allow_loopback=True)
    others = [
        Deliverer(box.store, box.signer, outside, KEYRING, "https://box.example", box.clock, box.letters)
        for _ in range(processes - 1)
    ]
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(one.deliver_due() for one in (box.deliverer, *others)))
    assert asyncio.get_running_loop().time() - began >= 11 / 20
    assert [state for state, _, _ in await box.states()] == ["done"] * 12
    await outside.close()


async def test_what_has_no_turn_for_long_is_not_claimed_for_as_long(box: Box, receiver: Receiver) -> None:
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 1}})
    made = await box.subscribe(receiver.url, DeliveryPolicy=policy)
    name = subscribers.place_of(made.arn, HERE.region)[1]
    ahead = await box.store.write(subscription_turns.take, HERE, name, 1, 30, NOON, NOON + MINUTE)
    assert ahead == [NOON + second * 1000 for second in range(30)]  # what other processes are about to post
    await box.publish("hello")
    await box.turn(by=0)
    assert await box.states() == [("due", "", 0)]
    await box.turn(by=MINUTE)
    assert await box.states() == [("done", "HTTP 200", 1)]


@pytest.mark.parametrize(
    ("attributes", "logged"),
    [
        ({}, False),
        ({"SQSSuccessFeedbackRoleArn": ROLE}, False),  # a sample of none
        ({"SQSSuccessFeedbackRoleArn": ROLE, "SQSSuccessFeedbackSampleRate": "100"}, True),
        ({"HTTPSuccessFeedbackRoleArn": ROLE, "HTTPSuccessFeedbackSampleRate": "100"}, False),
    ],
)
async def test_a_topic_may_want_its_deliveries_in_the_log(box: Box, attributes: dict[str, str], logged: bool) -> None:
    for name, value in attributes.items():
        await box.set_topic(name, value)
    await box.store.write(queues.create, HERE, "q", {"Policy": FROM_THE_TOPIC}, {}, NOON)
    await box.subscribe(queue_arn("q"))
    log.configure(as_json=False)  # another test may have asked for errors alone
    with capture_logs() as lines:
        await box.publish_and_deliver("hello")
    told = [(line["topic"], line["destination"]) for line in lines if line.get("status") == "SUCCESS"]
    assert told == ([(TOPIC, queue_arn("q"))] if logged else [])


async def test_a_topic_may_want_its_failures_in_the_log(box: Box) -> None:
    await box.set_topic("SQSFailureFeedbackRoleArn", ROLE)
    await box.subscribe(queue_arn("missing"))
    log.configure(as_json=False)  # another test may have asked for errors alone
    with capture_logs() as lines:
        await box.publish_and_deliver("hello")
    assert [line["why"] for line in lines if line.get("status") == "FAILURE"] == ["The specified queue does not exist."]


async def test_what_cannot_be_mailed_is_given_up_with_its_reason(box: Box) -> None:
    box.letters.refusal = "no such domain"
    await box.subscribe("email:me@example.com", confirmed=False)
    await box.deliverer.deliver_due()
    assert await box.states() == [("dead", "no such domain", 1)]


async def test_a_mail_is_written_once_however_often_it_is_tried(box: Box) -> None:
    made = await box.subscribe("email:me@example.com")
    (published,) = await box.publish("hello", subject="News")
    _, name = subscribers.place_of(made.arn, HERE.region)
    await box.deliverer.deliver_due()
    letter = box.letters.sent[f"{published}/{name}"]
    assert (letter["to"], letter["subject"], letter["sender_name"]) == ("me@example.com", "News", "Notifications")
    assert f"?Action=Unsubscribe&SubscriptionArn={made.arn}" in letter["text"]
