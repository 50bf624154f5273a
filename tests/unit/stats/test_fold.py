"""What each kind of event adds to which counters."""

from collections import Counter

import msgspec
import pytest

from pillarbox.events.types import (
    UNSUBSCRIBED,
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Fact,
    Open,
    Reject,
    Send,
    Subscription,
    TopicPreferences,
    kind_of,
)
from pillarbox.kit.clock import MINUTE
from pillarbox.stats.fold import GONE, About, Count, about, firsts, fold, spread
from pillarbox.stats.names import write_path
from tests.unit.events.examples import ACCEPTED_AT, FACTS, HAPPENED_AT, KINDS, event, message

MEMBERS = (("account", ""), ("identity", "example.com"), ("configuration-set", "orders"))
ABOUT = About(
    MEMBERS, ("example.com", "orders", ""), ["a@x.example", "b@x.example", "Bounce+1@Simulator.AmazonSES.com"]
)
ALONE = ABOUT._replace(recipients=["a@x.example"])
AT = HAPPENED_AT - HAPPENED_AT % MINUTE
PREFERS, LEFT = TopicPreferences(False, {"news": "OptIn"}), TopicPreferences(False, {"news": "OptOut"})


def _bounce(kind: str, subtype: str, *addresses: str) -> Bounce:
    return Bounce(kind, subtype, [BouncedRecipient(address) for address in addresses], "f")


def _counts(fact: Fact, known: About = ABOUT) -> list[Count]:
    return list(spread(Counter(fold(event(fact), known)), known.members, known.path))


def _of_account(fact: Fact) -> dict[str, int]:
    return {count.name: count.amount for count in _counts(fact) if count.dimension == "account"}


@pytest.mark.parametrize(
    "fact, counted",
    [
        (Send(), {"sent": 2, "sent.simulator": 1}),
        (Delivery(["a@x.example", "b@x.example"], "250 ok", 1, "mta", transport="mx"), {"delivered": 2}),
        (Delivery(["a@x.example"], "250 ok", 1, "mta", transport="capture"), {"captured": 1}),
        (
            Delivery(["a@x.example", "bounce@simulator.amazonses.com"], "250 ok", 1, "mta", None, "mx", True, True),
            {"delivered": 1, "delivered.with-pixel": 1, "delivered.with-links": 1, "delivered.simulator": 1},
        ),
        (
            Delivery(["a@x.example"], "250 ok", 1, "mta", None, "mx", with_links=True),
            {"delivered": 1, "delivered.with-links": 1},
        ),
        (
            Delivery(["a@x.example"], "250 ok", 1, "mta", None, "capture", with_pixel=True),
            {"captured": 1, "captured.with-pixel": 1},
        ),
        (
            Delivery(["success@simulator.amazonses.com"], "250 ok", 1, "mta", transport="simulator"),
            {"delivered.simulator": 1},
        ),
        (
            _bounce("Permanent", "General", "a@x.example", "b@x.example"),
            {"bounced.permanent": 2, "bounced.permanent:Permanent/General": 2},
        ),
        (
            _bounce("Permanent", "Suppressed", "a@x.example"),
            {"bounced.permanent": 1, "bounced.permanent:Permanent/Suppressed": 1},
        ),
        (
            _bounce("Permanent", "OnAccountSuppressionList", "a@x.example"),
            {"bounced.suppressed": 1, "bounced.suppressed:Permanent/OnAccountSuppressionList": 1},
        ),
        (
            _bounce("Permanent", UNSUBSCRIBED, "a@x.example"),
            {"bounced.suppressed": 1, "bounced.suppressed:Permanent/UnsubscribedRecipient": 1},
        ),
        (
            _bounce("Transient", "MailboxFull", "a@x.example"),
            {"bounced.transient": 1, "bounced.transient:Transient/MailboxFull": 1},
        ),
        (
            _bounce("Strange", "From a stranger", "a@x.example"),
            {"bounced.undetermined": 1, "bounced.undetermined:Undetermined/Other": 1},
        ),
        (
            _bounce("Permanent", "General", "a@x.example", "bounce@simulator.amazonses.com"),
            {
                "bounced.permanent": 1,
                "bounced.permanent:Permanent/General": 1,
                "bounced.simulator": 1,
                "bounced.simulator:Permanent/General": 1,
            },
        ),
        (Complaint(["a@x.example"], "f"), {"complained": 1, "complained:unknown": 1}),
        (
            Complaint(["a@x.example"], "f", feedback_type="Fraud"),
            {"complained": 1, "complained:fraud": 1},
        ),
        (
            Complaint(["a@x.example"], "f", feedback_type="of a stranger"),
            {"complained": 1, "complained:other": 1},
        ),
        (Complaint(["a@x.example"], "f", subtype="OnAccountSuppressionList"), {"complained.suppressed": 1}),
        (
            Complaint(["complaint@simulator.amazonses.com"], "f"),
            {"complained.simulator": 1, "complained.simulator:unknown": 1},
        ),
        (Reject(), {"rejected": 1}),
        (KINDS["delivery-delay"], {"delayed": 1, "delayed:MailboxFull": 1}),
        (DeliveryDelay("Strange", 0, [BouncedRecipient("a@x.example")]), {"delayed": 1, "delayed:Other": 1}),
        (KINDS["rendering-failure"], {"rendering-failed": 1}),
        (KINDS["open"], {"opened": 1, "opened.people": 1}),
        (Open("192.0.2.1", "a proxy", is_bot_event="Likely"), {"opened": 1}),
        (KINDS["click"], {"clicked": 1, "clicked.people": 1}),
        (KINDS["subscription"], {"subscription-changed": 1, "unsubscribed": 1}),
        (Subscription("l", "s", LEFT, PREFERS), {"subscription-changed": 1, "unsubscribed": 1}),
        (Subscription("l", "s", PREFERS, LEFT), {"subscription-changed": 1}),
    ],
    ids=lambda value: kind_of(value).value if not isinstance(value, dict) else "+".join(value),
)
def test_an_event_counts_each_recipient_that_it_names(fact: Fact, counted: dict[str, int]) -> None:
    assert _of_account(fact) == counted


