"""Configuration sets in v1."""

import pytest

from pillarbox.resources import configuration_sets
from tests.support.refused import refused
from tests.support.server import Server

MISSING = "Configuration set <missing> does not exist."


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account with the configuration set `news`."""
    client = server.client("ses")
    client.create_configuration_set(ConfigurationSet={"Name": "news"})
    return client


def test_create_configuration_set_once(ses) -> None:  # type: ignore[no-untyped-def]
    with refused(
        "ConfigurationSetAlreadyExists", "Configuration set <news> already exists.", ConfigurationSetName="news"
    ):
        ses.create_configuration_set(ConfigurationSet={"Name": "news"})


def test_create_configuration_set_refuses_a_name_that_cannot_be(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("InvalidConfigurationSet"):
        ses.create_configuration_set(ConfigurationSet={"Name": "two words"})


def test_describe_configuration_set_tells_what_is_asked_for(ses) -> None:  # type: ignore[no-untyped-def]
    plain = ses.describe_configuration_set(ConfigurationSetName="news")
    del plain["ResponseMetadata"]
    assert plain == {"ConfigurationSet": {"Name": "news"}}

    full = ses.describe_configuration_set(
        ConfigurationSetName="news",
        ConfigurationSetAttributeNames=["eventDestinations", "trackingOptions", "deliveryOptions", "reputationOptions"],
    )
    del full["ResponseMetadata"]
    assert full == {
        "ConfigurationSet": {"Name": "news"},
        "EventDestinations": [],
        "DeliveryOptions": {"TlsPolicy": "Optional"},
        "ReputationOptions": {"SendingEnabled": True, "ReputationMetricsEnabled": False},
    }


def test_list_configuration_sets_in_pages(ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSet={"Name": "alerts"})
    first = ses.list_configuration_sets(MaxItems=1)
    assert first["ConfigurationSets"] == [{"Name": "alerts"}]
    rest = ses.list_configuration_sets(MaxItems=1, NextToken=first["NextToken"])
    assert rest["ConfigurationSets"] == [{"Name": "news"}]
    assert "NextToken" not in rest
    with refused("InvalidParameterValue"):
        ses.list_configuration_sets(NextToken="never given")


def test_update_configuration_set_sending_enabled_sets_a_fresh_start(ses) -> None:  # type: ignore[no-untyped-def]
    for enabled in (False, True):
        ses.update_configuration_set_sending_enabled(ConfigurationSetName="news", Enabled=enabled)
        found = ses.describe_configuration_set(
            ConfigurationSetName="news", ConfigurationSetAttributeNames=["reputationOptions"]
        )["ReputationOptions"]
        assert found["SendingEnabled"] is enabled
        assert ("LastFreshStart" in found) is enabled


def test_update_configuration_set_reputation_metrics_enabled_is_seen(ses) -> None:  # type: ignore[no-untyped-def]
    ses.update_configuration_set_reputation_metrics_enabled(ConfigurationSetName="news", Enabled=True)
    found = ses.describe_configuration_set(
        ConfigurationSetName="news", ConfigurationSetAttributeNames=["reputationOptions"]
    )
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True


def described(ses, attribute: str) -> dict[str, object]:  # type: ignore[no-untyped-def]
    asked = [f"{attribute}Options"]
    found = ses.describe_configuration_set(ConfigurationSetName="news", ConfigurationSetAttributeNames=asked)
    return found.get(f"{attribute.capitalize()}Options")


def test_put_configuration_set_delivery_options_is_seen(ses) -> None:  # type: ignore[no-untyped-def]
    ses.put_configuration_set_delivery_options(ConfigurationSetName="news", DeliveryOptions={"TlsPolicy": "Require"})
    assert described(ses, "delivery") == {"TlsPolicy": "Require"}
    ses.put_configuration_set_delivery_options(ConfigurationSetName="news")
    assert described(ses, "delivery") == {"TlsPolicy": "Optional"}


def test_tracking_options_are_created_once_updated_and_deleted(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.verify_domain_identity(Domain="example.com")
    asked = {"ConfigurationSetName": "news", "TrackingOptions": {"CustomRedirectDomain": "click.example.com"}}
    ses.create_configuration_set_tracking_options(**asked)
    assert described(ses, "tracking") == {"CustomRedirectDomain": "click.example.com"}
    exist = "Tracking options for configuration set <news> already exist."
    with refused("TrackingOptionsAlreadyExistsException", exist, ConfigurationSetName="news"):
        ses.create_configuration_set_tracking_options(**asked)
    server.client("sesv2").put_configuration_set_tracking_options(
        ConfigurationSetName="news", CustomRedirectDomain="click.example.com", HttpsPolicy="REQUIRE"
    )
    asked["TrackingOptions"] = {"CustomRedirectDomain": "links.example.com"}
    ses.update_configuration_set_tracking_options(**asked)
    assert described(ses, "tracking") == {"CustomRedirectDomain": "links.example.com"}
    found = server.client("sesv2").get_configuration_set(ConfigurationSetName="news")["TrackingOptions"]
    assert found["HttpsPolicy"] == "REQUIRE"
    ses.delete_configuration_set_tracking_options(ConfigurationSetName="news")
    assert described(ses, "tracking") is None
    for refusing, given in (
        (ses.update_configuration_set_tracking_options, asked),
        (ses.delete_configuration_set_tracking_options, {"ConfigurationSetName": "news"}),
    ):
        with refused("TrackingOptionsDoesNotExistException", ConfigurationSetName="news"):
            refusing(**given)


def test_create_configuration_set_tracking_options_refuses_the_domain_of_somebody_else(ses) -> None:  # type: ignore[no-untyped-def]
    for domain in ("click.example.com", "no domain"):
        with refused("InvalidTrackingOptions"):
            ses.create_configuration_set_tracking_options(
                ConfigurationSetName="news", TrackingOptions={"CustomRedirectDomain": domain}
            )


def test_delete_configuration_set_frees_the_name(ses) -> None:  # type: ignore[no-untyped-def]
    ses.delete_configuration_set(ConfigurationSetName="news")
    assert ses.list_configuration_sets()["ConfigurationSets"] == []
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("describe_configuration_set", {}),
        ("delete_configuration_set", {}),
        ("put_configuration_set_delivery_options", {"DeliveryOptions": {"TlsPolicy": "Require"}}),
        ("create_configuration_set_tracking_options", {"TrackingOptions": {"CustomRedirectDomain": "a.example"}}),
        ("update_configuration_set_tracking_options", {"TrackingOptions": {"CustomRedirectDomain": "a.example"}}),
        ("delete_configuration_set_tracking_options", {}),
        ("update_configuration_set_sending_enabled", {"Enabled": True}),
        ("update_configuration_set_reputation_metrics_enabled", {"Enabled": True}),
    ],
)
def test_a_set_that_is_not_there_is_named(ses, operation: str, params: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    with refused("ConfigurationSetDoesNotExist", MISSING, ConfigurationSetName="missing"):
        getattr(ses, operation)(ConfigurationSetName="missing", **params)


def test_sets_belong_to_one_account_in_one_region(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999997")):
        assert other.list_configuration_sets()["ConfigurationSets"] == []
        with refused("ConfigurationSetDoesNotExist"):
            other.delete_configuration_set(ConfigurationSetName="news")
    assert ses.list_configuration_sets()["ConfigurationSets"] == [{"Name": "news"}]


def test_create_configuration_set_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_sets, "MOST_SETS", 1)
    ses = server.client("ses")
    ses.create_configuration_set(ConfigurationSet={"Name": "first"})
    with refused("LimitExceeded", "You have reached the maximum of 1 configuration sets in this region."):
        ses.create_configuration_set(ConfigurationSet={"Name": "second"})
