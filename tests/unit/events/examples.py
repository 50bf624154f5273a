"""One message and one fact of each kind, as the tests of events tell them."""

import msgspec

from pillarbox.events.types import (
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Fact,
    MailFacts,
    Open,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
    TopicPreferences,
    kind_of,
)
from pillarbox.kit.clock import Millis, parse_iso
from pillarbox.kit.ids import Scope
from pillarbox.store.messages import MessageRow, RecipientRow

SCOPE = Scope("123456789012", "us-east-1")
ACCEPTED_AT = parse_iso("2026-03-01T10:20:30.123Z")
HAPPENED_AT = ACCEPTED_AT + 4_711
MESSAGE_ID = "0100019ca8c2b1ab-8b4f6c1e-5d7a-4e62-9f10-37c2a4f0d9be-000000"
FEEDBACK_ID = "0100019ca8c2c412-11d3a5b7-0c2e-4f48-a6b9-37aa03c1e5d2-000000"

FACTS = MailFacts(
    sender="Ann Sender <ann@mail.example.com>",
    sender_address="ann@mail.example.com",
    source_identity="example.com",
    source_ip="192.0.2.7",
    caller_identity="mailer",
    recipients=["bob@example.net", "carol@example.org"],
    headers=[
        ("From", "Ann Sender <ann@mail.example.com>"),
        ("Reply-To", "help@example.com"),
        ("To", '"Stone, Bob" <bob@example.net>'),
        ("Cc", "carol@example.org"),
        ("Subject", "Your =?UTF-8?Q?re=C3=A7u?="),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/html; charset=UTF-8"),
        ("Content-Transfer-Encoding", "7bit"),
    ],
    headers_truncated=False,
    tags={
        "ses:operation": ["SendEmail"],
        "ses:configuration-set": ["orders"],
        "ses:source-ip": ["192.0.2.7"],
        "ses:from-domain": ["mail.example.com"],
        "ses:caller-identity": ["mailer"],
        "campaign": ["spring"],
    },
    return_path="ann@mail.example.com",
)

KINDS: dict[str, Fact] = {
    "send": Send(),
    "reject": Reject(),
    "bounce": Bounce(
        "Permanent",
        "General",
        [BouncedRecipient("bob@example.net", "failed", "5.1.1", "smtp; 550 5.1.1 user unknown")],
        FEEDBACK_ID,
        "dsn; mx1.mail.example",
        "198.51.100.9",
    ),
    "complaint": Complaint(
        ["carol@example.org"],
        FEEDBACK_ID,
        user_agent="ExampleCorp Feedback Loop (V0.01)",
        feedback_type="abuse",
        arrived_at=HAPPENED_AT - 1_000,
    ),
    "delivery": Delivery(["bob@example.net"], "250 2.6.0 queued as 4F1", 4_711, "mx1.mail.example", "198.51.100.9"),
    "open": Open("203.0.113.5", "Mozilla/5.0 (X11)"),
    "click": Click("203.0.113.5", "Mozilla/5.0 (X11)", "https://shop.example.com/o/17", {"part": ["footer"]}),
    "rendering-failure": RenderingFailure("receipt", "Attribute 'name' is not present in the rendering data."),
    "delivery-delay": DeliveryDelay(
        "MailboxFull",
        HAPPENED_AT + 50_400_000,
        [BouncedRecipient("bob@example.net", None, "4.2.2", "smtp; 452 4.2.2 mailbox full")],
        "mx1.mail.example",
    ),
    "subscription": Subscription(
        "customers",
        "UnsubscribeHeader",
        TopicPreferences(True, {"news": "OptOut"}),
        TopicPreferences(False, {"news": "OptIn"}),
    ),
}


def event(fact: Fact, *, message_id: str = MESSAGE_ID, scope: Scope = SCOPE, at: Millis = HAPPENED_AT) -> Event:
    return Event(f"{message_id}/{kind_of(fact).value}", scope, message_id, at, at, fact)


def message(
    facts: MailFacts = FACTS, *, message_id: str = MESSAGE_ID, scope: Scope = SCOPE, at: Millis = ACCEPTED_AT
) -> MessageRow:
    return MessageRow(
        message_id,
        *scope,
        message_id,
        at,
        "SendEmail",
        facts.tags.get("ses:configuration-set", [""])[0],
        facts.sender,
        "Your reçu",
        512,
        len(facts.recipients),
        msgspec.json.encode(facts).decode(),
        "",
    )


def recipients(row: MessageRow) -> list[RecipientRow]:
    """Return a message's recipients as they are when it has just been accepted."""
    facts = msgspec.json.decode(row.mail, type=MailFacts)
    return [
        RecipientRow(row.message_id, number, *row.scope, address, row.accepted_at, "accepted", 0, row.accepted_at)
        for number, address in enumerate(facts.recipients)
    ]
