"""The five stories that Pillarbox is made for, as `pillarbox demo` plays them.

Touches a running server in dev mode, through its AWS APIs alone. Each story is
a function of the stage; it sends, looks at what was published, and says so.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pillarbox.commands.printing import say

if TYPE_CHECKING:
    from pillarbox.commands.demo import Stage
    from pillarbox.commands.subscriber import Subscriber


def in_a_customers_name(stage: "Stage") -> None:
    """A product sends in its customer's name, and an HTTP endpoint is told what becomes of the mail."""
    topic = stage.topic()
    configuration_set = stage.configuration_set_told_to(topic)
    with stage.subscriber(topic) as subscriber:
        say(f"The endpoint {subscriber.url} has verified and confirmed its subscription.")
        sender = stage.sender("owen@customer.example")
        message_id = stage.ses.send_email(
            Source=sender,
            Destination={"ToAddresses": ["wuyanzu@mailbox.example"]},
            Message={"Subject": {"Charset": "UTF-8", "Data": "你好"}, "Body": {"Html": {"Data": "<p>say hello!</p>"}}},
            ConfigurationSetName=configuration_set,
            Tags=[{"Name": "customer", "Value": "owen"}],
        )["MessageId"]
        stage.show(message_id, "Send", "Delivery")
        for _ in range(2):
            event = _next_message(stage, subscriber)
            say(f"The endpoint received a genuine {event['eventType']} of {event['mail']['messageId']}.")


def raw_and_monitored(stage: "Stage") -> None:
    """Raw mail with a configuration set: the whole sequence of its events."""
    configuration_set = stage.configuration_set_told_to(stage.topic())
    sender = stage.sender("news@customer.example")
    lines = (
        f"From: News <{sender}>",
        "To: complaint@simulator.amazonses.com",
        "Subject: What is new",
        f"X-SES-CONFIGURATION-SET: {configuration_set}",
        "X-SES-MESSAGE-TAGS: campaign=autumn",
        "MIME-Version: 1.0",
        "Content-Type: text/html; charset=UTF-8",
        "",
        '<p>Read <a href="https://example.com/news">what is new</a>.</p>',
    )
    message_id = stage.ses.send_raw_email(RawMessage={"Data": "\r\n".join(lines).encode()})["MessageId"]
    stage.show(message_id, "Send", "Delivery", "Complaint")


def bounce_notification(stage: "Stage") -> None:
    """The mailbox simulator bounces, and the identity's topic says so in `notificationType` form."""
    topic = stage.topic()
    sender = stage.sender("marketing@customer.example")
    stage.ses.set_identity_notification_topic(Identity=sender, NotificationType="Bounce", SnsTopic=topic)
    with stage.subscriber(topic) as subscriber:
        message_id = stage.ses.send_email(**_plain(sender, ["bounce@simulator.amazonses.com"]))["MessageId"]
        stage.show(message_id, "Send", "Bounce")
        notification = _next_message(stage, subscriber)
        recipient = notification["bounce"]["bouncedRecipients"][0]
        say(f"The topic was told: notificationType {notification['notificationType']}, {json.dumps(recipient)}")


def many_fates(stage: "Stage") -> None:
    """One call to several recipients, each with a fate of its own."""
    sender = stage.sender("orders@customer.example")
    simulated = ["success", "bounce", "complaint", "suppressionlist"]
    recipients = [*(f"{name}@simulator.amazonses.com" for name in simulated), "ada@mailbox.example"]
    message_id = stage.ses.send_email(**_plain(sender, recipients))["MessageId"]
    stage.show(message_id, "Send", "Delivery", "Bounce", "Complaint")


def through_a_queue(stage: "Stage") -> None:
    """SES, SNS and SQS together: feedback is JSON in JSON in JSON."""
    topic = stage.topic()
    url = stage.queue_told_by(topic)
    sender = stage.sender("someone@customer.example")
    stage.ses.set_identity_notification_topic(Identity=sender, NotificationType="Bounce", SnsTopic=topic)
    message_id = stage.ses.send_email(**_plain(sender, ["bounce@simulator.amazonses.com"]))["MessageId"]
    stage.show(message_id, "Send", "Bounce")
    body = _receive(stage, url)
    feedback = json.loads(body["Message"])
    say(f"In the queue: a message, in it a {body['Type']}, in it the {feedback['notificationType']}")
    say(f"of the mail from {feedback['mail']['source']} to {', '.join(feedback['mail']['destination'])}.")


STORIES: tuple[Callable[["Stage"], None], ...] = (
    in_a_customers_name,
    raw_and_monitored,
    bounce_notification,
    many_fates,
    through_a_queue,
)


def _plain(sender: str, recipients: list[str]) -> dict[str, Any]:
    return {
        "Source": sender,
        "Destination": {"ToAddresses": recipients},
        "Message": {"Subject": {"Data": "hi there!"}, "Body": {"Text": {"Data": "bla bla"}}},
    }


def _next_message(stage: "Stage", subscriber: "Subscriber") -> dict[str, Any]:
    """Return the next post that is about mail; SES also tells a topic when it begins to publish there."""
    while True:
        message: dict[str, Any] = json.loads(subscriber.next_post(stage.patience_seconds)["Message"])
        if "mail" in message:
            return message


def _receive(stage: "Stage", url: str) -> dict[str, Any]:
    """The same for a queue: return the outermost JSON."""
    while True:
        received = stage.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages", [])
        if not received:
            stage.fail("no notification came into the queue within 10 seconds")
        stage.sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
        body: dict[str, Any] = json.loads(received[0]["Body"])
        if "mail" in json.loads(body["Message"]):
            return body
