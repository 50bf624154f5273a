"""What the model demands, in the words of each service."""

import re
import time
import unicodedata

import pytest

from pillarbox.wire import patterns, rules
from pillarbox.wire.check import LONGEST_VALUE, MOST_REPORTED, check
from pillarbox.wire.faults import Fault
from pillarbox.wire.models import load
from pillarbox.wire.route import Routed

SERVICES = load().services


def refusal(service, name, params):
    operation = SERVICES[service].operations[name]
    with pytest.raises(Fault) as found:
        check(Routed(operation.service, operation, operation.service.protocols[0]), params)
    assert found.value.status == 400
    return found.value


def accepted(service, name, params):
    operation = SERVICES[service].operations[name]
    check(Routed(operation.service, operation, operation.service.protocols[0]), params)


SIMPLE = {"Source": "a@b", "Destination": {}, "Message": {"Subject": {"Data": ""}, "Body": {}}}


def test_what_the_model_allows_passes():
    accepted("ses", "SendEmail", SIMPLE)
    accepted("ses", "GetSendQuota", {})
    accepted("sesv2", "GetAccount", {})


def test_a_missing_member_is_null_at_its_place():
    fault = refusal("ses", "SendEmail", SIMPLE | {"Message": {"Body": {}}})
    assert (fault.code, fault.message) == (
        "ValidationError",
        "1 validation error detected: Value null at 'message.subject' failed to satisfy constraint: "
        "Member must not be null",
    )


def test_several_failures_are_counted_and_listed():
    assert refusal("ses", "SendEmail", {"Destination": {}}).message == (
        "2 validation errors detected: Value null at 'source' failed to satisfy constraint: Member must not be null; "
        "Value null at 'message' failed to satisfy constraint: Member must not be null"
    )


def test_places_inside_lists_count_from_one():
    fault = refusal("ses", "SendEmail", SIMPLE | {"Tags": [{"Name": "a", "Value": "b"}, {"Name": "c"}]})
    assert "at 'tags.2.member.value' failed" in fault.message


def test_only_the_first_letter_of_a_name_is_lowered():
    event = {"Name": "n", "MatchingEventTypes": ["send"], "SNSDestination": {}}
    params = {"ConfigurationSetName": "c", "EventDestination": event}
    fault = refusal("ses", "CreateConfigurationSetEventDestination", params)
    assert "at 'eventDestination.sNSDestination.topicARN' failed" in fault.message


@pytest.mark.parametrize(
    "service, name, params, expected",
    [
        (
            "ses",
            "ListIdentities",
            {"IdentityType": "Phone"},
            "Value 'Phone' at 'identityType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [EmailAddress, Domain]",
        ),
        (
            "ses",
            "ListCustomVerificationEmailTemplates",
            {"MaxResults": 51},
            "Value '51' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50",
        ),
        (
            "ses",
            "ListCustomVerificationEmailTemplates",
            {"MaxResults": 0},
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "ses",
            "DeleteIdentityPolicy",
            {"Identity": "i", "PolicyName": ""},
            "Value '' at 'policyName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "ses",
            "DeleteIdentityPolicy",
            {"Identity": "i", "PolicyName": "p" * 65},
            f"Value '{'p' * 65}' at 'policyName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64",
        ),
        (
            "ses",
            "DescribeConfigurationSet",
            {"ConfigurationSetName": "c", "ConfigurationSetAttributeNames": ["eventDestinations", "colour"]},
            "Value '[eventDestinations, colour]' at 'configurationSetAttributeNames' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must satisfy enum value set: "
            "[eventDestinations, trackingOptions, deliveryOptions, reputationOptions]]",
        ),
        (
            "sts",
            "GetAccessKeyInfo",
            {"AccessKeyId": "AKIA-EXAMPLE-KEY"},
            "Value 'AKIA-EXAMPLE-KEY' at 'accessKeyId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w]*",
        ),
    ],
)
def test_each_constraint_is_told_as_aws_tells_it(service, name, params, expected):
    fault = refusal(service, name, params)
    assert fault.code == "ValidationError"
    assert fault.message == f"1 validation error detected: {expected}"


def test_sesv2_calls_it_a_bad_request():
    fault = refusal("sesv2", "SendEmail", {})
    assert fault.code == "BadRequestException"
    assert fault.message.startswith("1 validation error detected: Value null at 'content' failed")


