"""What a custom verification mail may say, whom it may come from, and where its link may lead."""

import msgspec
import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import custom_verification, identities
from pillarbox.resources.custom_verification import (
    Changes,
    CustomTemplate,
    CustomTemplateExists,
    CustomTemplateMissing,
    FromNotVerified,
    InvalidContent,
    check_content,
)
from pillarbox.store.engine import Store

NOON: Millis = 1_800_014_400_000
SCOPE = Scope("123456789012", "us-east-1")
GOOD = CustomTemplate(
    "welcome", "Desk <desk@example.com>", "Hi", "<p>Hi</p>", "https://example.com/yes", "https://example.com/no"
)


@pytest.fixture
async def shop(store: Store) -> Store:
    """A store in which example.com is verified."""
    await store.write(identities.vouch, SCOPE, "example.com", NOON)
    return store


async def test_a_template_is_kept_as_it_was_given(shop: Store) -> None:
    await shop.write(custom_verification.create, SCOPE, GOOD, NOON)
    assert await shop.read(custom_verification.existing, SCOPE, "welcome") == GOOD
    with pytest.raises(CustomTemplateExists):
        await shop.write(custom_verification.create, SCOPE, GOOD, NOON)


async def test_what_is_not_given_is_not_changed(shop: Store) -> None:
    await shop.write(custom_verification.create, SCOPE, GOOD, NOON, [("team", "a")])
    await shop.write(custom_verification.update, SCOPE, "welcome", Changes(subject="Bye"), NOON)
    changed = await shop.read(custom_verification.existing, SCOPE, "welcome")
    assert changed == msgspec.structs.replace(GOOD, subject="Bye", tags={"team": "a"})
    with pytest.raises(CustomTemplateMissing):
        await shop.write(custom_verification.update, SCOPE, "other", Changes(subject="Bye"), NOON)


@pytest.mark.parametrize(
    "sender",
    ["desk@other.example", "Desk <desk@other.example>", "desk@notexample.com", "desk@example.com.evil.example"],
)
async def test_the_sender_must_be_verified(shop: Store, sender: str) -> None:
    with pytest.raises(FromNotVerified) as refusal:
        await shop.write(custom_verification.create, SCOPE, msgspec.structs.replace(GOOD, sender=sender), NOON)
    assert refusal.value.members == {"FromEmailAddress": sender}


async def test_a_template_whose_sender_is_verified_no_more_is_not_sent(shop: Store) -> None:
    await shop.write(custom_verification.create, SCOPE, GOOD, NOON)
    assert await shop.read(custom_verification.sendable, SCOPE, "welcome") == GOOD
    await shop.write(identities.delete, SCOPE, "example.com")
    with pytest.raises(FromNotVerified):
        await shop.read(custom_verification.sendable, SCOPE, "welcome")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "javascript:alert(1)",
        "ftp://example.com/",
        "https:///path",
        "https://",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/a b",
        "https://example.com\\@evil.example/",
        "https://user@example.com/",
        "https://[",
        "https://exämple.com/",
    ],
)
async def test_a_redirection_must_be_an_address_on_the_web(shop: Store, url: str) -> None:
    for member in ("success_url", "failure_url"):
        with pytest.raises(Invalid):
            await shop.write(custom_verification.create, SCOPE, msgspec.structs.replace(GOOD, **{member: url}), NOON)


@pytest.mark.parametrize("change", [{"subject": ""}, {"subject": "a\r\nBcc: x@y.example"}, {"name": "two words"}])
async def test_what_cannot_be_a_template_is_refused(shop: Store, change: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        await shop.write(custom_verification.create, SCOPE, msgspec.structs.replace(GOOD, **change), NOON)


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n",
        "<a href='https://example.com'>x</a>",
        "<A\nhref=x>",
        "x<!-- y -->",
        "<script>1</script>",
        "<base href=x>",
        "x" * (10 * 1024 * 1024 + 1),
    ],
)
def test_content_that_such_a_mail_may_not_have_is_refused(content: str) -> None:
    with pytest.raises(InvalidContent):
        check_content(content)


@pytest.mark.parametrize("content", ["Hi", "<abbr>a</abbr><p style='color:red'>1 < 2 & <b>b</b>", "<!doctype html><p>"])
def test_other_content_is_taken(content: str) -> None:
    check_content(content)


async def test_an_account_has_50_templates_at_the_most(shop: Store) -> None:
    for number in range(50):
        await shop.write(custom_verification.create, SCOPE, msgspec.structs.replace(GOOD, name=f"t{number:02}"), NOON)
    with pytest.raises(LimitReached):
        await shop.write(custom_verification.create, SCOPE, GOOD, NOON)
    page = await shop.read(custom_verification.list_page, SCOPE, None, 20)
    rest = await shop.read(custom_verification.list_page, SCOPE, page.next_token, None)
    names = [one.name for one in (*page.templates, *rest.templates)]
    assert names == [f"t{number:02}" for number in range(50)]
    assert rest.next_token is None
