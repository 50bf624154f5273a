"""The archives of FIFO topics: which there are, what goes into them, and what is kept no longer.

Plans only. Called by topics.py when a policy is set, by publish_in_order.py,
and by queue_sweep.py, which gives room back.
"""

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub.archive_policies import Archive
from pillarbox.store import nouns
from pillarbox.store import topic_archive as stored
from pillarbox.store.plan import Plan

# Every archive: its name is the key of its rows, its document says for how many days they are kept (0: it has ended).
_EVERY = (Scope("", ""), "topic-archive")
_PAGE = 1_000


def note(before: Archive | None, after: Archive | None, now: Millis) -> Plan[None]:
    """Say what has become of a topic's archive."""
    if before is not None and after is None:
        yield from nouns.change(*_EVERY, before.archive_id, lambda _: "0", now)
    if after is not None and not (yield from nouns.create(*_EVERY, after.archive_id, str(after.days), now)):
        yield from nouns.change(*_EVERY, after.archive_id, lambda _: str(after.days), now)


def sweep(now: Millis, most: int) -> Plan[bool]:
    """Remove some of what is kept no longer, and say whether there may be more."""
    after, left = "", most
    while True:
        some = yield from nouns.list_by_name(*_EVERY, after, _PAGE)
        for noun in some:
            days = int(noun.document)
            removed = yield from stored.remove_before(noun.name, now - days * DAY if days else now + DAY, left)
            left -= removed
            if left <= 0:
                return True
            if not days:
                yield from nouns.delete(*_EVERY, noun.name)
        if len(some) < _PAGE:
            return False
        after = some[-1].name
