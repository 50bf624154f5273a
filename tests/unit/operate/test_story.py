"""Every kind of event has a sentence, and the sentence says who and why."""

from typing import Any, get_args

import pytest

from pillarbox.events import types
from pillarbox.events.types import BouncedRecipient, Event, TopicPreferences
from pillarbox.kit.clock import HOUR, MINUTE, SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate.story import join, span, tell

NOON: Millis = 1_800_014_400_000
ADA = BouncedRecipient("ada@example.net", "failed", "5.1.1", "smtp; 550 5.1.1 user unknown")
PREFERENCES = TopicPreferences(True, {})

TOLD: list[tuple[Any, str, str | None]] = [
    (types.Send(), "Accepted: the message is on disk and will be delivered", None),
    (types.Reject(), "Delivered to nobody, for what the message carries: Bad content", None),
    (
        types.Delivery(["ada@example.net"], "250 OK", 1_200, "mta", "192.0.2.25", "smtp"),
        "Taken by 192.0.2.25 for ada@example.net, 1.2 s after it was accepted",
        "250 OK",
    ),
    (
        types.Delivery(["a@example.net", "b@example.net"], "250 captured, not sent", 5, "mta", None, "capture"),
        "Captured for a@example.net and b@example.net: kept here to be looked at, not sent",
        "250 captured, not sent",
    ),
    (
        types.Delivery(["success@simulator.amazonses.com"], "250 2.6.0 Message received", 5, "mta", None, "simulator"),
        "The mailbox simulator took the mail for success@simulator.amazonses.com",
        "250 2.6.0 Message received",
    ),
    (
        types.Bounce("Permanent", "General", [ADA], "f"),
        "ada@example.net bounced for good: the address does not exist or takes no mail",
        "550 5.1.1 user unknown",
    ),
    (
        types.Bounce("Permanent", "OnAccountSuppressionList", [ADA], "f"),
        "Not sent to ada@example.net: the account's suppression list holds the address for a bounce",
        None,
    ),
    (types.Bounce("Transient", "MailboxFull", [ADA], "f"), "ada@example.net bounced: the mailbox is full", None),
    (types.Bounce("Transient", "Novel", [ADA], "f"), "ada@example.net bounced (Transient, Novel)", None),
    (types.Complaint(["ada@example.net"], "f", feedback_type="abuse"), "called the mail unwanted (abuse)", None),
    (
        types.Complaint(["ada@example.net"], "f", subtype="OnAccountSuppressionList"),
        "Not sent to ada@example.net",
        None,
    ),
    (
        types.DeliveryDelay("MailboxFull", NOON + 2 * HOUR, [ADA]),
        "Not yet delivered to ada@example.net: the mailbox is full; tried again for 2 h at most",
        "550 5.1.1 user unknown",
    ),
    (
        types.RenderingFailure("welcome", "Attribute 'name' is missing"),
        "the template welcome",
        "Attribute 'name' is missing",
    ),
    (types.Open("192.0.2.7", "Mail/1.0"), "Opened from 192.0.2.7", "Mail/1.0"),
    (
        types.Click("192.0.2.7", "Mail/1.0", "https://example.com/"),
        "The link https://example.com/ was followed",
        "Mail/1.0",
    ),
    (types.Subscription("news", "header", PREFERENCES, PREFERENCES), "left the contact list news", None),
]


@pytest.mark.parametrize(("fact", "sentence", "said"), TOLD)
def test_an_event_is_told_in_one_sentence(fact: Any, sentence: str, said: str | None) -> None:
    story = tell(Event("id", Scope("123456789012", "us-east-1"), "message", NOON, NOON, fact))
    assert sentence in story.sentence
    if said is not None:
        assert story.said == said


def test_every_kind_of_event_is_told() -> None:
    assert {type(fact) for fact, _, _ in TOLD} == set(get_args(types.Fact))


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ([], "nobody"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        ([*"abcde"], "a, b, c and 2 more"),
    ],
)
def test_addresses_are_joined_as_in_speech(addresses: list[str], words: str) -> None:
    assert join(addresses) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (4, "4 ms"),
        (1_240, "1.2 s"),
        (59 * SECOND, "59 s"),
        (3 * MINUTE, "3 min"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min"),
    ],
)
def test_a_length_of_time_is_said_in_two_units_at_most(milliseconds: Millis, words: str) -> None:
    assert span(milliseconds) == words
