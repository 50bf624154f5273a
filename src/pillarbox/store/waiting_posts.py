"""Posts of upstreams that were answered and are not in the event log yet: kept as they came, several to a row.

Plans only. `add` is what upstream/keeping.py writes for all posts that wait for
their answer at the same time; upstream/intake.py takes rows out again. A row
holds posts of one upstream that came together, packed as pairs of bytes: the
post's id and its text.
https://msgpack.org/
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows, Touch

TOPIC = "waiting-posts"
# A row is taken into the log by one transaction, for which whoever else writes waits.
_MOST_IN_A_ROW = 128
_MOST_BYTES_IN_A_ROW = 512 * 1024
# What is taken in within a minute or two. When more waits, taking in stands still or is too slow for good: then SNS had
# better keep its posts, which it makes again for as long as an hour, than this disk be filled.
MOST_POSTS = 200_000
MOST_BYTES = 512 * 1024 * 1024

_COLUMNS = "upstream, account, region, republish, arrived_at, post_count, size, posts"
# So many rows are looked at to fill one batch; where few come at a time they have one post each.
_ROWS_AT_ONCE = 32

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode


class Origin(NamedTuple):
    """Which upstream told, whose account and region of ours it belongs to, and whether we tell it on (0 or 1)."""

    upstream: str
    account: str
    region: str
    republish: int


class Posted(NamedTuple):
    """A post as it came: its id and its text, in UTF-8 that may hold halves of surrogate pairs."""

    origin: Origin
    arrived_at: Millis
    post_id: bytes
    text: bytes


class Waiting(NamedTuple):
    """A row of posts that came together."""

    number: int
    origin: Origin
    arrived_at: Millis
    packed: bytes

    def posts(self) -> list[tuple[bytes, bytes]]:
        """Return the id and the text of each, in the order in which they came."""
        return _unpack(self.packed)


class Held(NamedTuple):
    """How much waits, and since when; 0 when nothing does."""

    posts: int
    size: int
    oldest_at: Millis

    @property
    def is_full(self) -> bool:
        return self.posts >= MOST_POSTS or self.size >= MOST_BYTES


def add(posts: Sequence[Posted], looks: bool = True) -> Plan[bool]:
    """Keep posts together; none is kept, and False said, when a look at what waits shows that it is too much."""
    if looks and (yield from held()).is_full:
        return False
    by_origin: dict[Origin, list[Posted]] = {}
    for one in posts:
        by_origin.setdefault(one.origin, []).append(one)
    rows = [row for together in by_origin.values() for row in _rows(together)]
    yield Many(f"INSERT INTO waiting_posts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    yield Touch(TOPIC)
    return True


def held() -> Plan[Held]:
    rows = yield Rows(
        "SELECT coalesce(sum(post_count), 0), coalesce(sum(size), 0), coalesce(min(arrived_at), 0) FROM waiting_posts"
    )
    return Held(*map(int, rows[0]))


def take_out(most: int) -> Plan[list[Waiting]]:
    """Take the oldest rows out that nobody else is taking out: one at least, and more up to so many posts.

    They are gone when the transaction is on disk, and there as before when it is undone.
    """
    rows = yield Rows(
        "SELECT number, post_count, size FROM waiting_posts ORDER BY number LIMIT ? /*pg: FOR UPDATE SKIP LOCKED */",
        (_ROWS_AT_ONCE,),
    )
    numbers: list[int] = []
    posts = size = 0
    for number, own_posts, own_size in rows:
        posts, size = posts + own_posts, size + own_size
        if numbers and (posts > most or size > _MOST_BYTES_IN_A_ROW):
            break
        numbers.append(number)
    if not numbers:
        return []
    marks = ", ".join("?" * len(numbers))
    columns = "number, upstream, account, region, republish, arrived_at, posts"
    taken = yield Rows(f"DELETE FROM waiting_posts WHERE number IN ({marks}) RETURNING {columns}", numbers)
    return [_waiting(row) for row in sorted(taken)]


def oldest() -> Plan[Waiting | None]:
    """Return the oldest row, whoever may be taking it out."""
    rows = yield Rows(
        "SELECT number, upstream, account, region, republish, arrived_at, posts"
        " FROM waiting_posts ORDER BY number LIMIT 1"
    )
    return _waiting(rows[0]) if rows else None


def remove(number: int) -> Plan[None]:
    yield Rows("DELETE FROM waiting_posts WHERE number = ?", (number,))


def _rows(together: Sequence[Posted]) -> Iterator[tuple[str | int | bytes, ...]]:
    """Yield the rows for posts of one origin."""
    begins = size = 0
    for place, one in enumerate(together):
        own = len(one.post_id) + len(one.text)
        if place > begins and (place - begins == _MOST_IN_A_ROW or size + own > _MOST_BYTES_IN_A_ROW):
            yield _row(together[begins:place])
            begins, size = place, 0
        size += own
    yield _row(together[begins:])


def _row(posts: Sequence[Posted]) -> tuple[str | int | bytes, ...]:
    packed = _pack([one[2:] for one in posts])
    return (*posts[0].origin, posts[0].arrived_at, len(posts), len(packed), packed)


def _waiting(row: Sequence[object]) -> Waiting:
    number, upstream, account, region, republish, arrived_at, packed = row
    return Waiting(number, Origin(upstream, account, region, republish), arrived_at, packed)  # type: ignore[arg-type]
