"""What became of one message, as the SDK asks for it."""

from tests.support.refused import refused
from tests.support.server import Server


def test_get_message_insights_tells_each_recipient_apart(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    sent = ses.send_email(
        FromEmailAddress="Jo <jo@example.com>",
        Destination={"ToAddresses": ["a@gmail.com", "bounce@simulator.amazonses.com"]},
        Content={"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hello."}}}},
        EmailTags=[{"Name": "campaign", "Value": "spring"}],
    )
    server.settle()

    found = ses.get_message_insights(MessageId=sent["MessageId"])

    assert (found["MessageId"], found["Subject"]) == (sent["MessageId"], "Grüße")
    assert found["FromEmailAddress"] == "Jo <jo@example.com>"
    assert {"Name": "campaign", "Value": "spring"} in found["EmailTags"]
    good, bad = found["Insights"]
    assert (good["Destination"], good["Isp"]) == ("a@gmail.com", "Gmail")
    assert [event["Type"] for event in good["Events"]] == ["SEND", "DELIVERY"]
    assert [event["Type"] for event in bad["Events"]] == ["SEND", "BOUNCE"]
    bounce = bad["Events"][1]["Details"]["Bounce"]
    assert (bounce["BounceType"], bounce["BounceSubType"]) == ("PERMANENT", "General")
    assert "550" in bounce["DiagnosticCode"]


def test_get_message_insights_tells_complaints(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    sent = ses.send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": ["complaint@simulator.amazonses.com"]},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    )
    server.settle()

    (one,) = ses.get_message_insights(MessageId=sent["MessageId"])["Insights"]

    complaint = next(event for event in one["Events"] if event["Type"] == "COMPLAINT")
    assert complaint["Details"]["Complaint"]["ComplaintFeedbackType"] == "abuse"


def test_get_message_insights_of_others_are_not_found(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    sent = ses.send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": ["a@gmail.com"]},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    )
    with refused("NotFoundException", status=404):
        server.client("sesv2", account="999999999999").get_message_insights(MessageId=sent["MessageId"])
    with refused("NotFoundException", status=404):
        ses.get_message_insights(MessageId="unknown")


def test_get_message_insights_finds_what_was_promised_a_moment_ago(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    content = {"Subject": "Hello {{name}}", "Text": "Hi"}
    entries = [{"Destination": {"ToAddresses": [f"p{number}@example.net"]}} for number in range(50)]
    sent = ses.send_bulk_email(
        FromEmailAddress="jo@example.com",
        DefaultContent={"Template": {"TemplateContent": content, "TemplateData": '{"name": "you"}'}},
        BulkEmailEntries=entries,
    )["BulkEmailEntryResults"]

    for number, result in reversed(list(enumerate(sent))):
        found = ses.get_message_insights(MessageId=result["MessageId"])
        (one,) = found["Insights"]
        assert (found["Subject"], one["Destination"]) == ("Hello you", f"p{number}@example.net")
        assert one["Events"][0]["Type"] == "SEND"
