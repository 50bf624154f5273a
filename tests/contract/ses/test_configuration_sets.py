"""Configuration sets in v1."""

import pytest

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


def test_delete_configuration_set_frees_the_name(ses) -> None:  # type: ignore[no-untyped-def]
    ses.delete_configuration_set(ConfigurationSetName="news")
    assert ses.list_configuration_sets()["ConfigurationSets"] == []
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("describe_configuration_set", {}),
        ("delete_configuration_set", {}),
        ("update_configuration_set_sending_enabled", {"Enabled": True}),
        ("update_configuration_set_reputation_metrics_enabled", {"Enabled": True}),
    ],
)
def test_a_set_that_is_not_there_is_named(ses, operation: str, params: dict[str, bool]) -> None:  # type: ignore[no-untyped-def]
    with refused("ConfigurationSetDoesNotExist", MISSING, ConfigurationSetName="missing"):
        getattr(ses, operation)(ConfigurationSetName="missing", **params)


def test_sets_belong_to_one_account_in_one_region(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999997")):
        assert other.list_configuration_sets()["ConfigurationSets"] == []
        with refused("ConfigurationSetDoesNotExist"):
            other.delete_configuration_set(ConfigurationSetName="news")
    assert ses.list_configuration_sets()["ConfigurationSets"] == [{"Name": "news"}]
