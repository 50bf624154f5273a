"""Which messages hold which terms: addresses, words and tags, by the week in which a message was accepted.

Plans only. Written by stats/terms.py, which makes the terms; read by
operate/message_search.py. A term may outlive its message by some days, so
whoever finds a message by it looks whether it is there and fits.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.account_times import Before
from pillarbox.store.messages import Place
from pillarbox.store.plan import Many, Plan, Row, Rows

WEEK: Millis = 7 * DAY
_COLUMNS = "week_at, account, region, term, accepted_at, message_id"
_OF_WEEK = "week_at = ? AND account = ? AND region = ?"


class TermRow(NamedTuple):
    week_at: Millis
    account: str
    region: str
    term: str
    accepted_at: Millis
    message_id: str


def week_of(at: Millis) -> Millis:
    return at - at % WEEK


def add(rows: Sequence[TermRow]) -> Plan[None]:
    """Add terms; those that are there already are left."""
    yield Many(
        f"INSERT INTO message_terms ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (week_at, account, region, term, accepted_at, message_id) DO NOTHING",
        sorted(rows),
    )


def beginning_with(scope: Scope, week_at: Millis, start: str, most: int) -> Plan[list[str]]:
    """Return at most so many terms of a week that begin so, by stepping from one to the next."""
    found: list[str] = []
    # No character is behind U+10FFFF, in the order of code points as in that of their UTF-8.
    end = start + "\U0010ffff"
    sign, last = ">=", start
    while len(found) < most:
        rows = yield Rows(
            f"SELECT term FROM message_terms WHERE {_OF_WEEK} AND term {sign} ? AND term < ? ORDER BY term LIMIT 1",
            (week_at, *scope, last, end),
        )
        if not rows:
            break
        sign, last = ">", rows[0][0]
        found.append(last)
    return found


def places(scope: Scope, term: str, since: Millis, before: Place, limit: int) -> Plan[list[Place]]:
    """Return where the newest messages with a term stand, of the week of `since`, before a place, newest first."""
    rows = yield Rows(
        f"SELECT accepted_at, message_id FROM message_terms WHERE {_OF_WEEK} AND term = ? AND accepted_at >= ?"
        " AND (accepted_at, message_id) < (?, ?) ORDER BY accepted_at DESC, message_id DESC LIMIT ?",
        (week_of(since), *scope, term, since, *before, limit),
    )
    return [(row[0], row[1]) for row in rows]


def holding(scope: Scope, term: str, among: Sequence[Place]) -> Plan[set[Place]]:
    """Return those of some places of one week whose messages have a term."""
    rows = yield Rows(
        f"SELECT accepted_at, message_id FROM message_terms WHERE {_OF_WEEK} AND term = ?"
        f" AND (accepted_at, message_id) IN (VALUES {', '.join(['(CAST(? AS BIGINT), ?)'] * len(among))})",
        (week_of(among[0][0]), *scope, term, *(part for place in among for part in place)),
    )
    return {(row[0], row[1]) for row in rows}


def drop(before: Millis, most: int) -> Plan[int]:
    """Drop terms of weeks that ended before a time; on PostgreSQL those that lie in no part (store/partitions.py)."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM message_terms/*pg:_rest*/ WHERE week_at <= ? ORDER BY {_COLUMNS} LIMIT ?",
        (before - WEEK, most),
    )
    yield from _delete(rows)
    return len(rows)


def drop_where_others_keep_theirs(before: Before, most: int) -> Plan[int]:
    """Drop terms of weeks that ended before their own account's time, where that of another account is longer."""
    found: list[Row] = []
    week: Millis | None = (yield Rows("SELECT min(week_at) FROM message_terms"))[0][0]
    while week is not None and len(found) < most and week <= before.shortest() - WEEK:
        account = ""
        while rows := (
            yield Rows(
                "SELECT account FROM message_terms WHERE week_at = ? AND account > ? ORDER BY account LIMIT 1",
                (week, account),
            )
        ):
            (account,) = rows[0]
            if week <= before.of(account) - WEEK:
                found += yield Rows(
                    f"SELECT {_COLUMNS} FROM message_terms WHERE week_at = ? AND account = ? LIMIT ?",
                    (week, account, max(0, most - len(found))),
                )
        week += WEEK
    yield from _delete(found)
    return len(found)


def _delete(rows: Sequence[Row]) -> Plan[None]:
    yield Many(
        "DELETE FROM message_terms WHERE week_at = ? AND account = ? AND region = ? AND term = ? AND accepted_at = ?"
        " AND message_id = ?",
        rows,
    )
