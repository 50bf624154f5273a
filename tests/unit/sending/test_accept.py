"""From a draft to a promise, and what stands against it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.events.types import Kind, RenderingFailure
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import read_message_id
from pillarbox.sending.accept import accept, keep_promises
from pillarbox.sending.draft import Draft, Raw, Templated
from pillarbox.sending.envelope import header_tags, read_envelope
from pillarbox.sending.policy import (
    AccountPaused,
    ConfigurationSetMissing,
    ConfigurationSetPaused,
    DailyQuotaExceeded,
    InvalidMessage,
    NotVerified,
    Standing,
)
from pillarbox.sending.render import InvalidTemplateData
from pillarbox.store import events, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from tests.support.promises import SCOPE, draft, promise

NOON = 1_790_000_000_000
GOOD = Standing(
    verified=frozenset({"example.com"}),
    any_sender=False,
    account_sends=True,
    configuration_set_exists=True,
    configuration_set_sends=True,
    sandbox=False,
    recipient_covers={},
)


def reason_against(asked: Draft, standing: Standing = GOOD) -> Refusal:
    with pytest.raises(Refusal) as refused:
        accept(asked, read_envelope(asked), standing, RouteTable(), NOON)
    return refused.value


def test_a_promise_has_a_message_its_recipients_and_a_way_for_each() -> None:
    made = promise(draft("a@example.net", "b@example.org", "bounce@simulator.amazonses.com"), NOON)

    assert [row.address for row in made.recipients] == [
        "a@example.net",
        "b@example.org",
        "bounce@simulator.amazonses.com",
    ]
    assert [(row.transport, row.recipients) for row in made.outgoing] == [
        ("capture", '["a@example.net"]'),
        ("capture", '["b@example.org"]'),
        ("simulator", '["bounce@simulator.amazonses.com"]'),
    ]
    parts = read_message_id(made.message.message_id)
    assert parts is not None
    assert (parts.region, parts.at) == ("us-east-1", NOON)
    assert made.quota_recipients == 2, "the simulator costs no quota"


def test_a_recipient_named_twice_gets_one_mail() -> None:
    assert len(promise(draft("a@example.net", "a@example.net"), NOON).recipients) == 1


@pytest.mark.parametrize("count", [0, 51])
def test_there_are_one_to_fifty_recipients(count: int) -> None:
    asked = replace(draft(), to=tuple(f"a{number}@example.net" for number in range(count)))

    assert isinstance(reason_against(asked), InvalidMessage)


def test_the_size_is_that_of_the_whole_message() -> None:
    asked = replace(draft(text="x" * 5000), size_limit=4000)

    assert str(reason_against(asked)).startswith("Message length is more than 4000 bytes long: '5")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("", "v", "The tag name must be specified."),
        ("n", "", "The tag value must be specified."),
        ("n" * 256, "v", "Tag name cannot exceed 255 characters."),
        ("n", "v" * 256, "Tag value cannot exceed 255 characters."),
        ("a b", "v", "Invalid tag name <a b>: only alphanumeric ASCII characters, '_',  '-' are allowed."),
        ("ses:x", "v", "Invalid tag name <ses:x>: only alphanumeric ASCII characters, '_',  '-' are allowed."),
        ("n", "a b", "Invalid tag value <a b>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed."),
    ],
)
def test_tags_are_checked_with_the_words_of_ses(name: str, value: str, text: str) -> None:
    assert str(reason_against(replace(draft(), tags=((name, value),)))) == text


def test_tag_values_may_be_addresses() -> None:
    asked = replace(draft(), tags=(("customer", "a.b@example.com"), ("ses:feedback-id-a", "x")))

    made = accept(asked, read_envelope(asked), GOOD, RouteTable(), NOON)
    assert '"customer":["a.b@example.com"]' in made.message.mail


def test_a_sender_must_be_verified() -> None:
    reason = reason_against(draft(), replace(GOOD, verified=frozenset({"example.org"})))

    assert isinstance(reason, NotVerified)
    assert str(reason) == (
        "Email address is not verified. The following identities failed the check in region US-EAST-1: "
        "Sender <sender@example.com>"
    )


def test_a_return_path_must_be_verified_too() -> None:
    asked = replace(draft(), return_path="bounces@example.org")

    assert "bounces@example.org" in str(reason_against(asked))


@pytest.mark.parametrize("name", ["sender@example.com", "example.com", "com"])
def test_an_address_a_domain_or_a_parent_domain_covers_the_sender(name: str) -> None:
    asked = draft()

    assert accept(asked, read_envelope(asked), replace(GOOD, verified=frozenset({name})), RouteTable(), NOON)


def test_in_the_sandbox_recipients_must_be_verified() -> None:
    covers = {"a@example.net": ("a@example.net", "example.net", "net"), "success@simulator.amazonses.com": ()}
    sandboxed = replace(GOOD, sandbox=True, recipient_covers=covers)
    asked = draft("a@example.net", "success@simulator.amazonses.com")

    assert str(reason_against(asked, sandboxed)).endswith("US-EAST-1: a@example.net")


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (replace(GOOD, account_sends=False), AccountPaused),
        (replace(GOOD, configuration_set_exists=False), ConfigurationSetMissing),
        (replace(GOOD, configuration_set_sends=False), ConfigurationSetPaused),
    ],
)
def test_pauses_and_missing_sets_stop_a_send(standing: Standing, kind: type[Refusal]) -> None:
    assert isinstance(reason_against(draft(configuration_set="bulk"), standing), kind)


RAW = b"From: Me <me@example.com>\r\nTo: a@example.net\r\nBcc: b@example.net\r\nSubject: x\r\n\r\nbody\r\n"


def raw_draft(data: bytes = RAW, **given: object) -> Draft:
    asked = replace(draft(), content=Raw(data), sender=None, to=())
    return replace(asked, **given)  # type: ignore[arg-type]


def test_raw_mail_goes_to_whom_its_headers_name() -> None:
    assert read_envelope(raw_draft()).prepared.recipients == ("a@example.net", "b@example.net")


def test_destinations_override_the_headers() -> None:
    asked = raw_draft(content=Raw(RAW, ("c@example.net",)))

    assert read_envelope(asked).prepared.recipients == ("c@example.net",)


def test_control_headers_count_where_the_call_says_nothing() -> None:
    data = b"X-SES-CONFIGURATION-SET: bulk\r\nX-SES-MESSAGE-TAGS: a=1, c=d\r\n" + RAW

    prepared = read_envelope(raw_draft(data)).prepared
    assert (prepared.configuration_set, prepared.tags) == ("bulk", (("a", "1"), ("c", "d")))
    prepared = read_envelope(raw_draft(data, configuration_set="mine", tags=(("b", "2"),))).prepared
    assert (prepared.configuration_set, prepared.tags) == ("mine", (("b", "2"),))


def test_raw_mail_without_any_header_is_sent_when_the_call_names_both_sides() -> None:
    asked = raw_draft(content=Raw(b"\r\njust text\r\n", ("a@example.net",)), sender="me@example.com")

    envelope = read_envelope(asked)
    assert envelope.headers == ()
    assert envelope.from_domain == ""
    assert promise(asked, NOON).message.sender == "me@example.com"


def test_raw_mail_without_a_sender_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="Missing required header 'From'"):
        read_envelope(raw_draft(content=Raw(b"Subject: x\r\n\r\ny", ("a@example.net",))))


@pytest.mark.parametrize(
    ("value", "tags"), [("", ()), ("a=1", (("a", "1"),)), (" a=1 ,, b = 2,c", (("a", "1"), ("b", "2"), ("c", "")))]
)
def test_header_tags_are_pairs(value: str, tags: tuple[tuple[str, str], ...]) -> None:
    assert header_tags(value) == tags


async def test_the_daily_quota_is_judged_with_the_write(tmp_path: Path) -> None:
    store: Store = await SqliteStore.open(tmp_path)

    verdicts = [await store.commit(keep_promises, promise(draft(), NOON, daily_limit=2)) for _ in range(3)]
    free = await store.commit(keep_promises, promise(draft("success@simulator.amazonses.com"), NOON, daily_limit=2))

    assert [type(verdict) for verdict in verdicts] == [type(None), type(None), DailyQuotaExceeded]
    assert free is None
    assert await store.read(messages.recipients_since, SCOPE, NOON - 1) == 2
    assert await store.read(outgoing.size) == 3
    await store.close()


async def test_promises_kept_together_share_the_quota(tmp_path: Path) -> None:
    store: Store = await SqliteStore.open(tmp_path)
    made = [promise(draft(), NOON, daily_limit=2) for _ in range(4)]

    verdicts = await store.write(keep_promises, made)

    assert [verdict is None for verdict in verdicts] == [True, True, False, False]
    assert [event.kind for event in await store.read(events.of_message, made[0].message.message_id)] == ["Send"]
    assert await store.read(messages.get, made[3].message.message_id) is None
    await store.close()


def templated(data: str, text: str = "Dear {{name}},") -> Draft:
    return replace(draft(), content=Templated("welcome", "Hello {{name}}", text, None, data))


def test_a_template_is_filled_in_when_the_send_is_accepted() -> None:
    made = promise(templated('{"name": "Ada"}'), NOON)

    assert made.message.subject == "Hello Ada"
    assert b"\r\nDear Ada,\r\n" in made.body
    assert [event.kind for event in made.events] == [Kind.SEND]
    assert '"templated":true' in made.message.mail


def test_a_template_without_its_data_is_accepted_and_told_as_a_failure() -> None:
    made = promise(templated("{}"), NOON)

    assert [event.kind for event in made.events] == [Kind.SEND, Kind.RENDERING_FAILURE]
    assert made.events[1].fact == RenderingFailure("welcome", "Attribute 'name' is not present in the rendering data.")
    assert made.outgoing == ()


def test_data_that_is_no_json_object_is_refused_at_once() -> None:
    with pytest.raises(InvalidTemplateData):
        read_envelope(templated("[1]"))


def test_template_data_cannot_add_a_header() -> None:
    with pytest.raises(Refusal):
        read_envelope(templated('{"name": "Ada\\r\\nBcc: victim@example.org"}', text="x"))


def test_a_template_that_cannot_be_filled_is_told_of_however_it_is_written() -> None:
    asked = replace(draft(), content=Templated("welcome", "Hello {{\nname\n}}", "x", None, "{}"))

    assert [event.kind for event in promise(asked, NOON).events] == [Kind.SEND, Kind.RENDERING_FAILURE]
