"""What follows from the outcomes of one attempt."""

import msgspec
import pytest

from pillarbox.delivery.close import close, reject
from pillarbox.delivery.outcome import Accepted, Deferred, Delivered, Postponed, Refused, Suppressed
from pillarbox.delivery.retry import GIVE_UP_AFTER
from pillarbox.delivery.tracking import Marks
from pillarbox.events.types import Bounce, Complaint, Delivery, DeliveryDelay, Kind, Reject
from pillarbox.kit.clock import MINUTE
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.upstream_ids import UpstreamId

NOON = 1_790_000_000_000
MTA = "mta.example.org"


def row(*recipients: str, attempts: int = 0, why: str = "") -> OutgoingRow:
    addresses = msgspec.json.encode(recipients or ("a@example.net",)).decode()
    return OutgoingRow("m1", 0, "1", "us-east-1", "lane", "smtp", addresses, NOON, NOON, attempts, "lease", why)


def test_recipients_that_got_the_same_reply_share_one_delivery() -> None:
    closed = close(row("a@x", "b@x"), {"a@x": Delivered("250 ok"), "b@x": Delivered("250 ok")}, MTA, NOON + 250)

    (event,) = closed.events
    assert event.fact == Delivery(["a@x", "b@x"], "250 ok", 250, MTA, None, "smtp")
    assert closed.closing.recipients is None


def test_a_delivery_says_by_what_the_mail_was_tracked() -> None:
    outcomes = {"a@x": Delivered("250 ok")}

    (event,) = close(row("a@x"), outcomes, MTA, NOON, marks=Marks(pixel=True)).events
    (plain,) = close(row("a@x"), outcomes, MTA, NOON).events

    assert isinstance(event.fact, Delivery) and isinstance(plain.fact, Delivery)
    assert (event.fact.with_pixel, event.fact.with_links) == (True, False)
    assert (plain.fact.with_pixel, plain.fact.with_links) == (False, False)


def test_each_recipient_has_its_own_outcome() -> None:
    outcomes = {
        "a@x": Delivered("250 ok"),
        "b@x": Refused("550 5.1.1 no such user"),
        "c@x": Deferred("busy", "451 4.3.2 busy"),
    }
    closed = close(row("a@x", "b@x", "c@x"), outcomes, MTA, NOON)

    assert [event.kind for event in closed.events] == [Kind.DELIVERY, Kind.BOUNCE, Kind.DELIVERY_DELAY]
    assert closed.closing.recipients == '["c@x"]'
    assert NOON + MINUTE <= closed.closing.due_at < NOON + 2 * MINUTE


def test_a_refusal_is_a_permanent_bounce_with_its_code_and_words() -> None:
    (event,) = close(row("a@x"), {"a@x": Refused("550 5.1.1 user unknown")}, MTA, NOON).events

    assert isinstance(event.fact, Bounce)
    assert (event.fact.bounce_type, event.fact.bounce_subtype) == ("Permanent", "General")
    (bounced,) = event.fact.recipients
    assert (bounced.action, bounced.status, bounced.diagnostic_code) == (
        "failed",
        "5.1.1",
        "smtp; 550 5.1.1 user unknown",
    )


def test_a_complaint_that_is_known_at_once_follows_its_delivery() -> None:
    closed = close(row("a@x"), {"a@x": Delivered("250 ok", complaint="abuse")}, MTA, NOON)

    delivery, complaint = (event.fact for event in closed.events)
    assert isinstance(delivery, Delivery)
    assert isinstance(complaint, Complaint)
    assert complaint.feedback_type == "abuse"


def test_a_recipient_without_an_outcome_is_tried_again() -> None:
    closed = close(row("a@x", "b@x"), {"a@x": Delivered("250 ok")}, MTA, NOON)

    assert closed.closing.recipients == '["b@x"]'
    assert "no answer" in closed.closing.why