def test_sqs_names_the_missing_parameter():
    fault = refusal("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": ""})
    assert fault.message == "The request must contain the parameter MessageBody."
    assert (fault.code, fault.query_code) == ("MissingRequiredParameterException", "MissingParameter")
    fault = refusal("sqs", "SendMessageBatch", {"QueueUrl": "q", "Entries": [{"MessageBody": "b"}]})
    assert fault.message == "The request must contain the parameter SendMessageBatchRequestEntry.1.Id."


def test_map_entries_are_checked_at_their_key():
    attributes = {"a.b": {"StringValue": "v"}}
    fault = refusal("sns", "Publish", {"Message": "m", "MessageAttributes": attributes})
    assert "Value null at 'messageAttributes.a.b.member.dataType' failed" in fault.message
    query = {
        "Id": "q",
        "Namespace": "VDM",
        "Metric": "SEND",
        "StartDate": 1,
        "EndDate": 2,
        "Dimensions": {"PLANET": "x"},
    }
    fault = refusal("sesv2", "BatchGetMetricData", {"Queries": [query]})
    assert "Value '{PLANET=x}' at 'queries.1.member.dimensions' failed to satisfy constraint: " in fault.message
    assert "Map keys must satisfy constraint: [Member must satisfy enum value set: [" in fault.message


def test_a_sensitive_value_is_not_repeated():
    params = {"MailType": "MARKETING", "WebsiteURL": "w" * 1001}
    fault = refusal("sesv2", "PutAccountDetails", params)
    assert "Value at 'websiteURL' failed to satisfy constraint" in fault.message
    assert "www" not in fault.message


def test_a_refusal_stays_short_whatever_was_sent():
    tags = [{"Name": "n"}] * 5_000
    fault = refusal("ses", "SendEmail", SIMPLE | {"Tags": tags})
    assert fault.message.startswith("5000 validation errors detected")
    assert fault.message.count(";") == MOST_REPORTED - 1
    fault = refusal("ses", "DeleteIdentityPolicy", {"Identity": "i", "PolicyName": "p" * 1_000_000})
    assert len(fault.message) < LONGEST_VALUE + 300


def test_every_pattern_of_every_model_has_a_translation():
    found = [shape for _, shape in _shapes() if "pattern" in shape.metadata]
    assert len(found) >= 20
    for shape in found:
        assert callable(patterns.matcher(shape.metadata["pattern"]))


def test_a_pattern_without_a_translation_is_an_error():
    for pattern in (r"[\p{Lu}]", r"[\p{L}]", r"[\p{L}\p{N}\p{Z}]", r"[\p{L}\p{N}\p{Z}_]\d", "("):
        with pytest.raises(re.error):
            patterns.matcher(pattern)


def test_letters_numbers_and_separators_are_those_of_unicode():
    matches = patterns.matcher(r"[\p{L}\p{Z}\p{N}_]")
    for point in range(0x20000):
        expected = unicodedata.category(chr(point))[0] in "LZN" or chr(point) == "_"
        assert bool(matches(chr(point))) == expected, hex(point)


def _shapes():
    for service in SERVICES.values():
        model = next(iter(service.operations.values()))._model.service_model
        for name in model.shape_names:
            yield service.name, model.shape_for(name)


def test_what_is_relaxed_exists():
    assert set(rules.RELAXED) <= {(service, shape.name) for service, shape in _shapes()}


@pytest.mark.parametrize(
    "pattern, good, bad",
    [
        (r"[\w]*", "aZ0_", "é"),
        (r"^[0-9]+$", "12", "12\n"),
        (r"[\d]*", "12", "\u0661"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "é ½\u0661\u00a0_@", "a!"),
        (r"[ -~]*", "a~ ", "é"),
        (r"ab", "ab", "xab"),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern, good, bad):
    matches = patterns.matcher(pattern)
    assert matches(good)
    assert not matches(bad)


def test_no_pattern_of_an_input_takes_long_on_a_hostile_value():
    hostile = ["s3://a/" + "b" * 100_000 + "//", "@" * 100_000 + "\n", "a" * 100_000 + "!", "A" * 100_000]
    for service, shape in _shapes():
        if "pattern" not in shape.metadata or shape.type_name != "string":
            continue
        for holds, _ in rules.constraints_of(service, shape):
            for value in hostile:
                for cut in (value, value[: shape.metadata.get("max", 2_048)]):
                    started = time.process_time()
                    holds(cut)
                    assert time.process_time() - started < 0.5, (service, shape.name)
