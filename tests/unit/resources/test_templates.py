"""Templates as they are kept."""

import pytest

from pillarbox.kit.errors import Invalid, LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import tags, templates
from pillarbox.resources.templates import Listed, Template, TemplateExists, TemplateMissing
from pillarbox.resources.unsupported import Unsupported
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")
NOW = 1_700_000_000_000
ARN = "arn:aws:ses:us-east-1:111111111111:template/hello"
HELLO = Template("hello", "Hello, {{name}}", "Hi {{name}}", "<p>Hi {{name}}</p>")


@pytest.fixture
async def kept(store: Store) -> Store:
    """A store with the template `hello`."""
    await store.write(templates.create, HERE, HELLO, NOW)
    return store


async def test_a_template_is_kept_as_given(kept: Store) -> None:
    assert await kept.read(templates.existing, HERE, "hello") == HELLO
    empty = Template("empty", "s", "", "<p>x</p>")
    await kept.write(templates.create, HERE, empty, NOW)
    assert await kept.read(templates.existing, HERE, "empty") == empty


async def test_a_template_is_created_once(kept: Store) -> None:
    with pytest.raises(TemplateExists, match="Template hello already exists for account id 111111111111") as refused:
        await kept.write(templates.create, HERE, HELLO, NOW)
    assert refused.value.members == {"Name": "hello"}
    await kept.write(templates.create, ELSEWHERE, HELLO, NOW)


@pytest.mark.parametrize("name", ["", "a" * 65, "two words", "a/b", "ä", "hello\n"])
async def test_a_template_cannot_have_any_name(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        await store.write(templates.create, HERE, Template(name, "s", "t"), NOW)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (Template("hello", "", "t"), "subject must be specified"),
        (Template("hello", "s"), "text part or the HTML part"),
        (Template("hello", "s", "", ""), "text part or the HTML part"),
        (Template("hello", "s", "t", "é" * (templates.LARGEST_BYTES // 2)), "larger than 500 KB"),
    ],
)
async def test_a_template_of_which_no_message_can_be_made_is_not_kept(kept: Store, template, why) -> None:  # type: ignore[no-untyped-def]
    for planner in (templates.create, templates.update):
        with pytest.raises(Invalid, match=why):
            await kept.write(planner, HERE, template, NOW)
    assert await kept.read(templates.existing, HERE, "hello") == HELLO


async def test_500_kb_are_kept(store: Store) -> None:
    largest = Template("large", "s", "t", "h" * (templates.LARGEST_BYTES - 2))
    await store.write(templates.create, HERE, largest, NOW)
    assert await store.read(templates.existing, HERE, "large") == largest


async def test_one_more_than_the_limit_is_refused(store: Store) -> None:
    def fill() -> Plan[None]:
        for number in range(templates.MOST_TEMPLATES):
            yield Rows(
                "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
                " VALUES (?, ?, ?, ?, '', 0, 0, '{}')",
                (*HERE, templates.KIND, f"t{number}"),
            )

    await store.write(fill)
    with pytest.raises(LimitReached):
        await store.write(templates.create, HERE, HELLO, NOW)
    with pytest.raises(TemplateMissing):
        await store.read(templates.existing, HERE, "hello")


async def test_an_update_replaces_all_but_the_tags_and_the_time_of_creation(store: Store) -> None:
    await store.write(templates.create, HERE, HELLO, NOW, [("team", "red")])
    await store.write(templates.update, HERE, Template("hello", "Bye", html="<p>Bye</p>"), NOW + 5)
    assert await store.read(templates.existing, HERE, "hello") == Template(
        "hello", "Bye", None, "<p>Bye</p>", {"team": "red"}
    )
    assert (await store.read(templates.list_page, HERE, None, None)).templates == [Listed("hello", NOW)]


async def test_tags_are_checked_before_a_template_is_kept(store: Store) -> None:
    with pytest.raises(Invalid):
        await store.write(templates.create, HERE, HELLO, NOW, [("aws:mine", "x")])
    with pytest.raises(TemplateMissing):
        await store.read(templates.existing, HERE, "hello")


async def test_tags_are_added_to_a_template_by_its_arn(kept: Store) -> None:
    await kept.write(tags.tag, HERE, ARN, [("team", "red")], NOW)
    assert (await kept.read(templates.existing, HERE, "hello")).tags == {"team": "red"}


async def test_a_template_that_is_not_there_is_named(kept: Store) -> None:
    await kept.write(templates.delete_existing, HERE, "hello")
    await kept.write(templates.delete, HERE, "hello")
    for planner, args in (
        (templates.existing, ("hello",)),
        (templates.named, ("hello", None)),
        (templates.named, (None, ARN)),
        (templates.update, (HELLO, NOW)),
        (templates.delete_existing, ("hello",)),
    ):
        with pytest.raises(TemplateMissing, match=r"Template hello does not exist\.") as refused:
            await kept.write(planner, HERE, *args)
        assert refused.value.members == {"TemplateName": "hello"}


@pytest.mark.parametrize(("name", "arn"), [("hello", None), (None, ARN), ("hello", ARN)])
async def test_a_send_names_a_template_by_name_arn_or_both(kept: Store, name: str | None, arn: str | None) -> None:
    assert await kept.read(templates.named, HERE, name, arn) == HELLO


@pytest.mark.parametrize(
    ("name", "arn", "reason"),
    [
        (None, "hello", Invalid),
        (None, ARN.replace("template/", "identity/"), Invalid),
        (None, ARN.replace(":ses:", ":sns:"), Invalid),
        ("other", ARN, Invalid),
        (None, ARN.replace("1111", "2222"), Unsupported),
        (None, ARN.replace("us-east-1", "eu-west-1"), TemplateMissing),
    ],
)
async def test_an_arn_must_be_that_of_an_own_template(kept: Store, name, arn, reason) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(reason):
        await kept.read(templates.named, HERE, name, arn)


async def test_a_page_has_ten_and_at_the_most_a_hundred(store: Store) -> None:
    for number in range(103):
        await store.write(templates.create, HERE, Template(f"t{number:03}", "s", "t"), NOW + number)
    page = await store.read(templates.list_page, HERE, None, None)
    assert page.templates == [Listed(f"t{number:03}", NOW + number) for number in range(10)]
    page = await store.read(templates.list_page, HERE, page.next_token, 1_000)
    assert [one.name for one in page.templates] == [f"t{number:03}" for number in range(10, 103)]
    assert page.next_token is None
    assert len((await store.read(templates.list_page, HERE, None, 101)).templates) == 100
    for size in (0, -1):
        with pytest.raises(Invalid):
            await store.read(templates.list_page, HERE, None, size)
