"""A post is believed only when the SNS that it names has signed exactly this, not long ago."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pillarbox.consumer import CannotVerify, Endpoint, Refused, SnsMessage, Verifier, confirm, parse_envelope
from tests.support.far_sns import TOPIC, URL, FarSns, sample, subscribe_url


@pytest.fixture(scope="module")
def sns() -> FarSns:
    return FarSns()


@pytest.fixture(autouse=True)
def _nothing_fetched_yet(sns: FarSns) -> None:
    sns.fetched.clear()


def _message(envelope: dict[str, Any]) -> SnsMessage:
    return parse_envelope(json.dumps(envelope))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES Email Event Notification"}, {"Subject": "Grüße ☃"}])
def test_both_versions_of_the_signature_are_verified(sns: FarSns, version: str, subject: dict[str, str]) -> None:
    Verifier(get=sns.get).verify(_message(sns.post(sample("send"), version=version, **subject)))


def test_confirmations_are_signed_by_other_members(sns: FarSns) -> None:
    post = sns.post("You have chosen to subscribe", kind="SubscriptionConfirmation")
    Verifier(get=sns.get).verify(_message(post))
    with pytest.raises(Refused, match="signature"):
        Verifier(get=sns.get).verify(_message({**post, "Token": "another"}))


@pytest.mark.parametrize("member", ["Message", "MessageId", "Subject", "TopicArn"])
def test_a_post_with_an_altered_member_is_refused(sns: FarSns, member: str) -> None:
    post = sns.post(sample("bounce"), Subject="hello")
    with pytest.raises(Refused, match="signature"):
        Verifier(get=sns.get).verify(_message({**post, member: post[member] + "x"}))


def test_an_altered_time_is_refused(sns: FarSns) -> None:
    post = sns.post(sample("bounce"))
    later = (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with pytest.raises(Refused, match="signature"):
        Verifier(get=sns.get).verify(_message({**post, "Timestamp": later}))


def test_a_post_signed_with_another_key_is_refused(sns: FarSns) -> None:
    with pytest.raises(Refused, match="signature"):
        Verifier(get=sns.get).verify(_message(FarSns().post(sample("bounce"))))


@pytest.mark.parametrize("signature", ["", "bm90IGl0", "not base64!", None])
def test_a_signature_that_is_none_is_refused(sns: FarSns, signature: str | None) -> None:
    with pytest.raises(Refused, match="signature"):
        Verifier(get=sns.get).verify(_message({**sns.post(sample("bounce")), "Signature": signature}))


def test_an_unknown_version_of_the_signature_is_refused(sns: FarSns) -> None:
    with pytest.raises(Refused, match="version '3'"):
        Verifier(get=sns.get).verify(_message({**sns.post(sample("bounce")), "SignatureVersion": "3"}))


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("sns.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com.evil.example"),
        URL.replace("sns.us-east-1.amazonaws.com", "evil.example"),
        URL.replace("sns.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com@evil.example"),
        URL.replace("sns.us-east-1.amazonaws.com", "evil.example#.amazonaws.com"),
        URL.replace("sns.us-east-1.amazonaws.com", "bucket.s3.amazonaws.com"),
        URL.replace("sns.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com:8443"),
        URL.replace("sns.us-east-1.amazonaws.com", "[::1"),
        URL.replace("SimpleNotificationService", "Another"),
        URL.replace("SimpleNotificationService", "x/../SimpleNotificationService"),
        URL + "?x=1",
        URL + "#x",
        "file:///etc/passwd",
        "",
        None,
    ],
)
def test_certificates_are_fetched_from_hosts_of_sns_alone(sns: FarSns, url: str | None) -> None:
    with pytest.raises(Refused, match="certificate"):
        Verifier(get=sns.get).verify(_message(sns.post(sample("bounce"), SigningCertURL=url)))
    assert sns.fetched == []


@pytest.mark.parametrize(
    "host", ["sns.cn-north-1.amazonaws.com.cn", "sns.us-gov-west-1.amazonaws.com", "mail.example.org:8443"]
)
def test_hosts_of_every_region_and_those_that_were_given_are_permitted(sns: FarSns, host: str) -> None:
    url = URL.replace("sns.us-east-1.amazonaws.com", host)
    Verifier(get=sns.get, hosts=["Mail.example.org:8443"]).verify(
        _message(sns.post(sample("bounce"), SigningCertURL=url))
    )
    assert sns.fetched == [url]


def test_a_certificate_is_fetched_once(sns: FarSns) -> None:
    verifier = Verifier(get=sns.get)
    for name in ("send", "delivery", "open"):
        verifier.verify(_message(sns.post(sample(name))))
    assert sns.fetched == [URL]


@pytest.mark.parametrize(
    "begins, ends", [(timedelta(days=-9), timedelta(days=-1)), (timedelta(days=1), timedelta(days=9))]
)
def test_a_certificate_out_of_its_time_proves_nothing(begins: timedelta, ends: timedelta) -> None:
    sns = FarSns(begins=begins, ends=ends)
    with pytest.raises(Refused, match="not valid at this time"):
        Verifier(get=sns.get).verify(_message(sns.post(sample("bounce"))))


@pytest.mark.parametrize("age", [timedelta(minutes=76), timedelta(minutes=-16)])
def test_a_post_that_is_too_old_or_from_the_future_is_refused(sns: FarSns, age: timedelta) -> None:
    post = sns.post(sample("bounce"), at=datetime.now(UTC) - age)
    with pytest.raises(Refused, match=r"longer ago|in the future"):
        Verifier(get=sns.get).verify(_message(post))
    assert sns.fetched == []


def test_how_old_a_post_may_be_is_the_receivers_choice(sns: FarSns) -> None:
    post = sns.post(sample("bounce"), at=datetime.now(UTC) - timedelta(days=2))
    Verifier(get=sns.get, max_age=timedelta(days=3)).verify(_message(post))


@pytest.mark.parametrize("time", ["now", "2017-08-09T23:32:19", "2017-13-09T23:32:19Z"])
def test_a_post_without_a_readable_time_is_refused(sns: FarSns, time: str) -> None:
    with pytest.raises(Refused, match="no time"):
        Verifier(get=sns.get).verify(_message(sns.post(sample("bounce"), Timestamp=time)))


def _failing(_url: str) -> bytes:
    raise OSError("connection refused")


@pytest.mark.parametrize("get", [_failing, lambda _: b"no certificate", lambda _: b""])
def test_without_its_certificate_a_post_is_neither_believed_nor_refused(
    sns: FarSns, get: Callable[[str], bytes]
) -> None:
    with pytest.raises(CannotVerify):
        Verifier(get=get).verify(_message(sns.post(sample("bounce"))))


def test_a_certificate_that_could_not_be_fetched_is_not_asked_for_at_once_again(sns: FarSns) -> None:
    asked = []

    def get(url: str) -> bytes:
        asked.append(url)
        raise OSError("down")

    verifier = Verifier(get=get)
    for _ in range(3):
        with pytest.raises(CannotVerify):
            verifier.verify(_message(sns.post(sample("bounce"))))
    assert asked == [URL]


def test_strangers_cannot_make_us_fetch_without_end(sns: FarSns) -> None:
    verifier = Verifier(get=sns.get)
    for number in range(200):
        url = URL.replace("0123", f"{number:04d}")
        with contextlib.suppress(Refused, CannotVerify):
            verifier.verify(_message({**sns.post(sample("bounce")), "SigningCertURL": url}))
    assert len(sns.fetched) <= 30


def _endpoint(sns: FarSns) -> Endpoint:
    return Endpoint([TOPIC], Verifier(get=sns.get), get=sns.get)


def test_an_endpoint_returns_the_events_of_a_post(sns: FarSns) -> None:
    post = _endpoint(sns).receive(json.dumps(sns.post(sample("bounce"))), {"X-Amz-Sns-Message-Type": "Notification"})
    assert [event.kind for event in post.events] == ["Bounce"]
    assert not post.asks_to_confirm


def test_an_endpoint_confirms_what_it_expects(sns: FarSns) -> None:
    post = _endpoint(sns).receive(json.dumps(sns.post("subscribe?", kind="SubscriptionConfirmation")))
    assert post.asks_to_confirm
    assert sns.fetched == [URL, subscribe_url()]


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation"])
def test_a_genuine_post_of_another_topic_is_refused_unseen(sns: FarSns, kind: str) -> None:
    post = sns.post("{}", kind=kind, TopicArn=TOPIC.replace("ses-events", "another"))
    with pytest.raises(Refused, match="nobody expects"):
        _endpoint(sns).receive(json.dumps(post))
    assert sns.fetched == []


@pytest.mark.parametrize(
    "url",
    [
        subscribe_url("evil.example"),
        subscribe_url().replace("https", "http"),
        subscribe_url(topic=TOPIC + "-2"),
        subscribe_url().replace("ConfirmSubscription", "DeleteTopic"),
        subscribe_url() + "&Action=DeleteTopic",
        None,
    ],
)
def test_a_confirmation_leads_nowhere_else(sns: FarSns, url: str | None) -> None:
    message = _message(sns.post("subscribe?", kind="SubscriptionConfirmation", SubscribeURL=url))
    with pytest.raises(Refused):
        confirm(message, Verifier(), sns.get)
    assert sns.fetched == []


def test_a_confirmation_that_fails_is_asked_for_again(sns: FarSns) -> None:
    with pytest.raises(CannotVerify, match="cannot be confirmed"):
        confirm(_message(sns.post("subscribe?", kind="SubscriptionConfirmation")), Verifier(), _failing)


def test_the_header_must_say_what_the_post_says(sns: FarSns) -> None:
    with pytest.raises(Refused, match="x-amz-sns-message-type"):
        _endpoint(sns).receive(
            json.dumps(sns.post(sample("bounce"))), {"x-amz-sns-message-type": "SubscriptionConfirmation"}
        )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"hello", b'{"Type": "Notification"}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_post_of_sns_is_refused(sns: FarSns, body: bytes) -> None:
    with pytest.raises(Refused):
        _endpoint(sns).receive(body)


def test_raw_delivery_cannot_be_verified(sns: FarSns) -> None:
    with pytest.raises(Refused, match="raw delivery"):
        _endpoint(sns).receive(json.dumps(sample("bounce")))
