"""Every refusal has its SMTP reply, in the words of SES."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.edge import smtp_replies as replies
from pillarbox.kit.errors import Invalid, Refusal, Unavailable
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.sending import policy


@pytest.mark.parametrize(
    ("reason", "reply"),
    [
        (
            policy.RateExceeded("Maximum sending rate exceeded."),
            "454 Throttling failure: Maximum sending rate exceeded.",
        ),
        (
            policy.DailyQuotaExceeded("Daily message quota exceeded."),
            "454 Throttling failure: Daily message quota exceeded.",
        ),
        (policy.NotVerified("Email address is not verified."), "554 Message rejected: Email address is not verified."),
        (policy.InvalidMessage("Duplicate header 'To'."), "554 Transaction failed: Duplicate header 'To'."),
        (policy.AccountPaused("Paused."), "554 Message rejected: Paused."),
        (
            policy.ConfigurationSetPaused("s"),
            "554 Message rejected: Email sending is disabled for configuration set <s>.",
        ),
        (ConfigurationSetMissing("s"), "554 Configuration set does not exist: s"),
        (Invalid("x"), "554 Transaction failed: x"),
        (Unavailable("the disk is full: /secret/path"), "451 Temporary service failure"),
    ],
)
def test_a_refusal_is_told(reason: Refusal | Unavailable, reply: str) -> None:
    assert replies.reply_to(reason) == reply


@given(st.text())
def test_a_reply_is_one_line_of_ascii_whatever_a_client_wrote(text: str) -> None:
    for reply in (replies.reply_to(Refusal(text)), replies.bad_recipient(text)):
        assert reply.isascii() and reply.isprintable() and len(reply) <= 510
