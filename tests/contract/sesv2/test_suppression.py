"""The suppression list in v2."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server

BOTH = ["BOUNCE", "COMPLAINT"]
VALIDATION = {
    "ConditionThreshold": {
        "ConditionThresholdEnabled": "ENABLED",
        "OverallConfidenceThreshold": {"ConfidenceVerdictThreshold": "HIGH"},
    }
}


@pytest.fixture
def ses(server: Server) -> Any:
    """A v2 client of an account with one address on its list."""
    client = server.client("sesv2")
    client.put_suppressed_destination(EmailAddress="Ada+news@Example.NET", Reason="BOUNCE")
    return client


def addresses(ses: Any, **narrowed: Any) -> list[str]:
    found = ses.list_suppressed_destinations(**narrowed)["SuppressedDestinationSummaries"]
    return [one["EmailAddress"] for one in found]


def test_put_suppressed_destination_is_found_by_get(ses: Any) -> None:
    found = ses.get_suppressed_destination(EmailAddress="Ada+news@example.net")["SuppressedDestination"]
    at = found.pop("LastUpdateTime")
    assert datetime.now(UTC) - timedelta(minutes=1) < at <= datetime.now(UTC) + timedelta(seconds=1)
    assert found == {"EmailAddress": "Ada+news@example.net", "Reason": "BOUNCE"}


def test_put_suppressed_destination_again_gives_another_reason(ses: Any) -> None:
    ses.put_suppressed_destination(EmailAddress="Ada+news@example.net", Reason="COMPLAINT")
    found = ses.get_suppressed_destination(EmailAddress="Ada+news@EXAMPLE.net")["SuppressedDestination"]
    assert found["Reason"] == "COMPLAINT"
    assert addresses(ses) == ["Ada+news@example.net"]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "Ada <ada@example.net>", "a@example.net, b@example.net", "a@b\u00fccher.example"]
)
def test_put_suppressed_destination_takes_one_bare_address(ses: Any, address: str) -> None:
    with refused("BadRequestException"):
        ses.put_suppressed_destination(EmailAddress=address, Reason="BOUNCE")
    assert addresses(ses) == ["Ada+news@example.net"]


def test_put_suppressed_destination_never_takes_the_simulator(ses: Any) -> None:
    with refused("BadRequestException"):
        ses.put_suppressed_destination(EmailAddress="bounce+x@simulator.amazonses.com", Reason="BOUNCE")


def test_put_suppressed_destination_knows_two_reasons(server: Server) -> None:
    loose = server.client("sesv2", parameter_validation=False)
    with refused("BadRequestException"):
        loose.put_suppressed_destination(EmailAddress="ada@example.net", Reason="DISLIKE")


def test_delete_suppressed_destination_once(ses: Any) -> None:
    ses.delete_suppressed_destination(EmailAddress="Ada+news@example.net")
    assert addresses(ses) == []
    with refused(
        "NotFoundException", "Email address Ada+news@example.net does not exist on your suppression list.", 404
    ):
        ses.delete_suppressed_destination(EmailAddress="Ada+news@example.net")


@pytest.mark.parametrize("operation", ["get_suppressed_destination", "delete_suppressed_destination"])
@pytest.mark.parametrize("address", ["ada@example.net", "ada+news@example.net", "nobody", "%2F/?&"])
def test_an_address_that_is_not_on_the_list_is_named(ses: Any, operation: str, address: str) -> None:
    with refused("NotFoundException", f"Email address {address} does not exist on your suppression list.", 404):
        getattr(ses, operation)(EmailAddress=address)


def test_list_suppressed_destinations_by_reason(ses: Any) -> None:
    ses.put_suppressed_destination(EmailAddress="b@example.net", Reason="COMPLAINT")
    assert addresses(ses, Reasons=["BOUNCE"]) == ["Ada+news@example.net"]
    assert addresses(ses, Reasons=["COMPLAINT"]) == ["b@example.net"]
    assert sorted(addresses(ses, Reasons=BOTH)) == sorted(addresses(ses)) == ["Ada+news@example.net", "b@example.net"]


def test_list_suppressed_destinations_by_time(ses: Any) -> None:
    (one,) = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    before, after = one["LastUpdateTime"] - timedelta(seconds=2), one["LastUpdateTime"] + timedelta(seconds=2)
    assert addresses(ses, StartDate=before, EndDate=after) == ["Ada+news@example.net"]
    assert addresses(ses, StartDate=after) == []
    assert addresses(ses, EndDate=before) == []


def test_list_suppressed_destinations_in_pages(ses: Any) -> None:
    every = {f"a{number}@example.net" for number in range(4)} | {"Ada+news@example.net"}
    for address in sorted(every - {"Ada+news@example.net"}):
        ses.put_suppressed_destination(EmailAddress=address, Reason="BOUNCE")
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = ses.list_suppressed_destinations(PageSize=2, **token)
        assert len(page["SuppressedDestinationSummaries"]) <= 2
        seen += [one["EmailAddress"] for one in page["SuppressedDestinationSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(seen) == len(every)
    assert set(seen) == every


@pytest.mark.parametrize("token", ["never given", "bm8gbnVtYmVy", "8A=="])
def test_list_suppressed_destinations_refuses_a_token_that_it_did_not_give(ses: Any, token: str) -> None:
    with refused("InvalidNextTokenException", f"The pagination token {token} is invalid."):
        ses.list_suppressed_destinations(NextToken=token)


@pytest.mark.parametrize("size", [-1, 1_001])
def test_list_suppressed_destinations_refuses_a_page_of_that_size(ses: Any, size: int) -> None:
    with refused("BadRequestException"):
        ses.list_suppressed_destinations(PageSize=size)


def test_put_account_suppression_attributes_is_seen(ses: Any) -> None:
    for reasons in (["COMPLAINT"], [], ["BOUNCE", "COMPLAINT"]):
        ses.put_account_suppression_attributes(SuppressedReasons=reasons)
        assert ses.get_account()["SuppressionAttributes"] == {"SuppressedReasons": reasons}


def test_put_account_suppression_attributes_leaves_the_rest_alone(ses: Any) -> None:
    ses.put_account_sending_attributes(SendingEnabled=False)
    ses.put_account_suppression_attributes(SuppressedReasons=["BOUNCE", "BOUNCE"])
    ses.put_account_suppression_attributes()
    found = ses.get_account()
    assert found["SendingEnabled"] is False
    assert found["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE"]}
    ses.put_account_sending_attributes(SendingEnabled=True)
    assert ses.get_account()["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE"]}


def test_put_configuration_set_suppression_options_is_seen(ses: Any) -> None:
    ses.create_configuration_set(ConfigurationSetName="news")
    for reasons in (["BOUNCE"], []):
        ses.put_configuration_set_suppression_options(ConfigurationSetName="news", SuppressedReasons=reasons)
        found = ses.get_configuration_set(ConfigurationSetName="news")
        assert found["SuppressionOptions"] == {"SuppressedReasons": reasons}
    ses.put_configuration_set_suppression_options(ConfigurationSetName="news")
    assert "SuppressionOptions" not in ses.get_configuration_set(ConfigurationSetName="news")


def test_put_configuration_set_suppression_options_of_a_set_that_is_not_there(ses: Any) -> None:
    with refused("NotFoundException", "Configuration set <missing> does not exist.", 404):
        ses.put_configuration_set_suppression_options(ConfigurationSetName="missing", SuppressedReasons=[])


def test_what_is_not_supported_is_refused_by_name(ses: Any) -> None:
    ses.create_configuration_set(ConfigurationSetName="news")
    with refused("BadRequestException"):
        ses.put_account_suppression_attributes(SuppressedReasons=[], ValidationAttributes=VALIDATION)
    with refused("BadRequestException"):
        ses.put_configuration_set_suppression_options(
            ConfigurationSetName="news", SuppressedReasons=[], ValidationOptions=VALIDATION
        )
    assert ses.get_account()["SuppressionAttributes"] == {"SuppressedReasons": BOTH}
    assert "SuppressionOptions" not in ses.get_configuration_set(ConfigurationSetName="news")

    disabled = {"ConditionThreshold": {"ConditionThresholdEnabled": "DISABLED"}}
    ses.put_account_suppression_attributes(SuppressedReasons=[], ValidationAttributes=disabled)
    assert ses.get_account()["SuppressionAttributes"] == {"SuppressedReasons": []}


def test_a_tenant_has_a_list_of_its_own(ses: Any) -> None:
    ses.create_tenant(TenantName="acme")
    here = {"EmailAddress": "Bob@example.net", "TenantName": "acme"}
    ses.put_suppressed_destination(Reason="COMPLAINT", **here)
    found = ses.get_suppressed_destination(**here)["SuppressedDestination"]
    assert (found["EmailAddress"], found["Reason"], found["TenantName"]) == ("Bob@example.net", "COMPLAINT", "acme")
    assert addresses(ses, TenantName="acme") == ["Bob@example.net"]
    assert addresses(ses) == ["Ada+news@example.net"]
    ses.delete_suppressed_destination(**here)
    with refused("NotFoundException", status=404):
        ses.get_suppressed_destination(**here)


def test_the_list_of_a_tenant_that_is_not_there_is_refused(ses: Any) -> None:
    why = "The requested tenant <t> does not exist."
    here = {"EmailAddress": "Ada+news@example.net", "TenantName": "t"}
    with refused("NotFoundException", why, status=404):
        ses.put_suppressed_destination(Reason="COMPLAINT", **here)
    with refused("NotFoundException", why, status=404):
        ses.get_suppressed_destination(**here)
    with refused("NotFoundException", why, status=404):
        ses.delete_suppressed_destination(**here)
    with refused("NotFoundException", why, status=404):
        ses.list_suppressed_destinations(TenantName="t")


def test_a_list_belongs_to_one_account_in_one_region(server: Server, ses: Any) -> None:
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999992")):
        assert addresses(other) == []
        with refused("NotFoundException", status=404):
            other.get_suppressed_destination(EmailAddress="Ada+news@example.net")
        with refused("NotFoundException", status=404):
            other.delete_suppressed_destination(EmailAddress="Ada+news@example.net")
        other.put_account_suppression_attributes(SuppressedReasons=[])
    assert addresses(ses) == ["Ada+news@example.net"]
    assert ses.get_account()["SuppressionAttributes"] == {"SuppressedReasons": BOTH}
