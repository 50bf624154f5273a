"""A message of ours and the upstream's id of it are one message, whichever of the two was heard of first."""

from pillarbox.kit.ids import Scope
from pillarbox.store import events, messages, quarantine, upstream_ids
from pillarbox.store.engine import Store
from pillarbox.store.events import EventRow
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.quarantine import QuarantineRow
from pillarbox.store.upstream_ids import UpstreamId

HERE = Scope("111111111111", "us-east-1")
LINK = UpstreamId("aws", "their-1", "our-1", 1_000)


async def _add(store: Store, message_id: str) -> None:
    row = MessageRow(message_id, *HERE, message_id, 1, "SendEmail", "", "a@x.example", "Hello", 0, 1, "{}", "")
    await store.write(messages.add, [row], [RecipientRow(message_id, 0, *HERE, "b@y.example", 1, "accepted", 0, 1)])


async def _tell(store: Store, message_id: str, *kinds: str) -> None:
    rows = [EventRow(f"{message_id}/{kind}", *HERE, 5, message_id, kind, 2, 2, "{}") for kind in kinds]
    await store.write(events.append, rows)


async def test_a_linked_message_is_found_from_both_sides(store: Store) -> None:
    await store.write(upstream_ids.link, [LINK, LINK._replace(their_id="their-2", linked_at=2_000)])

    known = await store.read(upstream_ids.ours, "aws", ["their-1", "their-2", "their-3"])
    assert known == {"their-1": "our-1", "their-2": "our-1"}
    assert await store.read(upstream_ids.ours, "other", ["their-1"]) == {}
    assert [one.their_id for one in await store.read(upstream_ids.theirs, "our-1")] == ["their-1", "their-2"]


async def test_a_link_that_comes_late_takes_over_what_was_recorded_for_a_stranger(store: Store) -> None:
    await _add(store, "our-1")
    await _add(store, "their-1")
    await store.write(upstream_ids.note_witnessed, "aws", ["their-1"], 500)
    await _tell(store, "their-1", "Send", "Bounce")
    await store.write(messages.move_states, [("bounced", 30, 2, "their-1", "b@y.example", 30)])

    await store.write(upstream_ids.link, [LINK])

    assert [row.kind for row in await store.read(events.of_message, "our-1")] == ["Bounce"]
    assert [row.state for row in await store.read(messages.recipients_of, "our-1")] == ["bounced"]
    assert await store.read(messages.get, "their-1") is None
    assert await store.read(messages.recipients_of, "their-1") == []
    assert await store.read(upstream_ids.ours, "aws", ["their-1"]) == {"their-1": "our-1"}


async def test_a_witnessed_message_never_takes_a_link_away(store: Store) -> None:
    await store.write(upstream_ids.link, [LINK])
    await store.write(upstream_ids.note_witnessed, "aws", ["their-1"], 2_000)

    assert await store.read(upstream_ids.ours, "aws", ["their-1"]) == {"their-1": "our-1"}


async def test_what_could_not_be_read_is_kept_once_and_oldest_first(store: Store) -> None:
    later = QuarantineRow("aws", "post-1", *HERE, 20, "no time", "{}")
    earlier = later._replace(post_id="post-2", arrived_at=10)
    for row in (later, earlier, later._replace(why="still no time", arrived_at=30)):
        await store.write(quarantine.put, row)

    assert await store.read(quarantine.oldest, "", 10) == [earlier, later._replace(why="still no time")]
    assert await store.read(quarantine.oldest, "other", 10) == []
    await store.write(quarantine.remove, "aws", "post-2")
    assert [row.post_id for row in await store.read(quarantine.oldest, "aws", 10)] == ["post-1"]
