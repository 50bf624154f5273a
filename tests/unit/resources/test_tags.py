"""Resource tags."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identities, tags
from pillarbox.resources.tags import ResourceMissing
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
NOW = 1_700_000_000_000
IDENTITY = "arn:aws:ses:us-east-1:111111111111:identity/Example.com"
SET = "arn:aws:ses:us-east-1:111111111111:configuration-set/news"


@pytest.fixture
async def tagged(store: Store) -> Store:
    """A store with the identity `example.com` and the configuration set `news`."""
    await store.write(identities.vouch, HERE, "example.com", NOW)
    await store.write(configuration_sets.create, HERE, "news", NOW)
    return store


@pytest.mark.parametrize("arn", [IDENTITY, SET])
async def test_tags_are_added_changed_and_removed(tagged: Store, arn: str) -> None:
    await tagged.write(tags.tag, HERE, arn, [("team", "red"), ("stage", "")], NOW)
    await tagged.write(tags.tag, HERE, arn, [("team", "blue")], NOW)
    assert await tagged.read(tags.tags_of, HERE, arn) == {"team": "blue", "stage": ""}

    await tagged.write(tags.untag, HERE, arn, ["stage", "never there"], NOW)
    assert await tagged.read(tags.tags_of, HERE, arn) == {"team": "blue"}


async def test_tags_change_nothing_else_of_the_resource(tagged: Store) -> None:
    before = await tagged.read(identities.existing, HERE, "example.com")
    await tagged.write(tags.tag, HERE, IDENTITY, [("team", "red")], NOW)
    after = await tagged.read(identities.existing, HERE, "example.com")
    assert after.tags == {"team": "red"}
    assert (after.name, after.verified, after.dkim) == (before.name, True, before.dkim)


@pytest.mark.parametrize(
    "arn",
    [
        IDENTITY.replace("Example.com", "example.net"),
        IDENTITY.replace("us-east-1", "eu-west-1"),
        IDENTITY.replace("111111111111", "222222222222"),
        IDENTITY.replace("identity/", "template/"),
    ],
)
async def test_only_what_exists_here_is_tagged(tagged: Store, arn: str) -> None:
    for planner, args in ((tags.tag, ([("a", "b")], NOW)), (tags.untag, (["a"], NOW)), (tags.tags_of, ())):
        with pytest.raises(ResourceMissing):
            await tagged.write(planner, HERE, arn, *args)


async def test_what_is_no_arn_of_ses_is_not_acceptable(tagged: Store) -> None:
    for arn in ("example.com", SET.replace(":ses:", ":sns:")):
        with pytest.raises(Invalid):
            await tagged.read(tags.tags_of, HERE, arn)


async def test_a_resource_has_fifty_tags_at_the_most(tagged: Store) -> None:
    await tagged.write(tags.tag, HERE, SET, [(f"k{number}", "v") for number in range(50)], NOW)
    with pytest.raises(Invalid):
        await tagged.write(tags.tag, HERE, SET, [("one more", "v")], NOW)
    await tagged.write(tags.tag, HERE, SET, [("k0", "changed")], NOW)
    assert len(await tagged.read(tags.tags_of, HERE, SET)) == 50


@pytest.mark.parametrize(
    "pairs",
    [
        [("", "v")],
        [("k" * 129, "v")],
        [("k", "v" * 257)],
        [("aws:mine", "v")],
        [("AWS:mine", "v")],
        [("pillarbox:split-recipients", "true")],
        [("twice", "1"), ("twice", "2")],
        [(f"k{number}", "v") for number in range(51)],
    ],
)
def test_a_tag_cannot_be_anything(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid):
        tags.checked(pairs)


def test_the_longest_tag_is_accepted() -> None:
    assert tags.checked([("k" * 128, "v" * 256)]) == {"k" * 128: "v" * 256}
