"""Mail is tracked when somebody is to be told, and its links lead where the configuration set says."""

from dataclasses import replace

import msgspec
import pytest

from pillarbox.delivery import tracking
from pillarbox.delivery.prepare import Preparer, Site
from pillarbox.delivery.tracking import UNMARKED, Marks, Tracker, Wanted
from pillarbox.events.types import MailFacts
from pillarbox.kit.ids import Scope
from pillarbox.kit.tracking_links import EVERYONE, Link, TrackingLinks
from pillarbox.pubsub import topics
from pillarbox.resources import configuration_sets, event_destinations
from pillarbox.resources.configuration_set_options import HttpsPolicy
from pillarbox.resources.configuration_set_options import Tracking as Options
from pillarbox.sending.accept import Promise
from pillarbox.sending.draft import Simple, Text
from pillarbox.store.engine import Store
from tests.support.clock import NOON, StandingClock
from tests.support.html_tokens import anchors
from tests.support.preparer import KEYRING, RETURN_PATHS
from tests.support.promises import SCOPE, draft, promise

LINKS = TrackingLinks({56: b"k" * 32})
URL = "https://t.example.org"


@pytest.mark.parametrize(
    "policy, domain, expected",
    [
        ("OPTIONAL", "c.example", ("http://c.example", "http://c.example", "https://c.example")),
        ("REQUIRE", "c.example", ("https://c.example", "https://c.example", "https://c.example")),
        ("REQUIRE_OPEN_ONLY", "c.example", ("https://c.example", "http://c.example", "https://c.example")),
        ("OPTIONAL", "", (URL, URL, URL)),
        ("REQUIRE", "", (URL, URL, URL)),
    ],
)
def test_links_are_safe_as_far_as_the_policy_wants(
    policy: HttpsPolicy, domain: str, expected: tuple[str, str, str]
) -> None:
    found = Tracker(LINKS, URL + "/").tracking(Wanted(True, True, Options(domain, policy)), 0)

    assert (found.pixels, found.http, found.https) == expected


async def destination(store: Store, name: str, kinds: list[str], enabled: bool = True) -> None:
    await store.write(topics.create, SCOPE, "news", {}, {}, NOON)
    asked = event_destinations.Wanted(name, enabled, kinds, ["SNS"], topics.arn_of(SCOPE, "news"))
    await store.write(event_destinations.create, SCOPE, "set", asked, NOON)


async def test_what_is_tracked_is_what_the_destinations_want_together(store: Store) -> None:
    await store.write(configuration_sets.create, SCOPE, "set", NOON)
    await destination(store, "one", ["Send", "Open"])
    assert await store.read(tracking.wanted, SCOPE, "set") == Wanted(True, False, Options())

    await destination(store, "two", ["Click"])
    assert await store.read(tracking.wanted, SCOPE, "set") == Wanted(True, True, Options())


@pytest.mark.parametrize("kinds, enabled", [(["Send", "Delivery"], True), (["Open", "Click"], False)])
async def test_mail_stays_as_it_is_where_nobody_wants_to_know(store: Store, kinds: list[str], enabled: bool) -> None:
    await store.write(configuration_sets.create, SCOPE, "set", NOON)
    await destination(store, "one", kinds, enabled)

    assert await store.read(tracking.wanted, SCOPE, "set") is None
    assert await store.read(tracking.wanted, SCOPE, "") is None
    assert await store.read(tracking.wanted, SCOPE, "no-such-set") is None
    assert await store.read(tracking.wanted, Scope("210987654321", "us-east-1"), "set") is None


def html_mail(*recipients: str, configuration_set: str | None = "set") -> Promise:
    content = Simple(Text("A subject"), html=Text('<a href="http://www.example.com/">x</a>'))
    return promise(replace(draft(*recipients, configuration_set=configuration_set), content=content), NOON)


async def link_in(store: Store, made: Promise, *recipients: str) -> Link | None:
    """Return what the link of the copy for these recipients says; None for one that is not tracked."""
    site = Site("mail.example.org", "mta.mail.example.org", URL)
    preparer = Preparer(store, KEYRING, StandingClock(), site, RETURN_PATHS, tracker=Tracker(LINKS, site.tracking_url))
    left = (await preparer.prepare(made.message, made.body, recipients)).data.decode()
    href = anchors(left)[0][0]
    if href == "http://www.example.com/":
        return None
    found = LINKS.read(href.removeprefix(URL).encode())
    assert isinstance(found, Link)
    return found


@pytest.mark.parametrize(
    "copy_for, number",
    [(("a@example.net",), 0), (("b@example.net",), 1), (("a@example.net", "b@example.net"), EVERYONE)],
)
async def test_a_copy_for_one_tells_who_that_is_and_one_for_several_does_not(
    store: Store, copy_for: tuple[str, ...], number: int
) -> None:
    await store.write(configuration_sets.create, SCOPE, "set", NOON)
    await destination(store, "one", ["Click"])
    made = html_mail("a@example.net", "b@example.net")

    found = await link_in(store, made, *copy_for)

    assert found == Link(made.message.message_id, number, 1, "http://www.example.com/", "")


async def test_what_leaves_tells_by_what_it_is_tracked(store: Store) -> None:
    await store.write(configuration_sets.create, SCOPE, "set", NOON)
    await destination(store, "one", ["Click"])
    site = Site("mail.example.org", "mta.mail.example.org", URL)
    preparer = Preparer(store, KEYRING, StandingClock(), site, RETURN_PATHS, tracker=Tracker(LINKS, site.tracking_url))
    text = promise(draft("a@example.net", configuration_set="set"), NOON)

    found = [
        (await preparer.prepare(one.message, one.body, ["a@example.net"])).marks
        for one in (html_mail("a@example.net"), text)
    ]

    assert found == [Marks(links=True), UNMARKED]


async def test_mail_of_no_set_is_not_tracked_nor_is_that_of_the_service(store: Store) -> None:
    await store.write(configuration_sets.create, SCOPE, "set", NOON)
    await destination(store, "one", ["Click"])
    assert await link_in(store, html_mail("a@example.net", configuration_set=None), "a@example.net") is None

    made = html_mail("a@example.net")
    mail = msgspec.structs.replace(msgspec.json.decode(made.message.mail, type=MailFacts), return_path="")
    ours = replace(made, message=made.message._replace(mail=msgspec.json.encode(mail).decode()))
    assert await link_in(store, ours, "a@example.net") is None
