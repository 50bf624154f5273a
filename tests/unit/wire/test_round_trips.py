"""Every operation of the five models, both ways, against botocore's own client code."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from pillarbox.wire import sqs_query
from pillarbox.wire.faults import Fault, modelled
from pillarbox.wire.models import load
from pillarbox.wire.parse import parse
from pillarbox.wire.route import Routed, route
from pillarbox.wire.serialize import fault_response, serialize

SERVICES = load().services
OPERATIONS = [
    (service.name, protocol, name)
    for service in SERVICES.values()
    for protocol in service.protocols
    for name in service.operations
]
ERRORS = [
    (service.name, protocol, name)
    for service in SERVICES.values()
    for protocol in service.protocols
    for name in service.errors
]
SIGNING_NAMES = {"ses": "ses", "sesv2": "ses", "sns": "sns", "sqs": "sqs", "sts": "sts"}


@cache
def model_of(service: str, protocol: str) -> Any:
    loader = Loader(extra_search_paths=[str(Path(botocore.__file__).parent / "data")])
    description = loader.load_service_model(service, "service-2")
    if service == "sqs" and protocol == "query":
        description = sqs_query.with_query_names(description)
    return ServiceModel(description, service)


@pytest.mark.parametrize("service, protocol, name", OPERATIONS)
def test_what_botocore_writes_is_read_back_equal(service, protocol, name, samples, client):
    shape = model_of(service, protocol).operation_model(name).input_shape
    given, expected = samples.pair(shape) if shape else ({}, {})
    request = client.request(protocol, model_of(service, protocol), name, given)

    routed = route(request, SIGNING_NAMES[service])

    assert (routed.service.name, routed.operation.name, routed.protocol) == (service, name, protocol)
    assert parse(routed, request) == expected


@pytest.mark.parametrize("service, protocol, name", OPERATIONS)
def test_what_we_write_botocore_reads_back_equal(service, protocol, name, samples, client):
    operation = SERVICES[service].operations[name]
    shape = model_of(service, protocol).operation_model(name).output_shape
    expected, result = samples.pair(shape) if shape else ({}, {})

    response = serialize(Routed(SERVICES[service], operation, protocol), result, "an-id")
    parsed = client.parse(protocol, response, shape)

    assert parsed.pop("ResponseMetadata")["RequestId"] == "an-id"
    assert parsed == expected


@pytest.mark.parametrize("service, protocol, name", ERRORS)
def test_modelled_errors_reach_the_client_whole(service, protocol, name, samples, client):
    model = model_of(service, protocol)
    shape = model.shape_for(name)
    expected, members = samples.pair(shape)
    for key in ("message", "Message"):
        expected.pop(key, None)
        members.pop(key, None)
    fault = modelled(SERVICES[service], name, "What <is> wrong", **members)

    response = fault_response(fault, service=SERVICES[service], protocol=protocol, request_id="an-id")
    error = client.parse(protocol, response, None)

    assert error["ResponseMetadata"]["HTTPStatusCode"] == response.status == fault.status_in(protocol)
    assert error["Error"]["Code"] == fault.code_in(protocol)
    assert error["Error"]["Message"] == "What <is> wrong"
    found = client.parse(protocol, response, shape)
    assert {key: found.get(key) for key in expected} == expected


def test_unmodelled_faults_are_read_in_every_protocol(client):
    fault = Fault("Throttling", "Maximum sending rate exceeded.", 503, sender=False)
    for service, protocol in (("ses", "query"), ("sesv2", "rest-json"), ("sqs", "json"), ("sqs", "query")):
        response = fault_response(fault, service=SERVICES[service], protocol=protocol, request_id="an-id")
        error = client.parse(protocol, response, None)
        assert (response.status, error["Error"]["Code"]) == (503, "Throttling")
        assert error["Error"]["Message"] == "Maximum sending rate exceeded."
        if protocol == "query":
            assert error["Error"]["Type"] == "Receiver"


def test_an_sqs_error_names_its_query_code_to_clients_that_ask(client):
    fault = modelled(SERVICES["sqs"], "QueueDoesNotExist", "The specified queue does not exist.")

    plain = fault_response(fault, service=SERVICES["sqs"], protocol="json", request_id="an-id")
    asked = fault_response(fault, service=SERVICES["sqs"], protocol="json", request_id="an-id", query_mode=True)

    assert json.loads(plain.body)["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert "x-amzn-query-error" not in dict(plain.headers)
    assert dict(asked.headers)["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert client.parse("json", asked, None)["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
