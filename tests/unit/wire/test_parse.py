"""How parameters are read, and what becomes of those that cannot be."""

import pytest

from pillarbox.wire.faults import Fault
from pillarbox.wire.parse import parse
from pillarbox.wire.read_query import MAX_DEPTH, tree
from pillarbox.wire.request import Request
from pillarbox.wire.route import route

RAW = b"Action=SendRawEmail&Version=2010-12-01&"
SEND = b"Action=SendEmail&Version=2010-12-01&"


def read(body, signing_name="ses", target="/", method="POST", **headers):
    request = Request(method, target, {"host": "h"} | headers, body)
    return parse(route(request, signing_name), request)


def read_json(body, target="AmazonSQS.SendMessage"):
    return read(body, "sqs", **{"x-amz-target": target})


def refusal(*args, **kwargs):
    with pytest.raises(Fault) as found:
        read(*args, **kwargs)
    assert found.value.status == 400
    return found.value.code


def test_lists_are_read_in_the_order_of_their_numbers():
    body = SEND + b"Destination.ToAddresses.member.10=j&Destination.ToAddresses.member.9=i"
    assert read(body)["Destination"]["ToAddresses"] == ["i", "j"]


def test_a_huge_index_costs_nothing():
    assert read(SEND + b"ReplyToAddresses.member.999999999=a")["ReplyToAddresses"] == ["a"]
    assert refusal(SEND + b"ReplyToAddresses.member.9999999999=a") == "MalformedInput"


def test_a_bare_prefix_is_an_empty_list():
    assert read(SEND + b"ReplyToAddresses=&Destination.CcAddresses=") == {
        "ReplyToAddresses": [],
        "Destination": {"CcAddresses": []},
    }


@pytest.mark.parametrize(
    "parameters",
    [
        b"ReplyToAddresses=a",
        b"ReplyToAddresses.member=a",
        b"ReplyToAddresses.member.x=a",
        b"ReplyToAddresses.member.%D9%A1=a",
        b"ReplyToAddresses.member.1.Data=a",
        b"Source.Data=a",
        b"Message=a",
    ],
)
def test_a_parameter_of_the_wrong_kind_is_malformed(parameters):
    assert refusal(SEND + parameters) == "MalformedInput"


def test_unknown_parameters_are_ignored_however_deep():
    assert read(SEND + b"Source=a&X.Y.Z=1&Message.X=1&" + b"." * 5000 + b"=1") == {"Source": "a", "Message": {}}


def test_a_name_too_deep_for_any_shape_builds_nothing():
    assert tree({"a." * 100_000: "1", "b.c": "2"}) == {"b": {"c": "2"}}
    node = tree({".".join("a" * (MAX_DEPTH + 1)): "1"})
    for _ in range(MAX_DEPTH):
        node = node["a"]
    assert node == {"a": "1"}


def test_a_structure_wins_over_a_plain_value_of_the_same_name():
    assert tree({"A": "1", "A.B": "2"}) == tree({"A.B": "2", "A": "1"}) == {"A": {"B": "2"}}


def test_base64_may_come_in_lines_but_not_with_a_lost_plus():
    assert read(RAW + b"RawMessage.Data=aGVs%0D%0AbG8%3D")["RawMessage"]["Data"] == b"hello"
    assert read(RAW + b"RawMessage.Data=")["RawMessage"]["Data"] == b""
    assert refusal(RAW + b"RawMessage.Data=a+b%3D") == "MalformedInput"
    assert refusal(RAW + b"RawMessage.Data=aGVsbG8") == "MalformedInput"
    assert refusal(RAW + b"RawMessage.Data=%C3%A9") == "MalformedInput"


@pytest.mark.parametrize("text, value", [("true", True), ("false", False), ("True", True)])
def test_booleans_are_words(text, value):
    body = f"Action=SetIdentityDkimEnabled&Version=2010-12-01&DkimEnabled={text}".encode()
    assert read(body) == {"DkimEnabled": value}


