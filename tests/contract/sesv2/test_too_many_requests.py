"""Every operation of v2 that sends nothing is told when it is called too fast; so do those that send."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import get_session

from pillarbox.api import registry
from tests.support.least_params import least_params
from tests.support.refused import refused
from tests.support.server import RunningServer, Server

MODEL = get_session().get_service_model("sesv2")
SENDS = ("SendEmail", "SendBulkEmail")
OPERATIONS = sorted(name for service, name in registry.load() if service == "sesv2" and name not in SENDS)


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on which an account may call an operation, and address a recipient, once in a hundred seconds."""
    folder = tmp_path_factory.mktemp("slow")
    with RunningServer.started(folder, max_send_rate=0.01, control_rate=0.01) as running:
        yield running


@pytest.fixture
def slow(slow_server: RunningServer) -> Server:
    return slow_server.for_new_key()


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_second_call_of_an_operation_comes_too_soon(slow: Server, name: str) -> None:
    call = getattr(slow.client("sesv2"), xform_name(name))
    params = least_params(MODEL.operation_model(name).input_shape)
    try:
        call(**params)
    except ClientError as first:  # whatever is wrong with it, it was looked at
        assert first.response["Error"]["Code"] != "TooManyRequestsException"

    with refused("TooManyRequestsException", "Rate exceeded", status=429):
        call(**params)


def test_mail_that_is_sent_too_soon_is_refused_and_told_in_bulk(slow: Server) -> None:
    ses, body = slow.client("sesv2"), {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    slow.vouch("example.com")
    to: dict[str, Any] = {"Destination": {"ToAddresses": ["a@example.net"]}}
    sender = {"FromEmailAddress": "jo@example.com"}
    ses.send_email(**sender, **to, Content={"Simple": body})

    with refused("TooManyRequestsException", "Maximum sending rate exceeded.", status=429):
        ses.send_email(**sender, **to, Content={"Simple": body})
    template = {"Template": {"TemplateContent": {"Subject": "x", "Text": "y"}, "TemplateData": "{}"}}
    (result,) = ses.send_bulk_email(**sender, DefaultContent=template, BulkEmailEntries=[to])["BulkEmailEntryResults"]
    assert result == {"Status": "ACCOUNT_THROTTLED", "Error": "Maximum sending rate exceeded."}
