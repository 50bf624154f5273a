"""The mail that asks the owner of an address: when there is one, and where the link stands in it."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from pillarbox.delivery.route import RouteTable
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import identities
from pillarbox.resources.custom_verification import CustomTemplate
from pillarbox.resources.identity_names import InvalidIdentity
from pillarbox.sending.verification_mail import VerificationMail, with_link
from pillarbox.store import messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import Search
from tests.support.clock import NOON

URL = "https://mail.example/verification/abc?x=1&y=2"


def html_of(content: str) -> str:
    simple = with_link(CustomTemplate("n", "d@example.com", "Grüße", content, "https://a.b/", "https://a.b/"), URL)
    assert simple.subject.data == "Grüße"
    assert simple.html is not None
    return simple.html.data


@pytest.mark.parametrize(
    ("content", "before", "after"),
    [
        ("Hi", "Hi\n", ""),
        ("<html><body><p>Hi</p></body></html>", "<html><body><p>Hi</p>\n", "</body></html>"),
        ("<HTML><p>Hi</HTML >", "<HTML><p>Hi\n", "</HTML >"),
    ],
)
def test_the_link_follows_the_content_and_stays_in_the_document(content: str, before: str, after: str) -> None:
    html = html_of(content)
    assert html.startswith(before + '<p><a href="https://mail.example/verification/abc?x=1&amp;y=2"')
    assert html.endswith(after)
    assert html.count("<a ") == 1
    assert "ses:no-track" in html


def test_the_recipient_is_told_what_to_do_with_a_mail_that_they_did_not_ask_for() -> None:
    assert "If you did not ask for this message" in html_of("Hi")


SCOPE = Scope("123456789012", "us-east-1")
CREATING = partial(identities.create, verify_at_once=False)


class ElsewhereStore:
    """Runs plans as another process would: nothing gets there that does not fit into a pickle."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, planner: Callable[..., Any], *args: Any) -> Any:
        planner, args = pickle.loads(pickle.dumps((planner, args)))
        return await self._store.write(planner, *args)


def asking(*, verify_at_once: bool = False) -> VerificationMail:
    return VerificationMail(
        Keyring({"1": bytes(32)}),
        RouteTable(),
        public_url="https://mail.example",
        service_domain="service.example",
        verify_at_once=verify_at_once,
    )


async def recipients_of_mail(store: Store) -> list[str]:
    rows = await store.read(messages.newest, Search(), 10)
    return [recipient.address for row in rows for recipient in await store.read(messages.recipients_of, row.message_id)]


async def test_both_ways_to_an_identity_ask_its_owner_in_any_process(store: Store) -> None:
    elsewhere = cast(Store, ElsewhereStore(store))
    await asking().verify(elsewhere, SCOPE, "a@example.com", NOON)
    await asking().create(elsewhere, CREATING, SCOPE, "b@example.com", NOON)
    assert sorted(await recipients_of_mail(store)) == ["a@example.com", "b@example.com"]


async def test_nobody_is_asked_about_a_domain_or_what_is_verified_or_cannot_be(store: Store) -> None:
    await asking().create(store, CREATING, SCOPE, "example.com", NOON)
    await asking(verify_at_once=True).verify(store, SCOPE, "a@example.com", NOON)
    await asking().verify(store, SCOPE, "a@example.com", NOON)
    for name in ("no address", "Jane <jane@example.com>"):
        with pytest.raises(InvalidIdentity):
            await asking().verify(store, SCOPE, name, NOON)
    assert await recipients_of_mail(store) == []
    assert (await store.read(identities.existing, SCOPE, "a@example.com")).status == "Success"


async def test_an_identity_that_cannot_be_created_sends_no_mail(store: Store) -> None:
    await store.write(identities.vouch, SCOPE, "a@example.com", NOON)
    with pytest.raises(identities.IdentityExists):
        await asking().create(store, CREATING, SCOPE, "a@example.com", NOON)
    assert await recipients_of_mail(store) == []
