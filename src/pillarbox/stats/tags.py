"""The message tags that an account wants its mail counted by.

Plans. Counting by a tag begins with the next full minute and goes for mail
that is accepted from then on, so that counters made again from the log are the
same. Called by operate/statistics.py; read by stats/follow.py.
"""

import re

import msgspec

from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.kit.errors import Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.stats.names import tag_dimension
from pillarbox.store import counters, nouns
from pillarbox.store.plan import Plan

MOST_TAGS = 20
_KIND = "counted-tag"
# SES's own tags begin with `ses:`.
_NAME = re.compile(r"(?:ses:)?[A-Za-z0-9_-]{1,256}")


class CountedTag(msgspec.Struct, frozen=True):
    """Mail that is accepted from `since` on counts for the values of the tag."""

    since: Millis


def counted(scope: Scope) -> Plan[dict[str, Millis]]:
    """Return the tags that an account counts by, and from when on."""
    found = yield from nouns.list_by_name(scope, _KIND, "", MOST_TAGS)
    return {noun.name: msgspec.json.decode(noun.document, type=CountedTag).since for noun in found}


def begin(scope: Scope, tag: str, now: Millis) -> Plan[Millis]:
    """Count by a tag from the next minute on, and return when that is; a tag that counts already goes on."""
    if not _NAME.fullmatch(tag) or tag.startswith("pillarbox-"):
        raise Invalid(f"{tag!r} is no name of a message tag")
    known = yield from counted(scope)
    if tag in known:
        return known[tag]
    if len(known) >= MOST_TAGS:
        raise LimitReached(f"an account can count by {MOST_TAGS} tags at the most")
    since = now - now % MINUTE + MINUTE
    document = msgspec.json.encode(CountedTag(since)).decode()
    yield from nouns.create(scope, _KIND, tag, document, now)
    return since


def end(scope: Scope, tag: str) -> Plan[None]:
    """Count by a tag no longer, and forget what was counted by it."""
    if not (yield from nouns.delete(scope, _KIND, tag)):
        raise NotFound(f"mail is not counted by the tag {tag!r}")
    yield from counters.forget_dimension(scope, tag_dimension(tag))
