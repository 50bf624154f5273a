"""Whatever bytes arrive, the protocol layer answers with a Fault or understands; nothing else escapes."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.wire import sigv3
from pillarbox.wire.check import check
from pillarbox.wire.faults import Fault
from pillarbox.wire.models import load
from pillarbox.wire.parse import parse
from pillarbox.wire.request import Request
from pillarbox.wire.route import protocol_of, route, service_of
from pillarbox.wire.serialize import fault_response
from pillarbox.wire.sigv4 import check_signature, check_time, read_claim
from tests.support.examples import examples

SERVICES = load().services
QUERY_ACTIONS = [
    (service, name) for service in SERVICES.values() if "query" in service.protocols for name in service.operations
]
REST = list(SERVICES["sesv2"].operations.values())
SQS = list(SERVICES["sqs"].operations)

LATIN = st.text(alphabet=st.characters(max_codepoint=255), max_size=60)
NAMES = ["Source", "Destination", "ToAddresses", "member", "entry", "key", "value", "Name", "Value", "Tags", "Message"]
NAMES += ["Data", "Attribute", "Entries", "MessageAttributes", "RawMessage", "1", "2", "999999999", "0", "-1", "x", ""]
DOTTED = st.lists(st.sampled_from(NAMES), min_size=1, max_size=8).map(".".join)
FORM_VALUES = st.text(max_size=12) | st.sampled_from(["", "true", "1", "-9e9", "2024-01-01T00:00:00Z", "YQ=="])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES[:-6]), inner, max_size=3),
    max_leaves=12,
)

few = settings(max_examples=examples(100), deadline=None)


def attempt(request, signing_name="ses"):
    """Take a request down the road; a Fault must turn into an answer that its client can read."""
    protocol, service = protocol_of(request.target, request.headers), None
    try:
        service = service_of(protocol, signing_name)
        routed = route(request, signing_name)
        check(routed, parse(routed, request))
    except Fault as fault:
        response = fault_response(fault, service=service, protocol=protocol, request_id="i", query_mode=True)
        assert 400 <= response.status < 600
        if protocol == "query":
            ElementTree.fromstring(response.body)
        else:
            json.loads(response.body)


@few
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "X"]), LATIN, st.binary(max_size=200))
def test_random_requests(method, target, body):
    attempt(Request(method, target, {"host": "h"}, body))
    attempt(Request(method, "/v2/email/" + target, {"host": "h"}, body))
    attempt(Request(method, "/", {"host": "h", "x-amz-target": target}, body), "sqs")


@few
@given(st.sampled_from(QUERY_ACTIONS), st.dictionaries(DOTTED, FORM_VALUES, max_size=10))
def test_random_parameters_for_every_action(action, params):
    service, name = action
    form = {"Action": name, "Version": service.api_version} | params
    body = "&".join(f"{key}={value}" for key, value in form.items()).encode("utf-8", "replace")
    attempt(Request("POST", "/", {"host": "h"}, body), service.signing_name)


@few
@given(st.sampled_from(REST), st.sampled_from(["x", "a%40b", "%zz", "%ff", "%2F", "a+b"]), JSON, LATIN)
def test_random_json_for_every_rest_operation(operation, label, value, query):
    path = "/".join(label if part.startswith("{") else part for part in operation.uri.split("/"))
    body = json.dumps(value).encode("utf-8", "replace")
    attempt(Request(operation.method, f"{path}?{query}", {"host": "h"}, body))


@few
@given(st.sampled_from(SQS), JSON | st.dictionaries(st.sampled_from(["QueueUrl", "Entries", "Attributes"]), JSON))
def test_random_json_for_every_queue_operation(name, value):
    body = json.dumps(value).encode("utf-8", "replace")
    attempt(Request("POST", "/", {"host": "h", "x-amz-target": f"AmazonSQS.{name}"}, body), "sqs")


CREDENTIAL = "Credential=k/20150830/us-east-1/ses/aws4_request"
PIECES = st.sampled_from(
    ["AWS4-HMAC-SHA256 ", CREDENTIAL, ", ", ",", "SignedHeaders=host;x-amz-date", "Signature=", "0" * 64, "=", "é", "/"]
)
PRESIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256 X-Amz-Credential=k%2F20150830%2Fr%2Fses%2Faws4_request X-Amz-Signature=0"
PRESIGNED += " X-Amz-Date=20150830T123600Z X-Amz-Expires=60 X-Amz-SignedHeaders=host & & & = % é %zz +"
QUERY_PIECES = st.sampled_from(PRESIGNED.split())


@few
@given(
    st.lists(PIECES, max_size=12).map("".join) | LATIN,
    st.sampled_from(["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", "Sun, 30 Aug 0000 12:36:00 -9999"]) | LATIN,
    st.lists(QUERY_PIECES, max_size=14).map("".join),
)
def test_random_credentials(authorization, date, query):
    for headers in (
        {"host": "h", "x-amz-date": date, "authorization": authorization},
        {"host": "h", "date": date, "authorization": authorization, "x-amz-security-token": query},
        {"host": "h"},
    ):
        request = Request("GET", f"/a?{query}", headers, b"")
        try:
            claim = read_claim(request.target, headers)
            if claim is not None:
                check_time(claim, 1_440_938_160_000)
                check_signature(claim, request, "secret", "0" * 64)
                pytest.fail("nobody signed this")
        except Fault as fault:
            assert fault.status in (400, 403)


@few
@given(LATIN, LATIN)
def test_random_legacy_credentials(value, date):
    for given_value in (value, f"AWS3-HTTPS AWSAccessKeyId=k,Algorithm=HmacSHA256,Signature={value}"):
        try:
            claim = sigv3.read_claim({"x-amzn-authorization": given_value, "date": date})
            if claim is not None:
                sigv3.check_time(claim, 0)
                sigv3.check_signature(claim, "secret")
                pytest.fail("nobody signed this")
        except Fault as fault:
            assert fault.status in (400, 403)
