"""Replies, and what SES would call them."""

from pathlib import Path

import pytest

from pillarbox.delivery.classify import asks_for_less, blames_the_address, bounce_class, delay_type, enhanced_status

SAMPLES = [
    tuple(part.strip() for part in line.split(" | ", 1))
    for line in (Path(__file__).parent / "replies.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("expected", "reply"), SAMPLES, ids=lambda part: part[:60])
def test_replies_of_providers_are_understood(expected: str, reply: str) -> None:
    if expected.startswith(("Permanent", "Transient ", "Undetermined")):
        assert " ".join(bounce_class(reply)) == expected
        assert not asks_for_less(reply)
    else:
        slower = " slower" if asks_for_less(reply) else ""
        assert delay_type(reply, ours=False) + slower == expected


def test_there_are_samples_of_many_replies() -> None:
    assert len(SAMPLES) >= 60


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("550 5.1.1 user unknown", ("Permanent", "General")),
        ("550 no such user", ("Permanent", "General")),
        ("552 5.2.2 mailbox full", ("Transient", "MailboxFull")),
        ("552 5.3.4 too big", ("Transient", "MessageTooLarge")),
        ("554 5.7.1 looks like spam", ("Transient", "ContentRejected")),
        ("554 5.6.3 8-bit content cannot be sent", ("Transient", "ContentRejected")),
        ("451 4.3.0 try later", ("Transient", "General")),
        ("not a reply at all", ("Undetermined", "Undetermined")),
        (None, ("Undetermined", "Undetermined")),
    ],
)
def test_replies_have_bounce_types(reply: str | None, expected: tuple[str, str]) -> None:
    assert bounce_class(reply) == expected


def test_a_rule_of_ours_names_its_own_subtype() -> None:
    assert bounce_class(None, "Suppressed") == ("Permanent", "Suppressed")


@pytest.mark.parametrize(
    ("reply", "ours", "expected"),
    [
        (None, True, "InternalFailure"),
        (None, False, "TransientCommunicationFailure"),
        ("452 4.2.2 over quota", False, "MailboxFull"),
        ("421 4.7.1 too many complaints", False, "SpamDetected"),
        ("421 4.7.25 no reverse name", False, "IPFailure"),
        ("451 4.3.2 shutting down", False, "RecipientServerError"),
        ("450 try later", False, "General"),
    ],
)
def test_deferrals_have_delay_types(reply: str | None, ours: bool, expected: str) -> None:
    assert delay_type(reply, ours=ours) == expected


@pytest.mark.parametrize(
    ("reply", "status"),
    [("550 5.1.1 x", "5.1.1"), ("450 x", "4.0.0"), ("version 4.5.6 at 250", "4.5.6"), ("hello", None), (None, None)],
)
def test_the_enhanced_code_is_read_from_the_reply(reply: str | None, status: str | None) -> None:
    assert enhanced_status(reply) == status


@pytest.mark.parametrize(
    ("status", "blamed"),
    [
        *((status, True) for status in ("5.1.1", "5.5.0", "5.0.0", None, "5.4.1")),
        *((status, False) for status in ("5.6.3", "5.7.26", "5.4.6")),
    ],
)
def test_a_refusal_for_content_or_policy_does_not_blame_the_address(status: str | None, blamed: bool) -> None:
    assert blames_the_address(status) is blamed
