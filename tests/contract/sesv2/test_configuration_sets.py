"""Configuration sets in v2."""

import pytest

from pillarbox.resources import configuration_sets
from tests.support.refused import refused
from tests.support.server import Server


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account with the configuration set `news`."""
    client = server.client("sesv2")
    client.create_configuration_set(ConfigurationSetName="news")
    return client


def test_get_configuration_set_of_a_new_one(ses) -> None:  # type: ignore[no-untyped-def]
    found = ses.get_configuration_set(ConfigurationSetName="news")
    del found["ResponseMetadata"]
    assert found == {
        "ConfigurationSetName": "news",
        "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
        "ReputationOptions": {"ReputationMetricsEnabled": False},
        "SendingOptions": {"SendingEnabled": True},
        "Tags": [],
    }


def test_create_configuration_set_with_all_that_is_supported(ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_configuration_set(
        ConfigurationSetName="quiet",
        ReputationOptions={"ReputationMetricsEnabled": True},
        SendingOptions={"SendingEnabled": False},
        SuppressionOptions={"SuppressedReasons": ["COMPLAINT"], "SuppressionScope": "ACCOUNT"},
        DeliveryOptions={"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 300},
        TrackingOptions={"CustomRedirectDomain": "Click.Example.COM", "HttpsPolicy": "REQUIRE"},
        VdmOptions={"DashboardOptions": {"EngagementMetrics": "DISABLED"}},
        Tags=[{"Key": "team", "Value": "red"}],
    )
    found = ses.get_configuration_set(ConfigurationSetName="quiet")
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True
    assert found["SendingOptions"]["SendingEnabled"] is False
    assert found["SuppressionOptions"] == {"SuppressedReasons": ["COMPLAINT"], "SuppressionScope": "ACCOUNT"}
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 300}
    assert found["TrackingOptions"] == {"CustomRedirectDomain": "click.example.com", "HttpsPolicy": "REQUIRE"}
    assert found["Tags"] == [{"Key": "team", "Value": "red"}]


@pytest.mark.parametrize(
    "options",
    [
        {"TrackingOptions": {"CustomRedirectDomain": "click.example.com"}},
        {"DeliveryOptions": {"SendingPoolName": "there-is-none"}},
        {
            "SuppressionOptions": {
                "ValidationOptions": {"ConditionThreshold": {"ConditionThresholdEnabled": "ENABLED"}},
            }
        },
        {"VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}}},
        {"VdmOptions": {"GuardianOptions": {"OptimizedSharedDelivery": "ENABLED"}}},
        {"ArchivingOptions": {"ArchiveArn": "arn:aws:ses:us-east-1:1:mailmanager-archive/a-" + "a" * 24}},
        {"ReputationOptions": {"LastFreshStart": 1_700_000_000}},
    ],
)
def test_options_that_name_what_there_is_not_are_refused(ses, options: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    with refused("BadRequestException"):
        ses.create_configuration_set(ConfigurationSetName="other", **options)
    assert ses.list_configuration_sets()["ConfigurationSets"] == ["news"]


def test_create_configuration_set_refuses_a_second_and_a_wrong_name(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("AlreadyExistsException", "Configuration set <news> already exists."):
        ses.create_configuration_set(ConfigurationSetName="news")
    with refused("BadRequestException"):
        ses.create_configuration_set(ConfigurationSetName="two words")


def test_list_configuration_sets_with_a_filter_and_pages(ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSetName="alerts")
    first = ses.list_configuration_sets(PageSize=1)
    assert first["ConfigurationSets"] == ["alerts"]
    assert ses.list_configuration_sets(PageSize=1, NextToken=first["NextToken"])["ConfigurationSets"] == ["news"]
    found = ses.list_configuration_sets(Filter={"CONFIGURATION_SET_NAME_CONTAINS": "EW"})
    assert found["ConfigurationSets"] == ["news"]
    with refused("BadRequestException"):
        ses.list_configuration_sets(NextToken="never given")


def test_put_configuration_set_sending_options_pauses_and_resumes(ses) -> None:  # type: ignore[no-untyped-def]
    for enabled in (False, True):
        ses.put_configuration_set_sending_options(ConfigurationSetName="news", SendingEnabled=enabled)
        found = ses.get_configuration_set(ConfigurationSetName="news")
        assert found["SendingOptions"]["SendingEnabled"] is enabled
        assert ("LastFreshStart" in found["ReputationOptions"]) is enabled


def test_put_configuration_set_reputation_options_is_seen(ses) -> None:  # type: ignore[no-untyped-def]
    ses.put_configuration_set_reputation_options(ConfigurationSetName="news", ReputationMetricsEnabled=True)
    found = ses.get_configuration_set(ConfigurationSetName="news")
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True


def test_delete_configuration_set_once(ses) -> None:  # type: ignore[no-untyped-def]
    ses.delete_configuration_set(ConfigurationSetName="news")
    with refused("NotFoundException", "Configuration set <news> does not exist.", 404):
        ses.delete_configuration_set(ConfigurationSetName="news")


@pytest.mark.parametrize(
    "operation",
    [
        "get_configuration_set",
        "delete_configuration_set",
        "put_configuration_set_sending_options",
        "put_configuration_set_reputation_options",
    ],
)
def test_a_set_that_is_not_there_is_named(ses, operation: str) -> None:  # type: ignore[no-untyped-def]
    with refused("NotFoundException", "Configuration set <missing> does not exist.", 404):
        getattr(ses, operation)(ConfigurationSetName="missing")


def test_v1_and_v2_see_one_set_of_one_account_in_one_region(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    assert server.client("ses").list_configuration_sets()["ConfigurationSets"] == [{"Name": "news"}]
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999991")):
        assert other.list_configuration_sets()["ConfigurationSets"] == []
        with refused("NotFoundException", status=404):
            other.delete_configuration_set(ConfigurationSetName="news")


def test_put_configuration_set_delivery_options_replaces_all_of_them(ses) -> None:  # type: ignore[no-untyped-def]
    ses.put_configuration_set_delivery_options(ConfigurationSetName="news", TlsPolicy="REQUIRE", MaxDeliverySeconds=600)
    told = {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 600}
    assert ses.get_configuration_set(ConfigurationSetName="news")["DeliveryOptions"] == told
    ses.put_configuration_set_delivery_options(ConfigurationSetName="news")
    assert ses.get_configuration_set(ConfigurationSetName="news")["DeliveryOptions"] == {"TlsPolicy": "OPTIONAL"}
    with refused("BadRequestException", "Sending pool <gone> does not exist."):
        ses.put_configuration_set_delivery_options(ConfigurationSetName="news", SendingPoolName="gone")
    with refused("BadRequestException"):
        ses.put_configuration_set_delivery_options(ConfigurationSetName="news", MaxDeliverySeconds=50_401)
    with refused("NotFoundException", status=404):
        ses.put_configuration_set_delivery_options(ConfigurationSetName="other")


def test_put_configuration_set_tracking_options_wants_a_domain_of_the_account(ses) -> None:  # type: ignore[no-untyped-def]
    put = ses.put_configuration_set_tracking_options
    for domain in ("click.example.com", "no domain"):
        with refused("BadRequestException"):
            put(ConfigurationSetName="news", CustomRedirectDomain=domain)
    ses.create_email_identity(EmailIdentity="example.com")
    put(ConfigurationSetName="news", CustomRedirectDomain="click.example.com")
    told = {"CustomRedirectDomain": "click.example.com", "HttpsPolicy": "OPTIONAL"}
    assert ses.get_configuration_set(ConfigurationSetName="news")["TrackingOptions"] == told
    put(ConfigurationSetName="news", HttpsPolicy="REQUIRE_OPEN_ONLY")
    told = {"HttpsPolicy": "REQUIRE_OPEN_ONLY"}
    assert ses.get_configuration_set(ConfigurationSetName="news")["TrackingOptions"] == told
    put(ConfigurationSetName="news")
    assert "TrackingOptions" not in ses.get_configuration_set(ConfigurationSetName="news")
    with refused("NotFoundException", status=404):
        put(ConfigurationSetName="other")


def test_create_configuration_set_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_sets, "MOST_SETS", 1)
    ses = server.client("sesv2")
    ses.create_configuration_set(ConfigurationSetName="first")
    with refused("LimitExceededException", "You have reached the maximum of 1 configuration sets in this region."):
        ses.create_configuration_set(ConfigurationSetName="second")
