"""Posts look, octet for octet, as SNS writes them."""

import dataclasses
import json

from pillarbox.pubsub.posts import Signed, Told, confirmation_message, document, headers, string_to_sign

TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
SUBSCRIPTION = f"{TOPIC}:c9135db0-26c4-47ec-8998-413945fb5a96"
SIGNED = Signed("1", "EXAMPLEw6JRN==", "https://sns.example/SimpleNotificationService-00.pem")
PUBLIC = "https://box.example"

NOTIFICATION = Told(
    kind="Notification",
    notification_id="22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    topic_arn=TOPIC,
    subscription_arn=SUBSCRIPTION,
    subject="My First Message",
    message='{"eventType":"Send"}\n',
    attributes={},
    published_at=1_335_998_704_316,
)
CONFIRMATION = dataclasses.replace(
    NOTIFICATION,
    kind="SubscriptionConfirmation",
    subject=None,
    message=confirmation_message("SubscriptionConfirmation", TOPIC, SUBSCRIPTION),
    token="2336412f37",
)


def test_a_notification() -> None:
    assert document(NOTIFICATION, SIGNED, PUBLIC) == (
        "{\n"
        '  "Type" : "Notification",\n'
        '  "MessageId" : "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",\n'
        f'  "TopicArn" : "{TOPIC}",\n'
        '  "Subject" : "My First Message",\n'
        '  "Message" : "{\\"eventType\\":\\"Send\\"}\\n",\n'
        '  "Timestamp" : "2012-05-02T22:45:04.316Z",\n'
        '  "SignatureVersion" : "1",\n'
        '  "Signature" : "EXAMPLEw6JRN==",\n'
        '  "SigningCertURL" : "https://sns.example/SimpleNotificationService-00.pem",\n'
        f'  "UnsubscribeURL" : "https://box.example/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}"\n'
        "}"
    )


def test_a_notification_without_subject_and_with_attributes() -> None:
    attributes = {"größe": {"Type": "Number", "Value": "99"}, "raw": {"Type": "Binary", "Value": "AgME"}}
    text = document(dataclasses.replace(NOTIFICATION, subject=None, attributes=attributes), SIGNED, PUBLIC)
    assert list(json.loads(text)) == [
        "Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL",
        "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
    assert text.endswith(
        ',\n  "MessageAttributes" : {\n'
        '    "größe" : {"Type":"Number","Value":"99"},\n'
        '    "raw" : {"Type":"Binary","Value":"AgME"}\n'
        "  }\n}"
    )


def test_a_confirmation_of_a_subscription() -> None:
    told = json.loads(document(CONFIRMATION, SIGNED, PUBLIC))
    assert list(told) == [
        "Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp", "SignatureVersion",
        "Signature", "SigningCertURL",
    ]  # fmt: skip
    assert told["SubscribeURL"] == f"https://box.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
    assert told["Message"] == (
        f"You have chosen to subscribe to the topic {TOPIC}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )


def test_a_confirmation_of_a_removal() -> None:
    assert confirmation_message("UnsubscribeConfirmation", TOPIC, SUBSCRIPTION) == (
        f"You have chosen to deactivate subscription {SUBSCRIPTION}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def test_what_is_signed_of_a_notification() -> None:
    assert string_to_sign(NOTIFICATION, PUBLIC) == (
        'Message\n{"eventType":"Send"}\n\n'
        "MessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
        "Subject\nMy First Message\n"
        "Timestamp\n2012-05-02T22:45:04.316Z\n"
        f"TopicArn\n{TOPIC}\n"
        "Type\nNotification\n"
    )
    without_subject = string_to_sign(dataclasses.replace(NOTIFICATION, subject=None), PUBLIC)
    assert "Subject" not in without_subject


def test_what_is_signed_of_a_confirmation() -> None:
    assert string_to_sign(CONFIRMATION, PUBLIC) == (
        f"Message\n{CONFIRMATION.message}\n"
        "MessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
        f"SubscribeURL\nhttps://box.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37\n"
        "Timestamp\n2012-05-02T22:45:04.316Z\n"
        "Token\n2336412f37\n"
        f"TopicArn\n{TOPIC}\n"
        "Type\nSubscriptionConfirmation\n"
    )


def test_the_headers_of_each_kind() -> None:
    ordinary = {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "x-amz-sns-topic-arn": TOPIC,
        "x-amz-sns-subscription-arn": SUBSCRIPTION,
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "Accept-Encoding": "gzip,deflate",
    }
    content_type = "text/plain; charset=UTF-8"
    assert headers(NOTIFICATION, raw=False, content_type=content_type) == ordinary
    raw = headers(NOTIFICATION, raw=True, content_type="application/json")
    assert raw == {**ordinary, "x-amz-sns-rawdelivery": "true", "Content-Type": "application/json"}
    confirmation = headers(CONFIRMATION, raw=False, content_type="application/json")
    assert "x-amz-sns-subscription-arn" not in confirmation
    assert confirmation["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert confirmation["Content-Type"] == content_type
