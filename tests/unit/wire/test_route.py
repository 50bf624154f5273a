"""Which operation a request asks for, and what it is told when there is none."""

import pytest

from pillarbox.wire.faults import Fault
from pillarbox.wire.request import Request
from pillarbox.wire.route import protocol_of, route, service_of


def query(body=b"", target="/", method="POST", **headers):
    return Request(method, target, {"host": "localhost:8025"} | headers, body)


def refused(request, signing_name="ses"):
    with pytest.raises(Fault) as found:
        route(request, signing_name)
    return found.value.code, found.value.status, found.value.message


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
def test_an_action_counts_whatever_the_method(method):
    routed = route(query(target="/?Action=GetSendQuota&Version=2010-12-01", method=method), "ses")
    assert (routed.service.name, routed.operation.name, routed.protocol) == ("ses", "GetSendQuota", "query")


def test_the_body_wins_over_the_query_string():
    routed = route(query(b"Action=GetSendQuota&A=body", target="/?Action=ListIdentities&A=query&B=2"), "ses")
    assert routed.operation.name == "GetSendQuota"
    assert routed.form == {"Action": "GetSendQuota", "A": "body", "B": "2"}


@pytest.mark.parametrize(
    "body, signing_name, service",
    [
        (b"Action=TagResource&Version=2010-03-31", "sns", "sns"),
        (b"Action=AddPermission", "sns", "sns"),
        (b"Action=AddPermission", "sqs", "sqs"),
        (b"Action=GetSendQuota", "email", "ses"),
        (b"Action=GetCallerIdentity&Version=2011-06-15", None, "sts"),
        (b"Action=ConfirmSubscription&Token=x", None, "sns"),
        (b"Action=ReceiveMessage&Version=2012-11-05", "sqs", "sqs"),
    ],
)
def test_the_service_is_told_by_version_then_signature_then_action(body, signing_name, service):
    assert route(query(body), signing_name).service.name == service


def test_an_action_that_two_services_share_needs_more_than_its_name():
    assert refused(query(b"Action=AddPermission"), None)[0] == "InvalidAction"


@pytest.mark.parametrize(
    "body, expected",
    [
        (b"Action=Nope&Version=2010-12-01", "Could not find operation Nope for version 2010-12-01"),
        (b"Action=GetSendQuota&Version=2009-01-01", "Could not find operation GetSendQuota for version 2009-01-01"),
        (b"Action=Nope", "Could not find operation Nope for version 2010-12-01"),
    ],
)
def test_an_unknown_action_is_refused_in_the_words_of_aws(body, expected):
    assert refused(query(body)) == ("InvalidAction", 400, expected)


@pytest.mark.parametrize("body", [b"", b"Version=2010-12-01", b"Action="])
def test_a_missing_action_is_named(body):
    assert refused(query(body))[:2] == ("MissingAction", 400)


def test_a_signature_for_another_service_is_refused():
    request = query(b"Action=GetSendQuota&Version=2010-12-01")
    with pytest.raises(Fault) as found:
        route(request, "sns")
    assert (found.value.query_code, found.value.status) == ("SignatureDoesNotMatch", 403)
    assert found.value.message == "Credential should be scoped to correct service: 'ses'."
    with pytest.raises(Fault):
        route(Request("GET", "/v2/email/account", {}, b""), "s3")


def test_a_queue_in_the_path_stands_for_its_url():
    routed = route(query(b"Action=ReceiveMessage&Version=2012-11-05", target="/123456789012/in"), "sqs")
    assert routed.form["QueueUrl"] == "http://localhost:8025/123456789012/in"
    given = route(query(b"Action=ReceiveMessage&Version=2012-11-05&QueueUrl=u", target="/123456789012/in"), "sqs")
    assert given.form["QueueUrl"] == "u"
    assert "QueueUrl" not in route(query(b"Action=ListQueues&Version=2012-11-05"), "sqs").form


def test_sqs_json_goes_by_its_target_header():
    headers = {"x-amz-target": "AmazonSQS.SendMessage"}
    routed = route(Request("POST", "/", headers, b"{}"), "sqs")
    assert (routed.service.name, routed.operation.name, routed.protocol) == ("sqs", "SendMessage", "json")


@pytest.mark.parametrize("target", ["AmazonSQS.Nope", "AmazonSSM.SendMessage", "SendMessage", ""])
def test_an_unknown_target_is_refused(target):
    code, status, _ = refused(Request("POST", "/", {"x-amz-target": target}, b"{}"), "sqs")
    assert (code, status) == ("UnknownOperationException", 400)


@pytest.mark.parametrize(
    "method, target, name, labels",
    [
        ("GET", "/v2/email/identities/a%40b.com", "GetEmailIdentity", {"EmailIdentity": "a@b.com"}),
        ("GET", "/v2/email/identities/a%2Fb/", "GetEmailIdentity", {"EmailIdentity": "a/b"}),
        ("POST", "/v2/email/tenants/get", "GetTenant", {}),
        ("PUT", "/v2/email/identities/get/dkim/signing", "PutEmailIdentityDkimSigningAttributes", None),
        ("GET", "/v2/email/insights/m-1/", "GetMessageInsights", {"MessageId": "m-1"}),
        ("GET", "/v2/email/insights/m-1", "GetMessageInsights", {"MessageId": "m-1"}),
        ("GET", "/v2/email/configuration-sets?PageSize=2", "ListConfigurationSets", {}),
        ("POST", "/v2/email/list-configuration-sets", "ListConfigurationSets", {}),
        ("GET", "/v2/email/identities", "ListEmailIdentities", {}),
        ("POST", "/v2/email/list-identities", "ListEmailIdentities", {}),
        ("POST", "/v2/email/identities", "CreateEmailIdentity", {}),
        (
            "GET",
            "/v2/email/reputation/entities/RESOURCE/arn%3Aaws%3Ases%3A%3A1%3Aidentity%2Fx",
            "GetReputationEntity",
            {"ReputationEntityType": "RESOURCE", "ReputationEntityReference": "arn:aws:ses::1:identity/x"},
        ),
    ],
)
def test_rest_goes_by_method_and_undecoded_path(method, target, name, labels):
    routed = route(Request(method, target, {}, b""), "ses")
    assert (routed.operation.name, routed.protocol) == (name, "rest-json")
    if labels is not None:
        assert routed.labels == labels


@pytest.mark.parametrize(
    "method, target",
    [
        ("GET", "/v2/email/nope"),
        ("PATCH", "/v2/email/account"),
        ("DELETE", "/v2/email/identities"),
        ("PUT", "/v2/email/identities//dkim"),
        ("GET", "/v2/email"),
        ("GET", "/v2/email/identities/a/b"),
        ("GET", "/v2/email/" + "a/" * 5000),
    ],
)
def test_an_unknown_path_is_not_found(method, target):
    assert refused(Request(method, target, {}, b""))[:2] == ("UnknownOperationException", 404)


def test_a_label_that_is_not_utf_8_is_refused():
    assert refused(Request("GET", "/v2/email/identities/%ff", {}, b""))[0] == "SerializationException"


def test_the_head_alone_tells_how_errors_are_spelled():
    assert protocol_of("/v2/email/account", {}) == "rest-json"
    assert protocol_of("/", {"x-amz-target": "AmazonSQS.ListQueues"}) == "json"
    assert protocol_of("/?Action=X", {}) == "query"
    assert service_of("rest-json", None).name == "sesv2"
    assert service_of("query", "sns").name == "sns"
    assert service_of("query", None) is None