@pytest.mark.parametrize("text", ["yes", "1", ""])
def test_other_words_are_not_booleans(text):
    body = f"Action=SetIdentityDkimEnabled&Version=2010-12-01&DkimEnabled={text}".encode()
    assert refusal(body) == "MalformedInput"


@pytest.mark.parametrize("text", ["x", "1.5", "", "%D9%A1", "1_0", "2147483648", "9" * 5000, "%201"])
def test_what_is_not_a_whole_number_is_malformed(text):
    assert refusal(f"Action=ListIdentities&Version=2010-12-01&MaxItems={text}".encode()) == "MalformedInput"


def test_query_timestamps_are_iso_8601_in_milliseconds():
    bounce = b"Action=SendBounce&Version=2010-12-01&MessageDsn.ArrivalDate="
    assert read(bounce + b"2023-11-14T22%3A13%3A20.123Z")["MessageDsn"]["ArrivalDate"] == 1_700_000_000_123
    assert refusal(bounce + b"yesterday") == "MalformedInput"
    assert refusal(bounce + b"2023-99-14T22%3A13%3A20Z") == "MalformedInput"


def test_sns_maps_are_read_by_entry():
    body = (
        b"Action=Publish&Version=2010-03-31&MessageAttributes.entry.1.Name=n"
        b"&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v"
    )
    assert read(body, "sns") == {"MessageAttributes": {"n": {"DataType": "String", "StringValue": "v"}}}
    body = b"Action=Subscribe&Version=2010-03-31&Attributes.entry.1.key=k&Attributes.entry.1.value=v"
    assert read(body, "sns") == {"Attributes": {"k": "v"}}
    assert refusal(b"Action=Subscribe&Version=2010-03-31&Attributes.entry.1.value=v", "sns") == "MalformedInput"
    assert refusal(b"Action=Subscribe&Version=2010-03-31&Attributes.entry=v", "sns") == "MalformedInput"
    assert refusal(b"Action=Subscribe&Version=2010-03-31&Attributes=v", "sns") == "MalformedInput"