def test_an_event_counts_by_everything_that_its_message_has_in_the_minute_of_its_own_time() -> None:
    assert set(_counts(Reject())) == {Count(dimension, member, "rejected", AT, 1) for dimension, member in MEMBERS}


def test_recipients_count_for_their_domains() -> None:
    sent = [one for one in _counts(Send()) if one.dimension == "recipient-domain"]

    assert sent == [
        Count("recipient-domain", "x.example", "sent", AT, 2),
        Count("recipient-domain", "simulator.amazonses.com", "sent.simulator", AT, 1),
    ]


@pytest.mark.parametrize("known, counts", [(ALONE, True), (ABOUT, False)])
def test_only_mail_to_one_recipient_counts_for_its_path(known: About, counts: bool) -> None:
    paths = [one for one in _counts(Send(), known) if one.dimension == "path"]

    path = write_path("example.com", "orders", "", "x.example")
    assert paths == ([Count("path", path, "sent", AT, 1)] if counts else [])


def test_mail_to_the_simulator_counts_for_no_path() -> None:
    known = ABOUT._replace(recipients=["success@simulator.amazonses.com"])

    assert [one for one in _counts(Send(), known) if one.dimension == "path"] == []


def test_a_click_counts_for_its_link() -> None:
    click = Click("192.0.2.1", "Firefox", "https://shop.example/", recipient="a@x.example")

    links = [one for one in _counts(click) if one.dimension == "link"]

    assert [(one.member, one.name) for one in links] == [
        ("https://shop.example/", "clicked"),
        ("https://shop.example/", "clicked.people"),
    ]


def test_an_open_is_the_first_of_whoever_is_known_to_have_made_it() -> None:
    mine = firsts(event(Open("192.0.2.1", "x", recipient="b@x.example")), ABOUT)
    of_one = firsts(event(Open("192.0.2.1", "x")), ALONE)
    of_nobody = firsts(event(Open("192.0.2.1", "x")), ABOUT)

    assert [[one.recipient for one in found] for found in (mine, of_one, of_nobody)] == [
        ["b@x.example"] * 2,
        ["a@x.example"] * 2,
        [""] * 2,
    ]


def test_clicks_are_unique_by_message_and_by_link() -> None:
    click = Click("192.0.2.1", "x", "https://shop.example/", is_bot_event="Likely", recipient="a@x.example")

    assert [first.mark for first in firsts(event(click), ABOUT)] == [
        "clicked.unique",
        "clicked.unique https://shop.example/",
    ]


def test_of_a_message_that_is_gone_the_account_is_still_counted() -> None:
    assert _counts(Reject(), GONE) == [Count("account", "", "rejected", AT, 1)]
    assert _counts(Send(), GONE) == []
    assert firsts(event(KINDS["click"]), GONE) == []


def test_a_message_counts_by_domain_identity_set_tenant_template_and_the_tags_that_are_asked_for() -> None:
    facts = msgspec.structs.replace(
        FACTS,
        sender_address="Ann@Mail.Example.COM",
        source_identity="ann@mail.example.com",
        tenant="acme",
        template="receipt",
        tags=FACTS.tags | {"customer": ["7"]},
    )

    known = about(message(facts), {"customer": ACCEPTED_AT, "campaign": ACCEPTED_AT + 1, "none": 0})

    assert known == About(
        (
            ("account", ""),
            ("identity", "mail.example.com"),
            ("identity", "ann@mail.example.com"),
            ("configuration-set", "orders"),
            ("tenant", "acme"),
            ("template", "receipt"),
            ("tag:customer", "7"),
        ),
        ("ann@mail.example.com", "orders", "acme"),
        FACTS.recipients,
    )
