"""Which endpoints are taken, and that passwords are not shown."""

import pytest

from pillarbox.pubsub.endpoints import check_kind, endpoint_of
from pillarbox.pubsub.refusals import InvalidParameter


@pytest.mark.parametrize(
    ("url", "shown", "login"),
    [
        ("https://example.com/hook?x=1", "https://example.com/hook?x=1", None),
        ("https://me:secret@example.com/", "https://me:****@example.com/", "me:secret"),
        ("https://me:s%40c@example.com:8443", "https://me:****@example.com:8443", "me:s@c"),
        ("https://me:@example.com/", "https://me:****@example.com/", "me:"),
        ("https://me@example.com/a:b@c", "https://me@example.com/a:b@c", None),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/", None),
    ],
)
def test_a_password_is_taken_out_of_the_url(url: str, shown: str, login: str | None) -> None:
    assert endpoint_of("https", url) == (shown, login)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "reason"),
    [
        ("http", "https://example.com/", "Endpoint must match the specified protocol"),
        ("https", "http://example.com/", "Endpoint must match the specified protocol"),
        ("https", "", "Endpoint"),
        ("https", "https:///path", "HTTP(S) endpoint"),
        ("https", "https://example.com:0/", "HTTP(S) endpoint"),
        ("https", "https://example.com:99999/", "HTTP(S) endpoint"),
        ("https", "https://[::1/", "HTTP(S) endpoint"),
        ("https", "https://example.com/a b", "HTTP(S) endpoint"),
        ("https", "https://example.com/\r\nX: y", "HTTP(S) endpoint"),
        ("https", "https://exämple.com/", "HTTP(S) endpoint"),
        ("sqs", "http://localhost/123456789012/q", "SQS endpoint ARN"),
        ("sqs", "arn:aws:sns:us-east-1:123456789012:q", "SQS endpoint ARN"),
        (
            "sms",
            "+15550100",
            "Protocol Reason: sms is not offered by this server; http, https, email, email-json and sqs are",
        ),
        ("email", "me", "Email address"),
        ("email-json", "Me <me@example.com>", "Email address"),
        ("email", "me@example.com, you@example.com", "Email address"),
        ("test-protocol", "x", "Amazon SNS does not support this protocol string: test-protocol"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_refused_by_name(protocol: str, endpoint: str, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        endpoint_of(protocol, endpoint)
    assert refused.value.reason == reason


def test_a_queue_of_the_account_may_be_in_another_region() -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:q"
    assert endpoint_of("sqs", arn) == (arn, None)


def test_an_address_is_taken_as_it_is() -> None:
    assert endpoint_of("email", "me+x@example.com") == ("me+x@example.com", None)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "is_fifo"),
    [("sqs", "arn:q.fifo", False), ("https", "https://example.com/", True), ("email", "me@example.com", True)],
)
def test_fifo_topics_and_fifo_queues_need_each_other(protocol: str, endpoint: str, is_fifo: bool) -> None:
    with pytest.raises(InvalidParameter, match="FIFO"):
        check_kind(protocol, endpoint, topic_is_fifo=is_fifo)
    check_kind("sqs", "arn:q", topic_is_fifo=is_fifo)
