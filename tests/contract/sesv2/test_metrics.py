"""Sums by day, as the SDK asks for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SPAN = {"Namespace": "VDM", "StartDate": TODAY - timedelta(days=1), "EndDate": TODAY + timedelta(days=1)}


def _send(server: Server, *to: str, configuration_set: str = "", html: str = "") -> str:
    ses = server.client("sesv2")
    body = {"Text": {"Data": "Hello."}} | ({"Html": {"Data": html}} if html else {})
    content = {"Simple": {"Subject": {"Data": "Hello"}, "Body": body}}
    more = {"ConfigurationSetName": configuration_set} if configuration_set else {}
    destination = {"ToAddresses": list(to)}
    sent = ses.send_email(FromEmailAddress="jo@example.com", Destination=destination, Content=content, **more)
    server.settle()
    return str(sent["MessageId"])


@pytest.fixture
def shop(server: Server) -> Server:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_configuration_set(ConfigurationSetName="orders")
    return server


def _query(metric: str, query_id: str = "q", **dimensions: str) -> dict[str, Any]:
    return {"Id": query_id, "Metric": metric, **SPAN, **({"Dimensions": dimensions} if dimensions else {})}


def _values(server: Server, *queries: dict[str, Any]) -> dict[str, list[int]]:
    answer = server.client("sesv2").batch_get_metric_data(Queries=list(queries))
    assert answer["Errors"] == []
    return {one["Id"]: one["Values"] for one in answer["Results"]}


def test_batch_get_metric_data_counts_by_day_and_dimension(shop: Server) -> None:
    _send(shop, "a@gmail.com", configuration_set="orders")
    _send(shop, "b@yahoo.com")

    found = _values(
        shop,
        _query("SEND", "all"),
        _query("SEND", "orders", CONFIGURATION_SET="orders"),
        _query("DELIVERY", "gmail", ISP="Gmail", EMAIL_IDENTITY="example.com", CONFIGURATION_SET="*"),
        _query("DELIVERY", "nobody", ISP="Yahoo", CONFIGURATION_SET="orders"),
        _query("SEND", "tenant", TENANT_NAME="acme"),
        _query("PERMANENT_BOUNCE", "bounces"),
    )

    assert found == {"all": [2], "orders": [1], "gmail": [1], "nobody": [], "tenant": [], "bounces": []}
    (result,) = shop.client("sesv2").batch_get_metric_data(Queries=[_query("SEND")])["Results"]
    assert result["Timestamps"] == [TODAY]


def test_batch_get_metric_data_leaves_out_the_simulator_and_mail_to_several(shop: Server) -> None:
    _send(shop, "bounce@simulator.amazonses.com")
    _send(shop, "a@gmail.com", "b@gmail.com")

    assert _values(shop, _query("SEND", "s"), _query("PERMANENT_BOUNCE", "b")) == {"s": [], "b": []}


def test_batch_get_metric_data_of_another_region_is_empty(shop: Server) -> None:
    _send(shop, "a@gmail.com")

    answer = shop.client("sesv2", region="eu-west-1").batch_get_metric_data(Queries=[_query("SEND")])

    assert answer["Results"] == [{"Id": "q", "Timestamps": [], "Values": []}]


def test_batch_get_metric_data_refuses_what_cannot_be_answered(server: Server) -> None:
    with refused("BadRequestException"):
        _values(server, _query("SEND", "same"), _query("SEND", "same"))
    with refused("BadRequestException"):
        _values(server, _query("SEND") | {"EndDate": SPAN["StartDate"]})


def test_batch_get_metric_data_counts_deliveries_that_can_tell_of_opens_and_clicks(shop: Server) -> None:
    topic = shop.client("sns").create_topic(Name="read")["TopicArn"]
    shop.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName="orders",
        EventDestinationName="read",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["OPEN", "CLICK"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    _send(shop, "a@gmail.com", configuration_set="orders", html='<a href="https://shop.example/">Look</a>')
    _send(shop, "b@gmail.com", configuration_set="orders", html="<p>Nothing to follow.</p>")
    _send(shop, "c@gmail.com", configuration_set="orders")
    _send(shop, "d@gmail.com", html="<p>Of no set.</p>")

    found = _values(
        shop, _query("DELIVERY", "all"), _query("DELIVERY_OPEN", "pixel"), _query("DELIVERY_CLICK", "links")
    )

    assert found == {"all": [4], "pixel": [2], "links": [1]}
