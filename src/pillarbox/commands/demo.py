"""`pillarbox demo`: plays five stories against a running server and shows their timelines.

Touches the server's AWS APIs, as any SDK would, and its admin socket to read
the timelines. What it makes it takes away again; the messages stay.
"""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from pillarbox.commands.messages import timeline
from pillarbox.commands.printing import say, style
from pillarbox.commands.reach import HERE, CommandError, Place, client_of_server
from pillarbox.commands.stories import STORIES
from pillarbox.commands.subscriber import Subscriber
from pillarbox.kit.ids import new_token
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ServerStatus, ShowHistory, Status

ACCOUNT = "111122223333"
_REGION = "us-east-1"
_POLL_SECONDS = 0.05


def demo(*, place: Place = HERE) -> None:
    """Play the stories that Pillarbox is made for against a server in dev mode."""
    admin = client_of_server(place, "--dev ")
    status = admin.ask(Status(), ServerStatus)
    if not status.dev:
        raise CommandError("the demo sends mail: it plays against a server in dev mode only (pillarbox serve --dev)")
    for number, story in enumerate(STORIES, 1):
        say(style(f"{number}. {(story.__doc__ or '').splitlines()[0]}", "bold"))
        say()
        with ExitStack() as made:
            try:
                story(Stage(admin, status.endpoint, made))
            except queue.Empty:
                raise CommandError("the subscriber was not told within 20 seconds; see the server's log") from None
        say()
    say(
        f"All {len(STORIES)} stories were played; their messages are at {status.endpoint}/ui/messages?account={ACCOUNT}"
    )


class Stage:
    """What a story plays with; what it makes is taken away when `made` is closed."""

    patience_seconds = 20.0

    def __init__(self, admin: Client, endpoint: str, made: ExitStack) -> None:
        self._admin = admin
        self._made = made
        self.ses, self.sns, self.sqs = (_client(service, endpoint) for service in ("ses", "sns", "sqs"))

    def sender(self, address: str) -> str:
        """Create an identity, which dev mode verifies at once."""
        self.ses.verify_email_identity(EmailAddress=address)
        self._made.callback(self.ses.delete_identity, Identity=address)
        return address

    def topic(self) -> str:
        arn: str = self.sns.create_topic(Name=_name())["TopicArn"]
        self._made.callback(self.sns.delete_topic, TopicArn=arn)
        return arn

    def configuration_set_told_to(self, topic: str) -> str:
        """Create a configuration set whose events go to a topic."""
        name = _name()
        self.ses.create_configuration_set(ConfigurationSet={"Name": name})
        self._made.callback(self.ses.delete_configuration_set, ConfigurationSetName=name)
        destination = {
            "Name": "tracking_events",
            "Enabled": True,
            "MatchingEventTypes": ["send", "reject", "bounce", "complaint", "delivery"],
            "SNSDestination": {"TopicARN": topic},
        }
        self.ses.create_configuration_set_event_destination(ConfigurationSetName=name, EventDestination=destination)
        return name

    def queue_told_by(self, topic: str) -> str:
        """Create a queue that is subscribed to a topic; return its URL."""
        url: str = self.sqs.create_queue(QueueName=_name())["QueueUrl"]
        self._made.callback(self.sqs.delete_queue, QueueUrl=url)
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
        return url

    @contextmanager
    def subscriber(self, topic: str) -> Iterator[Subscriber]:
        """Run an HTTP endpoint that has confirmed its subscription to a topic."""
        with Subscriber().running() as subscriber:
            self.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
            post = subscriber.next_post(self.patience_seconds)
            if post["Type"] != "SubscriptionConfirmation":
                self.fail(f"a {post['Type']} came before the subscription was confirmed")
            self._wait_until(lambda: self._is_confirmed(topic), "the subscription was not confirmed")
            yield subscriber

    def show(self, message_id: str, *kinds: str) -> None:
        """Print the timeline of a message when events of all these kinds have happened."""
        self._wait_until(lambda: set(kinds) <= self._kinds(message_id), f"not all of {', '.join(kinds)} happened")
        say(timeline(self._history(message_id)))
        say()

    def fail(self, why: str) -> NoReturn:
        raise CommandError(f"{why}; see the server's log")

    def _is_confirmed(self, topic: str) -> bool:
        found = self.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        return all(one["SubscriptionArn"].startswith("arn:") for one in found)

    def _history(self, message_id: str) -> History:
        return self._admin.ask(ShowHistory(message_id), History)

    def _kinds(self, message_id: str) -> set[str]:
        return {moment.kind for moment in self._history(message_id).moments}

    def _wait_until(self, holds: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + self.patience_seconds
        while not holds():
            if time.monotonic() > until:
                self.fail(f"{otherwise} within {self.patience_seconds:.0f} seconds")
            time.sleep(_POLL_SECONDS)


def _client(service: str, endpoint: str) -> Any:
    from botocore.session import Session

    # In dev mode a key of twelve digits names its account, and any secret will do.
    return Session().create_client(
        service,
        region_name=_REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="not looked at",  # noqa: S106
    )


def _name() -> str:
    return f"demo-{new_token()[:8]}"
