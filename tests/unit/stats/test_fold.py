"""What each kind of event adds to which counters."""

import msgspec
import pytest

from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Delivery, Fact, Reject, Send, kind_of
from pillarbox.stats.fold import BUCKET, About, Count, about, bucket_of, fold
from tests.unit.events.examples import FACTS, HAPPENED_AT, KINDS, event, message

ABOUT = About("orders", "example.com", ["a@x.example", "b@x.example", "Bounce+1@Simulator.AmazonSES.com"])


def _bounce(kind: str, subtype: str, *addresses: str) -> Bounce:
    return Bounce(kind, subtype, [BouncedRecipient(address) for address in addresses], "f")


def _of_account(fact: Fact, known: About | None = ABOUT) -> dict[str, int]:
    return {count.name: count.amount for count in fold(event(fact), known) if count.dimension == "account"}


@pytest.mark.parametrize(
    "fact, counted",
    [
        (Send(), {"sent": 2, "sent.simulator": 1}),
        (Delivery(["a@x.example", "b@x.example"], "250 ok", 1, "mta", transport="mx"), {"delivered": 2}),
        (Delivery(["a@x.example"], "250 ok", 1, "mta", transport="capture"), {"captured": 1}),
        (
            Delivery(["success@simulator.amazonses.com"], "250 ok", 1, "mta", transport="simulator"),
            {"delivered.simulator": 1},
        ),
        (_bounce("Permanent", "General", "a@x.example", "b@x.example"), {"bounced.permanent": 2}),
        (_bounce("Permanent", "Suppressed", "a@x.example"), {"bounced.permanent": 1}),
        (_bounce("Permanent", "OnAccountSuppressionList", "a@x.example"), {"bounced.suppressed": 1}),
        (_bounce("Transient", "MailboxFull", "a@x.example"), {"bounced.transient": 1}),
        (_bounce("Undetermined", "Undetermined", "a@x.example"), {"bounced.undetermined": 1}),
        (
            _bounce("Permanent", "General", "a@x.example", "bounce@simulator.amazonses.com"),
            {"bounced.permanent": 1, "bounced.simulator": 1},
        ),
        (Complaint(["a@x.example"], "f"), {"complained": 1}),
        (Complaint(["a@x.example"], "f", subtype="OnAccountSuppressionList"), {"complained.suppressed": 1}),
        (Complaint(["complaint@simulator.amazonses.com"], "f"), {"complained.simulator": 1}),
        (Reject(), {"rejected": 1}),
        (KINDS["delivery-delay"], {"delayed": 1}),
        (KINDS["rendering-failure"], {"rendering-failed": 1}),
        (KINDS["open"], {"opened": 1}),
        (KINDS["click"], {"clicked": 1}),
        (KINDS["subscription"], {"subscription-changed": 1}),
    ],
    ids=lambda value: kind_of(value).value if not isinstance(value, dict) else "+".join(value),
)
def test_an_event_counts_each_recipient_that_it_names(fact: Fact, counted: dict[str, int]) -> None:
    assert _of_account(fact) == counted


def test_an_event_counts_for_account_domain_and_configuration_set_in_the_interval_of_its_own_time() -> None:
    bucket = HAPPENED_AT - HAPPENED_AT % BUCKET

    assert set(fold(event(KINDS["open"]), ABOUT)) == {
        Count("account", "", "opened", bucket, 1),
        Count("identity", "example.com", "opened", bucket, 1),
        Count("configuration-set", "orders", "opened", bucket, 1),
    }


def test_an_interval_begins_on_the_quarter_hour() -> None:
    quarter = 1_900_000 * BUCKET

    assert [bucket_of(quarter), bucket_of(quarter + BUCKET - 1)] == [quarter, quarter]
    assert bucket_of(quarter - 1) == quarter - BUCKET


def test_mail_without_a_configuration_set_counts_for_none() -> None:
    counts = fold(event(Reject()), ABOUT._replace(configuration_set=""))

    assert {count.dimension for count in counts} == {"account", "identity"}


def test_of_a_message_that_is_gone_the_account_is_still_counted() -> None:
    assert fold(event(KINDS["open"]), None) == [Count("account", "", "opened", bucket_of(HAPPENED_AT), 1)]
    assert fold(event(Send()), None) == []


def test_a_message_counts_for_the_domain_of_its_sender() -> None:
    facts = msgspec.structs.replace(FACTS, sender_address="Ann@Mail.Example.COM")

    assert about(message(facts)) == About("orders", "mail.example.com", FACTS.recipients)
