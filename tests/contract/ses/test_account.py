"""The account in v1."""

from datetime import UTC, datetime, timedelta

from tests.support.refused import refused
from tests.support.server import Server


def send(client, *recipients: str) -> None:  # type: ignore[no-untyped-def]
    client.send_email(
        Source="jo@example.com",
        Destination={"ToAddresses": list(recipients)},
        Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}},
    )


def test_get_send_quota_counts_recipients(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    before = ses.get_send_quota()
    assert (before["Max24HourSend"], before["SentLast24Hours"]) == (-1.0, 0.0)
    assert before["MaxSendRate"] > 0

    send(ses, "a@example.net", "b@example.net")

    assert ses.get_send_quota()["SentLast24Hours"] == 2.0
    assert server.client("ses", region="eu-west-1").get_send_quota()["SentLast24Hours"] == 0.0


def test_get_send_statistics_counts_what_became_of_the_mail(server: Server) -> None:
    ses = server.client("ses")
    assert ses.get_send_statistics()["SendDataPoints"] == []
    ses.verify_domain_identity(Domain="example.com")
    send(ses, "a@example.net", "bounce@simulator.amazonses.com")
    server.settle()

    points = ses.get_send_statistics()["SendDataPoints"]

    totals = {name: sum(point[name] for point in points) for name in ("DeliveryAttempts", "Bounces", "Complaints")}
    assert totals == {"DeliveryAttempts": 2, "Bounces": 1, "Complaints": 0}
    assert all(datetime.now(UTC) - point["Timestamp"] < timedelta(minutes=31) for point in points)
    assert all(point["Timestamp"].minute % 15 == 0 for point in points)
    assert server.client("ses", region="eu-west-1").get_send_statistics()["SendDataPoints"] == []


def test_update_account_sending_enabled_pauses_one_region(server: Server) -> None:
    ses, elsewhere = server.client("ses"), server.client("ses", region="eu-west-1")
    for client in (ses, elsewhere):
        client.verify_domain_identity(Domain="example.com")
    assert ses.get_account_sending_enabled()["Enabled"] is True

    ses.update_account_sending_enabled(Enabled=False)

    assert ses.get_account_sending_enabled()["Enabled"] is False
    with refused("AccountSendingPausedException"):
        send(ses, "a@example.net")
    assert elsewhere.get_account_sending_enabled()["Enabled"] is True
    send(elsewhere, "a@example.net")

    ses.update_account_sending_enabled(Enabled=True)
    send(ses, "a@example.net")


def test_update_account_sending_enabled_without_a_value_pauses(server: Server) -> None:
    ses = server.client("ses")
    ses.update_account_sending_enabled()
    assert ses.get_account_sending_enabled()["Enabled"] is False
