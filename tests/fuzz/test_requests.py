"""Whole requests with anything in them: an answer of the protocol, never a fault of ours, and the server lives."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.wire.models import load
from tests.support.examples import examples
from tests.support.server import Server
from tests.support.signing import Answer, send, signed

EXAMPLES = examples(100)
HELD = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ACTIONS = sorted(
    (service.name, name)
    for service in load().services.values()
    if "query" in service.protocols
    for name in service.operations
)
TARGETS = sorted(
    (operation.method, operation.uri.partition("?")[0]) for operation in load().service("sesv2").operations.values()
)
TEXT = st.text(max_size=40) | st.sampled_from(
    ["a@example.com", "true", "-1", "99999999999", "\r\nBcc: x", "=?utf-8?B?"]
)
KEYS = st.sampled_from(
    [
        "Source",
        "Destination.ToAddresses.member.1",
        "Destination.ToAddresses.member.999999999",
        "Message.Subject.Data",
        "Message.Body.Html.Data",
        "RawMessage.Data",
        "Destinations.member.1",
        "Tags.member.1.Name",
        "Identity",
        "Name",
        "TopicArn",
        "QueueUrl",
        "Attributes.entry.1.key",
        "Attributes.entry.1.value",
    ]
) | st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SEND_PARTS = st.fixed_dictionaries(
    {},
    optional={
        "FromEmailAddress": JSON,
        "Destination": st.fixed_dictionaries({}, optional={"ToAddresses": JSON, "CcAddresses": JSON}) | JSON,
        "Content": st.fixed_dictionaries({}, optional={"Raw": st.fixed_dictionaries({"Data": JSON}), "Simple": JSON})
        | JSON,
        "EmailTags": JSON,
        "ConfigurationSetName": JSON,
    },
)


def assert_answered(answer: Answer) -> None:
    assert answer.status == 200 or 400 <= answer.status < 500, f"{answer.status} {answer.text[:500]}"
    assert answer.headers["x-amzn-requestid"]


@HELD
@given(st.sampled_from(ACTIONS), st.dictionaries(KEYS, TEXT, max_size=6))
def test_forms(server: Server, action: tuple[str, str], params: dict[str, str]) -> None:
    from urllib.parse import urlencode

    service, name = action
    body = urlencode({**params, "Action": name, "Version": load().service(service).api_version}).encode()
    headers = signed(server, body, service=load().service(service).signing_name)
    assert_answered(send(server.endpoint, "POST", "/", headers, body))


@HELD
@given(st.binary(max_size=200))
def test_bodies_that_are_no_forms(server: Server, body: bytes) -> None:
    assert_answered(send(server.endpoint, "POST", "/", signed(server, body), body))


@HELD
@given(st.sampled_from(TARGETS), JSON)
def test_json(server: Server, target: tuple[str, str], value: Any) -> None:
    method, path = target
    path = path.replace("{", "").replace("}", "").replace("+", "")
    body = json.dumps(value).encode()
    headers = signed(server, body, method=method, target=path, headers={"Content-Type": "application/json"})
    assert_answered(send(server.endpoint, method, path, headers, body))


@HELD
@given(SEND_PARTS)
def test_sends(server: Server, value: Any) -> None:
    body = json.dumps(value).encode()
    path = "/v2/email/outbound-emails"
    headers = signed(server, body, target=path, headers={"Content-Type": "application/json"})
    assert_answered(send(server.endpoint, "POST", path, headers, body))


@HELD
@given(st.binary(max_size=400))
def test_raw_mail(server: Server, data: bytes) -> None:
    from base64 import b64encode
    from urllib.parse import urlencode

    server.client("ses").verify_domain_identity(Domain="example.com")
    raw = b"From: a@example.com\r\nTo: b@example.net\r\n" + data
    params = {"Action": "SendRawEmail", "Version": "2010-12-01", "RawMessage.Data": b64encode(raw).decode()}
    body = urlencode(params).encode()
    assert_answered(send(server.endpoint, "POST", "/", signed(server, body), body))


@HELD
@given(st.sampled_from(sorted(load().service("sqs").operations)), JSON)
def test_sqs(server: Server, name: str, value: Any) -> None:
    body = json.dumps(value).encode()
    head = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{name}"}
    assert_answered(send(server.endpoint, "POST", "/", signed(server, body, service="sqs", headers=head), body))


def test_the_server_still_answers(server: Server) -> None:
    assert server.client("ses").get_send_quota()["SentLast24Hours"] == 0.0