# The names of https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/, written out.
@pytest.mark.parametrize(
    "parameters, expected",
    [
        (b"Action=GetQueueAttributes&AttributeName.1=All", {"AttributeNames": ["All"]}),
        (b"Action=GetQueueAttributes&AttributeName=All", {"AttributeNames": ["All"]}),
        (b"Action=GetQueueAttributes&AttributeNames=", {"AttributeNames": []}),
        (
            b"Action=CreateQueue&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40&Tag.1.Key=k&Tag.1.Value=v",
            {"Attributes": {"VisibilityTimeout": "40"}, "tags": {"k": "v"}},
        ),
        (
            b"Action=SetQueueAttributes&Attribute.Name=VisibilityTimeout&Attribute.Value=35",
            {"Attributes": {"VisibilityTimeout": "35"}},
        ),
        (b"Action=ReceiveMessage&MessageAttributeName.1=a.*", {"MessageAttributeNames": ["a.*"]}),
        (
            b"Action=ReceiveMessage&MessageSystemAttributeName.1=SenderId",
            {"MessageSystemAttributeNames": ["SenderId"]},
        ),
        (
            b"Action=SendMessage&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=Binary"
            b"&MessageAttribute.1.Value.BinaryValue=aGk%3D",
            {"MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"hi"}}},
        ),
        (
            b"Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b",
            {"Entries": [{"Id": "a", "MessageBody": "b"}]},
        ),
        (
            b"Action=DeleteMessageBatch&DeleteMessageBatchRequestEntry.1.Id=a"
            b"&DeleteMessageBatchRequestEntry.1.ReceiptHandle=r",
            {"Entries": [{"Id": "a", "ReceiptHandle": "r"}]},
        ),
        (
            b"Action=ChangeMessageVisibilityBatch&ChangeMessageVisibilityBatchRequestEntry.1.Id=a",
            {"Entries": [{"Id": "a"}]},
        ),
        (
            b"Action=AddPermission&AWSAccountId.1=1&ActionName.1=SendMessage",
            {"AWSAccountIds": ["1"], "Actions": ["SendMessage"]},
        ),
        (b"Action=TagQueue&Tag.1.Key=k&Tag.1.Value=v", {"Tags": {"k": "v"}}),
        (b"Action=UntagQueue&TagKey.1=k", {"TagKeys": ["k"]}),
    ],
)
def test_the_query_names_of_sqs(parameters, expected):
    assert read(parameters + b"&Version=2012-11-05", "sqs") == expected


def test_json_members_are_taken_by_name_and_nulls_are_absent():
    body = b'{"QueueUrl":"q","MessageBody":null,"DelaySeconds":3.0,"Unknown":{"a":[1]}}'
    assert read_json(body) == {"QueueUrl": "q", "DelaySeconds": 3}
    assert read_json(b"") == {}


@pytest.mark.parametrize(
    "body",
    [
        b'{"QueueUrl"',
        b"[]",
        b'"x"',
        b"null",
        b"\xff",
        b'{"QueueUrl":1}',
        b'{"QueueUrl":["a"]}',
        b'{"QueueUrl":{}}',
        b'{"DelaySeconds":"3"}',
        b'{"DelaySeconds":true}',
        b'{"DelaySeconds":1.5}',
        b'{"DelaySeconds":1e400}',
        b'{"DelaySeconds":4294967296}',
        b'{"MessageAttributes":[]}',
        b'{"MessageAttributes":{"a":{"BinaryValue":"%%"}}}',
        b"[" * 100_000,
    ],
)
def test_bad_json_is_a_serialization_error(body):
    with pytest.raises(Fault) as found:
        read_json(body)
    assert (found.value.code, found.value.status) == ("SerializationException", 400)


def test_a_null_in_a_list_is_refused():
    with pytest.raises(Fault):
        read_json(b'{"AttributeNames":[null]}', "AmazonSQS.GetQueueAttributes")


def test_the_text_of_a_wrong_kind_is_that_of_aws():
    with pytest.raises(Fault) as found:
        read_json(b'{"DelaySeconds":"3"}')
    assert found.value.message == "STRING_VALUE can not be converted to an Integer"


def test_body_timestamps_are_epoch_seconds_with_a_fraction():
    body = b'{"ExportDataSource":{"MessageInsightsDataSource":{"StartDate":1700000000.25,"EndDate":1700000001}}}'
    source = read(body, target="/v2/email/export-jobs")["ExportDataSource"]["MessageInsightsDataSource"]
    assert source == {"StartDate": 1_700_000_000_250, "EndDate": 1_700_000_001_000}
    bad = b'{"ExportDataSource":{"MessageInsightsDataSource":{"StartDate":1e300}}}'
    assert refusal(bad, target="/v2/email/export-jobs") == "SerializationException"


def test_query_string_lists_are_repeated_and_times_are_iso():
    target = (
        "/v2/email/suppression/addresses?Reason=BOUNCE&Reason=COMPLAINT"
        "&StartDate=2023-11-14T22%3A13%3A20Z&PageSize=5&X=1"
    )
    assert read(b"", target=target, method="GET") == {
        "Reasons": ["BOUNCE", "COMPLAINT"],
        "StartDate": 1_700_000_000_000,
        "PageSize": 5,
    }


@pytest.mark.parametrize("query", ["PageSize=x", "StartDate=x", "PageSize=%zz", "PageSize=%ff"])
def test_a_bad_query_string_is_a_serialization_error(query):
    assert refusal(b"", target=f"/v2/email/suppression/addresses?{query}", method="GET") == "SerializationException"


def test_clients_on_both_sides_of_a_moved_path_are_read():
    assert read(b"", target="/v2/email/identities?PageSize=5&NextToken=a%2Bb", method="GET") == {
        "PageSize": 5,
        "NextToken": "a+b",
    }
    assert read(b'{"PageSize":5}', target="/v2/email/list-identities") == {"PageSize": 5}


def test_a_label_cannot_be_overruled_by_the_body():
    target = "/v2/email/identities/a%40b/feedback"
    assert read(b'{"EmailIdentity":"x","EmailForwardingEnabled":true}', target=target, method="PUT") == {
        "EmailIdentity": "a@b",
        "EmailForwardingEnabled": True,
    }