def test_a_delay_is_told_once_for_each_reason() -> None:
    first = close(row("a@x"), {"a@x": Deferred("busy", "451 4.3.2 busy")}, MTA, NOON)
    again = close(row("a@x", attempts=1, why=first.closing.why), {"a@x": Deferred("busy", "451 4.3.2 busy")}, MTA, NOON)
    full = close(row("a@x", attempts=2, why=first.closing.why), {"a@x": Deferred("full", "452 4.2.2 full")}, MTA, NOON)

    assert [event.kind for event in first.events] == [Kind.DELIVERY_DELAY]
    assert again.events == ()
    (event,) = full.events
    assert isinstance(event.fact, DeliveryDelay)
    assert event.fact.delay_type == "MailboxFull"
    assert event.fact.expires_at == NOON + GIVE_UP_AFTER


@pytest.mark.parametrize(
    ("outcome", "subtype", "status"),
    [
        (Deferred("connect timed out"), "General", "4.4.7"),
        (Deferred("full", "452 4.2.2 mailbox full"), "MailboxFull", "4.2.2"),
    ],
)
def test_after_the_time_for_trying_a_deferral_is_a_transient_bounce(
    outcome: Deferred, subtype: str, status: str
) -> None:
    late = NOON + GIVE_UP_AFTER
    closed = close(row("a@x", attempts=20), {"a@x": outcome}, MTA, late)

    (event,) = closed.events
    assert isinstance(event.fact, Bounce)
    assert (event.fact.bounce_type, event.fact.bounce_subtype) == ("Transient", subtype)
    assert event.fact.recipients[0].status == status
    assert closed.closing.recipients is None


def test_a_rejected_mail_is_never_tried() -> None:
    closed = reject(row("a@x"), "Bad content", NOON)

    assert [event.fact for event in closed.events] == [Reject("Bad content")]
    assert closed.closing.recipients is None


def test_the_events_of_one_attempt_have_names_of_their_own() -> None:
    closed = close(row("a@x", "b@x"), {"a@x": Delivered("250 ok"), "b@x": Refused("550 no")}, MTA, NOON)
    later = close(row("a@x", attempts=1), {"a@x": Delivered("250 ok")}, MTA, NOON)

    names = [event.event_id for event in (*closed.events, *later.events)]
    assert len(set(names)) == 3


def test_what_another_ses_accepted_is_linked_and_not_yet_delivered() -> None:
    taken = Accepted("250 accepted", "eu", "0102-x")
    closed = close(row("a@x", "b@x"), {"a@x": taken, "b@x": taken}, MTA, NOON)

    assert closed.events == () and closed.closing.recipients is None
    assert closed.links == (UpstreamId("eu", "0102-x", "m1", NOON),)


def test_what_is_postponed_is_no_attempt_no_event_and_never_given_up() -> None:
    later = NOON + 2 * GIVE_UP_AFTER
    closed = close(row("a@x"), {"a@x": Postponed("too fast", 1.0, throttled=True)}, MTA, later)

    assert closed.events == ()
    assert (closed.closing.recipients, closed.closing.why) == ('["a@x"]', "too fast")
    assert (closed.closing.due_at, closed.closing.tries, closed.closing.lane) == (later + 1000, 0, "")


def test_behind_a_closed_lane_mail_is_due_at_once() -> None:
    closed = close(row("a@x"), {"a@x": Postponed("used up", 120.0, closed=True)}, MTA, NOON)

    assert (closed.closing.due_at, closed.closing.tries) == (NOON, 0)


def test_what_one_upstream_does_not_take_waits_in_the_lane_of_the_next() -> None:
    given = row("a@x")._replace(lane="1/us-east-1/ses/eu", transport="ses")
    closed = close(given, {"a@x": Postponed("paused", provider="us")}, MTA, NOON)

    assert (closed.closing.lane, closed.closing.due_at) == ("1/us-east-1/ses/us", NOON)


def test_an_attempt_that_made_events_counts_though_others_are_postponed() -> None:
    outcomes = {"a@x": Suppressed(Reason.BOUNCE), "b@x": Postponed("too fast", 1.0, throttled=True)}
    closed = close(row("a@x", "b@x"), outcomes, MTA, NOON)

    assert [event.kind for event in closed.events] == [Kind.BOUNCE]
    assert (closed.closing.recipients, closed.closing.tries) == ('["b@x"]', 1), "events are known by their attempt"
