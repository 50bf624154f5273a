"""The bytes of answers where the exact spelling matters."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.wire.faults import Fault, auth_fault, modelled
from pillarbox.wire.models import load
from pillarbox.wire.route import Routed
from pillarbox.wire.serialize import fault_response, serialize
from pillarbox.wire.write_xml import escape

SERVICES = load().services

NO_RESULT = {
    "CreateCustomVerificationEmailTemplate",
    "UpdateCustomVerificationEmailTemplate",
    "DeleteCustomVerificationEmailTemplate",
    "DeleteVerifiedEmailAddress",
    "VerifyEmailAddress",
    "UpdateAccountSendingEnabled",
    "UpdateConfigurationSetReputationMetricsEnabled",
    "UpdateConfigurationSetSendingEnabled",
}


def answer(service, name, result, protocol=None):
    operation = SERVICES[service].operations[name]
    return serialize(Routed(operation.service, operation, protocol or operation.service.protocols[0]), result, "an-id")


def test_a_query_answer_is_wrapped_twice_and_named():
    response = answer("ses", "SendEmail", {"MessageId": "m-1"})
    assert response.status == 200
    assert response.headers == [("Content-Type", "text/xml"), ("x-amzn-RequestId", "an-id")]
    assert response.body == (
        b'<SendEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">'
        b"<SendEmailResult><MessageId>m-1</MessageId></SendEmailResult>"
        b"<ResponseMetadata><RequestId>an-id</RequestId></ResponseMetadata></SendEmailResponse>"
    )


def test_exactly_eight_ses_operations_have_no_result_element():
    names = {name for name in SERVICES["ses"].operations if b"Result>" not in answer("ses", name, {}).body}
    assert names == NO_RESULT


def test_doubles_keep_their_decimal():
    body = answer("ses", "GetSendQuota", {"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 0.5}).body
    assert b"<Max24HourSend>200.0</Max24HourSend><MaxSendRate>1.0</MaxSendRate>" in body


def test_query_times_have_milliseconds_when_there_are_any():
    points = [{"Timestamp": 1_700_000_000_000}, {"Timestamp": 1_700_000_000_120}]
    body = answer("ses", "GetSendStatistics", {"SendDataPoints": points}).body
    assert b"<Timestamp>2023-11-14T22:13:20Z</Timestamp>" in body
    assert b"<Timestamp>2023-11-14T22:13:20.120Z</Timestamp>" in body


def test_an_empty_list_is_an_empty_element_and_a_none_is_nothing():
    body = answer("ses", "ListIdentities", {"Identities": [], "NextToken": None}).body
    assert b"<ListIdentitiesResult><Identities></Identities></ListIdentitiesResult>" in body
    assert b"QueueUrl" not in answer("sqs", "ListQueues", {"QueueUrls": []}, "query").body


def test_sqs_maps_and_lists_are_flat_in_xml():
    message = {"MessageId": "m", "Body": 'say "hi"\r\n', "Attributes": {"SenderId": "s"}}
    body = answer("sqs", "ReceiveMessage", {"Messages": [message]}, "query").body
    assert body.startswith(b'<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">')
    assert (
        b"<ReceiveMessageResult><Message><MessageId>m</MessageId><Body>say &quot;hi&quot;&#xD;\n</Body>"
        b"<Attribute><Name>SenderId</Name><Value>s</Value></Attribute></Message></ReceiveMessageResult>"
    ) in body


def test_void_json_answers_are_an_empty_object():
    response = answer("sesv2", "DeleteEmailIdentity", {})
    assert (response.body, response.headers[0]) == (b"{}", ("Content-Type", "application/json"))
    response = answer("sqs", "DeleteMessage", {})
    assert (response.body, response.headers[0]) == (b"{}", ("Content-Type", "application/x-amz-json-1.0"))


def test_json_times_are_epoch_seconds():
    whole = answer("sesv2", "GetEmailTemplate", {"TemplateName": "t"}).body
    assert whole == b'{"TemplateName":"t"}'
    body = answer("sesv2", "GetContact", {"CreatedTimestamp": 1_700_000_000_000, "LastUpdatedTimestamp": 1_500}).body
    assert body == b'{"CreatedTimestamp":1700000000,"LastUpdatedTimestamp":1.5}'


def test_a_member_that_the_model_does_not_know_is_our_mistake():
    with pytest.raises(KeyError):
        answer("ses", "SendEmail", {"MessageID": "m"})
    with pytest.raises(KeyError):
        answer("sesv2", "SendEmail", {"MessageID": "m"})


@given(st.text(alphabet=st.characters(), max_size=40))
def test_any_text_gives_readable_xml(text):
    read = ElementTree.fromstring(f"<a>{escape(text)}</a>".encode()).text or ""
    assert all(mine in (theirs, "\ufffd") for mine, theirs in zip(read, text, strict=True))


@given(st.text(alphabet=st.characters(categories=["Cs", "Cc", "L"]), max_size=10))
def test_any_text_gives_readable_answers_in_json(text):
    fault = Fault("NotFoundException", text)
    body = fault_response(fault, service=SERVICES["sesv2"], protocol="rest-json", request_id="i").body
    assert b'"message"' in body
    assert answer("sesv2", "SendEmail", {"MessageId": text}).status == 200


def test_ses_codes_are_those_of_the_model():
    keep_suffix = {shape.code for shape in SERVICES["ses"].errors.values() if shape.code.endswith("Exception")}
    assert keep_suffix == {
        "AccountSendingPausedException",
        "ConfigurationSetSendingPausedException",
        "MailFromDomainNotVerifiedException",
        "TrackingOptionsAlreadyExistsException",
        "TrackingOptionsDoesNotExistException",
    }
    assert {shape.status for shape in SERVICES["ses"].errors.values()} == {400}


def test_a_query_error_carries_its_members_inside_the_error():
    fault = modelled(SERVICES["ses"], "TemplateDoesNotExistException", "no <t>", TemplateName="t")
    response = fault_response(fault, service=SERVICES["ses"], protocol="query", request_id="an-id")
    assert response.status == 400
    assert response.body == (
        b'<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error><Type>Sender</Type>'
        b"<Code>TemplateDoesNotExist</Code><Message>no &lt;t&gt;</Message><TemplateName>t</TemplateName></Error>"
        b"<RequestId>an-id</RequestId></ErrorResponse>"
    )


def test_an_error_member_that_the_model_does_not_know_is_our_mistake():
    with pytest.raises(KeyError):
        modelled(SERVICES["ses"], "TemplateDoesNotExistException", "no", Template="t")
    with pytest.raises(KeyError):
        modelled(SERVICES["ses"], "NotFoundException", "no")


def test_a_rest_error_is_a_message_and_a_type():
    fault = modelled(SERVICES["sesv2"], "NotFoundException", "none")
    response = fault_response(fault, service=SERVICES["sesv2"], protocol="rest-json", request_id="an-id")
    assert (response.status, response.body) == (404, b'{"message":"none"}')
    assert ("x-amzn-ErrorType", "NotFoundException") in response.headers
    busy = modelled(SERVICES["sesv2"], "ConcurrentModificationException", "busy")
    assert (busy.status, busy.sender) == (500, False)


def test_framework_errors_of_sqs_are_named_so():
    fault = Fault("InvalidParameterValueException", "no", query_code="InvalidParameterValue")
    body = fault_response(fault, service=SERVICES["sqs"], protocol="json", request_id="i").body
    assert b'"com.amazon.coral.service#InvalidParameterValueException"' in body


def test_statuses_of_sqs_differ_between_its_protocols():
    fault = modelled(SERVICES["sqs"], "PurgeQueueInProgress", "wait")
    statuses = [
        fault_response(fault, service=SERVICES["sqs"], protocol=protocol, request_id="i").status
        for protocol in ("json", "query")
    ]
    assert statuses == [400, 403]


@pytest.mark.parametrize(
    "kind, query_code, json_code, status",
    [
        ("missing_credentials", "MissingAuthenticationToken", "MissingAuthenticationTokenException", 403),
        ("incomplete", "IncompleteSignature", "IncompleteSignatureException", 400),
        ("unknown_key", "InvalidClientTokenId", "UnrecognizedClientException", 403),
        ("mismatch", "SignatureDoesNotMatch", "InvalidSignatureException", 403),
        ("expired_token", "ExpiredToken", "ExpiredTokenException", 403),
        ("denied", "AccessDenied", "AccessDeniedException", 403),
    ],
)
def test_failures_of_authentication_have_a_name_in_each_protocol(kind, query_code, json_code, status):
    fault = auth_fault(kind, "query")
    response = fault_response(fault, service=None, protocol="query", request_id="i")
    assert (response.status, f"<Code>{query_code}</Code>".encode() in response.body) == (status, True)
    response = fault_response(fault, service=SERVICES["sesv2"], protocol="rest-json", request_id="i")
    assert (response.status, dict(response.headers)["x-amzn-ErrorType"]) == (status, json_code)


def test_the_text_for_missing_credentials_differs():
    assert auth_fault("missing_credentials", "query").message == "Request is missing Authentication Token"
    assert auth_fault("missing_credentials", "rest-json").message == "Missing Authentication Token"
