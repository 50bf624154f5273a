"""The account in v2."""

from tests.support.refused import refused
from tests.support.server import Server


def test_get_account_of_a_new_account(server: Server) -> None:
    found = server.client("sesv2").get_account()
    assert found["SendingEnabled"] is True
    assert found["ProductionAccessEnabled"] is True
    assert found["EnforcementStatus"] == "HEALTHY"
    assert found["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    assert found["SendQuota"]["Max24HourSend"] == -1.0
    assert found["SendQuota"]["SentLast24Hours"] == 0.0
    assert found["SendQuota"] == {
        name: value for name, value in server.client("ses").get_send_quota().items() if name != "ResponseMetadata"
    }


def test_put_account_sending_attributes_pauses_v1_and_v2_in_one_region(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.put_account_sending_attributes(SendingEnabled=False)

    assert ses.get_account()["SendingEnabled"] is False
    assert server.client("ses").get_account_sending_enabled()["Enabled"] is False
    assert server.client("sesv2", region="eu-west-1").get_account()["SendingEnabled"] is True
    with refused("SendingPausedException"):
        ses.send_email(
            FromEmailAddress="jo@example.com",
            Destination={"ToAddresses": ["a@example.net"]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
        )

    ses.put_account_sending_attributes(SendingEnabled=True)
    assert ses.get_account()["SendingEnabled"] is True


def test_put_account_details_where_there_is_no_sandbox_waits_for_nobody(server: Server) -> None:
    ses = server.client("sesv2")
    assert "Details" not in ses.get_account()
    details = {"MailType": "MARKETING", "WebsiteURL": "https://example.com/"}
    ses.put_account_details(**details, ProductionAccessEnabled=True)
    found = ses.get_account()
    assert found["Details"] == details
    assert found["ProductionAccessEnabled"] is True
    ses.put_account_details(**details, UseCaseDescription="News", ProductionAccessEnabled=True)
    assert ses.get_account()["Details"]["UseCaseDescription"] == "News"


def test_put_account_details_takes_four_more_addresses(server: Server) -> None:
    details = {"MailType": "MARKETING", "WebsiteURL": "https://example.com/"}
    with refused("BadRequestException"):
        server.client("sesv2").put_account_details(
            **details, AdditionalContactEmailAddresses=[f"a{number}@example.com" for number in range(5)]
        )
