"""With too little room left on the disk nothing more is promised, at any door, and what was promised is delivered."""

import smtplib
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.faults.test_kill import client, missing, set_up
from tests.support.child import Child
from tests.support.subscriber import Subscriber

MORE_THAN_ANY_DISK = 1 << 60
MESSAGE = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
TO = {"ToAddresses": ["someone@example.net"]}


def test_a_full_disk_refuses_mail_before_it_promises(tmp_path: Path) -> None:
    with Child(tmp_path, least_free_bytes=MORE_THAN_ANY_DISK) as child:
        ses, sesv2 = client("ses", child.endpoint), client("sesv2", child.endpoint)
        ses.verify_email_identity(EmailAddress="a@example.com")

        with pytest.raises(ClientError) as refused:
            ses.send_email(Source="a@example.com", Destination=TO, Message=MESSAGE)
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503

        with pytest.raises(ClientError) as refused:
            sesv2.send_email(FromEmailAddress="a@example.com", Destination=TO, Content={"Simple": MESSAGE})
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503

        with smtplib.SMTP("127.0.0.1", child.smtp_port, timeout=10) as smtp:
            smtp.login("123456789012", "us-east-1")
            with pytest.raises(smtplib.SMTPDataError) as not_taken:
                smtp.sendmail("a@example.com", ["someone@example.net"], "Subject: x\r\n\r\ny")
        assert (not_taken.value.smtp_code, not_taken.value.smtp_error) == (452, b"4.3.1 Insufficient system storage")
        assert ses.get_send_quota()["SentLast24Hours"] == 0


def test_mail_promised_before_the_disk_filled_up_is_delivered(tmp_path: Path) -> None:
    send = {"Source": "a@example.com", "Destination": TO, "Message": MESSAGE, "ConfigurationSetName": "all"}
    with Subscriber.listening() as subscriber:
        with Child(tmp_path) as child:
            set_up(child.endpoint, subscriber)
            ses = client("ses", child.endpoint)
            sent = [ses.send_email(**send)["MessageId"] for _ in range(20)]
            child.kill()
        with Child(tmp_path, least_free_bytes=MORE_THAN_ANY_DISK):
            subscriber.wait_for(lambda seen: missing(sent, seen) == set(), 30)
