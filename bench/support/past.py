"""Fills an embedded store with a long past: part of a day written by the program's own functions, and copies of it.

The mail of the first day goes through accept, the ends of attempts, hits, and the follower that counts. Everything else
is that mail moved by whole days in SQL, several times for each day: ids, times and most addresses and subjects are its
own, and its counters add up, as their buckets move with it. What comes out is what the program would have written day
by day, but for feedback ids, for conversations of attempts that went well, and for bodies, which all share. Counters
go back for a year, as they do when history is kept for less.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

from pillarbox.delivery.close import Closed, close, close_attempts
from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.delivery.route import RouteTable
from pillarbox.delivery.tracking import Marks
from pillarbox.events.follow import Follower
from pillarbox.events.record import record_new
from pillarbox.events.types import Click, Complaint, Event, Fact, Open
from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND, Millis, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.sending.accept import Promise, accept, keep_promises
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Simple, Text
from pillarbox.sending.envelope import read_envelope
from pillarbox.sending.policy import Standing, TenantStanding
from pillarbox.stats import tags
from pillarbox.stats.follow import count
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store.conversations import ConversationRow
from pillarbox.store.migrate import SQLITE, migrate_sqlite, steps
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.reading import DATABASE
from pillarbox.store.sqlite import SqliteStore

SCOPES = tuple(Scope(account, "us-east-1") for account in ("123456789012", "210987654321", "345678901234"))
EVENTS_OF_A_MESSAGE = 2.8
_TURNS = 6  # how often each day has the same mail
# What makes something a copy's own: it has the copy's number in it.
_MARK = "q000q"
_MTA = "mta.bench.example.com"
_CUSTOMERS, _SETS, _CAMPAIGNS, _LINKS = 200, 12, 30, 40
_COUNTED_DAYS = 365
_PROVIDERS = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "icloud.com", "t-online.de", "orange.fr", "web.de")
_DOMAINS = (*_PROVIDERS, *(f"company-{number:03}.example" for number in range(120)))
_NAMES = ("ada", "bob", "carl", "dora", "eve", "fred", "gina", "hugo", "ines", "jan", "kai", "lena", "max", "nora")
_FAMILIES = ("adler", "brown", "cruz", "dahl", "evans", "fuchs", "gross", "hill", "iyer", "jones", "klein", "lopez")
_SUBJECTS = ("Your invoice {}", "Order {} is on its way", "News of the week", "Reset your password", "Welcome, {}")
_BODY = "Thank you. " * 60
_AT_ONCE = 256
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_DELAY = Deferred("the mailbox is full", "452 4.2.2 mailbox full", "198.51.100.7")
_OUTCOMES: tuple[Delivered | Refused, ...] = (
    Delivered("250 2.0.0 Ok: queued", "198.51.100.7"),
    Refused("550 5.1.1 user unknown", None, "198.51.100.7"),
    Refused("552 5.2.2 mailbox full", None, "198.51.100.7"),
)
_ODDS = (973, 20, 7)
_STANDING = Standing(
    verified=frozenset(f"customer-{number:02}.example" for number in range(_CUSTOMERS)),
    any_sender=False,
    account_sends=True,
    configuration_set_exists=True,
    configuration_set_sends=True,
    sandbox=False,
    recipient_covers={},
    tenant=TenantStanding(True, ()),
)

# A message has its time in its id; the first digit of what is random in it tells the turns apart.
_ID = (
    "substr({0}, 1, 4) || printf('%012x-%x', {1} + shift,"
    " (instr('0123456789abcdef', substr({0}, 18, 1)) - 1 + turn) % 16) || substr({0}, 19)"
)
_WORDS = {
    "id": _ID.format("message_id", "accepted_at"),
    "sent_id": _ID.format("message_id", "sent_at"),
    "told_id": _ID.format("fact_key", "sent_at"),
    "own": f"'{_MARK}', printf('q%03dq', copy + turn)",
    "again": "CROSS JOIN turns WHERE shift > 0 OR turn > 0",
}
_WITH_TIME = "SELECT o.*, m.accepted_at AS sent_at FROM old.{0} o JOIN old.messages m ON m.message_id = {1}"
_FIRST = {
    "messages": "SELECT * FROM old.messages ORDER BY message_id",
    "recipients": "SELECT * FROM old.recipients ORDER BY message_id, number",
    "events": _WITH_TIME.format("events", "o.message_id") + " ORDER BY seq",
    "conversations": _WITH_TIME.format("conversations", "o.message_id"),
    "first_hits": _WITH_TIME.format("first_hits", "o.message_id"),
    "seen": _WITH_TIME.format("seen", "substr(o.fact_key, 1, 60)"),
    "quota_use": "SELECT * FROM old.quota_use",
    "message_terms": "SELECT * FROM old.message_terms ORDER BY week_at, account, region, term, accepted_at",
    "counters": f"SELECT * FROM old.counters WHERE step <> {FOUR_WEEKS}"
    " ORDER BY account, region, dimension, step, member, bucket_at, name",
    "counter_members": "SELECT * FROM old.counter_members",
}
_IN_TIME = {
    "messages": "INSERT INTO messages SELECT {id}, account, region, {id}, accepted_at + shift, operation,"
    " configuration_set, sender, replace(subject, {own}), size, recipient_count, replace(mail, {own}), body"
    " FROM days CROSS JOIN first_messages {again}",
    "recipients": "INSERT INTO recipients SELECT {id}, number, account, region, replace(address, {own}),"
    " accepted_at + shift, state, rank, changed_at + shift FROM days CROSS JOIN first_recipients {again}",
    "events": "INSERT INTO events (event_id, account, region, shard, message_id, kind, happened_at, recorded_at, fact)"
    " SELECT {sent_id} || substr(event_id, 61), account, region, shard, {sent_id}, kind, happened_at + shift,"
    " recorded_at + shift, CASE kind WHEN 'DeliveryDelay' THEN json_set(replace(fact, {own}), '$.expires_at',"
    " fact ->> '$.expires_at' + shift) ELSE replace(fact, {own}) END FROM days CROSS JOIN first_events {again}",
    "conversations": "INSERT INTO conversations SELECT {sent_id}, part, attempt, place, account, began_at + shift,"
    " peer, replace(recipients, {own}), replace(lines, {own}) FROM days CROSS JOIN first_conversations {again}",
    "first_hits": "INSERT INTO first_hits SELECT account, {sent_id}, replace(recipient, {own}), mark,"
    " happened_at + shift FROM days CROSS JOIN first_first_hits {again}",
    "seen": "INSERT INTO seen SELECT account, {told_id} || substr(fact_key, 61), recorded_at + shift"
    " FROM days CROSS JOIN first_seen {again}",
    "quota_use": f"INSERT INTO quota_use SELECT account, region, bucket_at + shift, recipients * {_TURNS} FROM days"
    " CROSS JOIN first_quota_use WHERE true ON CONFLICT DO UPDATE SET recipients = recipients + excluded.recipients",
}
# In the order of their keys, in which the same of all days stands together.
_BY_KEY = {
    "message_terms": "INSERT INTO message_terms SELECT accepted_at + shift - (accepted_at + shift) % 604800000,"
    " account, region, replace(term, {own}), accepted_at + shift, {id}"
    " FROM first_message_terms CROSS JOIN days CROSS JOIN turns",
    "counter_members": "INSERT INTO counter_members SELECT account, region, dimension, day_at + shift, member"
    " FROM first_counter_members CROSS JOIN days WHERE true ON CONFLICT DO NOTHING",
    # The last hour of a copy may be the first of the next.
    "counters": "INSERT INTO counters SELECT account, region, dimension, step, member, bucket_at + shift, name,"
    f" total * {_TURNS} FROM first_counters CROSS JOIN days"
    " WHERE step <> 60000 OR shift = (SELECT max(shift) FROM days)"
    " ON CONFLICT DO UPDATE SET total = total + excluded.total",
}
# What was counted before the first day; and, once that is there, by four weeks, which moves by no whole days.
_LONG_AGO = (
    "INSERT INTO counter_members SELECT account, region, dimension, day_at + shift, member"
    " FROM first_counter_members CROSS JOIN before WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO counters SELECT account, region, dimension, step, member, bucket_at + shift, name,"
    f" total * {_TURNS} FROM first_counters CROSS JOIN before WHERE step = {DAY}"
    " ON CONFLICT DO UPDATE SET total = total + excluded.total",
    *dict(steps(SQLITE))[31],
)


class Filled(NamedTuple):
    events: int
    messages: int


class _Attempt(NamedTuple):
    row: OutgoingRow
    addresses: list[str]
    outcome: Delivered | Deferred | Refused


class _Hit(NamedTuple):
    event: Event
    key: str


_Action = tuple[Millis, Promise | _Attempt | _Hit]


async def fill(folder: Path, days: int, events: int, until: Millis) -> Filled:
    """Write so many days, with about so many events in all, into a new store; the last one ends at `until`."""
    Keyring.open_file(folder / "keyring.json")  # a server opens no store whose keyring is gone
    store = await SqliteStore.open(folder, synchronous=False)
    try:
        await _write_some(store, round(events / days / _TURNS / EVENTS_OF_A_MESSAGE), until - days * DAY)
    finally:
        await store.close()
    return _copy(folder, days)


async def _write_some(store: SqliteStore, messages: int, begin: Millis) -> None:
    chance = random.Random(8025)
    for scope in SCOPES:
        for tag in ("customer", "campaign"):
            await store.write(tags.begin, scope, tag, begin - HOUR)
    actions: list[_Action] = []
    for _ in range(messages):
        actions += [one for one in _life(chance, begin + chance.randrange(DAY - HOUR)) if one[0] < begin + DAY]
    actions.sort(key=lambda action: action[0])
    for start in range(0, len(actions), _AT_ONCE):
        some = actions[start : start + _AT_ONCE]
        await store.write(keep_promises, [one for _, one in some if isinstance(one, Promise)])
        await store.write(close_attempts, [_closed(at, one) for at, one in some if isinstance(one, _Attempt)])
        await store.write(record_new, [(one.event, one.key) for _, one in some if isinstance(one, _Hit)])
    follower = Follower("stats", store, count, SystemClock())
    while await follower.step():
        pass


def _life(chance: random.Random, at: Millis) -> Iterator[_Action]:
    """Yield what happens to one message: mostly it is delivered, and sometimes looked at."""
    promise = _promise(chance, at)
    yield at, promise
    for row in promise.outgoing:
        sent, end = row._replace(transport="smtp"), at + chance.randrange(200, 20_000)
        addresses = msgspec.json.decode(row.recipients, type=list[str])
        if chance.random() < 0.04:
            yield end, _Attempt(sent, addresses, _DELAY)
            sent, end = (
                sent._replace(attempts=1, why=f"MailboxFull: {_DELAY.reply}"),
                end + chance.randrange(2, 40) * MINUTE,
            )
        outcome = chance.choices(_OUTCOMES, _ODDS)[0]
        yield end, _Attempt(sent, addresses, outcome)
        if isinstance(outcome, Delivered):
            yield from _hits(chance, promise, addresses[0], end)


def _hits(chance: random.Random, promise: Promise, address: str, delivered_at: Millis) -> Iterator[_Action]:
    facts: list[Fact] = []
    if chance.random() < 0.4:
        bot = "Likely" if chance.random() < 0.25 else None
        facts += [Open("192.0.2.7", _BROWSER, bot, recipient=address)] * chance.choice((1, 1, 2, 3))
        if chance.random() < 0.25:
            link = f"https://shop.example/offer/{chance.randrange(_LINKS)}"
            facts += [Click("192.0.2.7", _BROWSER, link, recipient=address)] * chance.choice((1, 1, 2))
    if chance.random() < 0.0006:
        facts.append(Complaint([address], promise.message.message_id, feedback_type="abuse"))
    at = delivered_at
    for fact in facts:
        at += round(chance.expovariate(1 / (2 * HOUR)))
        key, message = f"hit-{chance.getrandbits(48):012x}", promise.message
        event = Event(f"{message.message_id}/{key}", message.scope, message.message_id, at, at, fact)
        yield at, _Hit(event, f"{message.message_id}/{key}")


def _closed(at: Millis, attempt: _Attempt) -> Closed:
    """Return the end of an attempt; what was said is kept of those that did not go well."""
    row, said = attempt.row, attempt.outcome
    closed = close(row, dict.fromkeys(attempt.addresses, said), _MTA, at, marks=Marks(pixel=True, links=True))
    if isinstance(said, Delivered):
        return closed
    lines = f"0 < 220 mx ESMTP\n12 > EHLO {_MTA}\n20 < 250 mx\n31 > RCPT TO:{row.recipients}\n44 < {said.reply}"
    kept = (
        row.message_id,
        row.part,
        row.attempts + 1,
        0,
        row.account,
        at - SECOND,
        "mx.example:25",
        row.recipients,
        lines,
    )
    return closed._replace(conversations=(ConversationRow(*kept),))


def _promise(chance: random.Random, at: Millis) -> Promise:
    scope = chance.choices(SCOPES, (85, 10, 5))[0]
    customer = f"customer-{min(chance.randrange(_CUSTOMERS), chance.randrange(_CUSTOMERS)):02}"
    number = f"{chance.randrange(100_000)}{_MARK if chance.random() < 0.8 else ''}"
    draft = Draft(
        scope=scope,
        operation="SendEmail",
        caller_identity=f"arn:aws:iam::{scope.account}:user/shop",
        source_ip="192.0.2.1",
        content=Simple(Text(chance.choice(_SUBJECTS).format(number)), Text(_BODY), Text(f"<p>{_BODY}</p>")),
        size_limit=V2_SIZE_LIMIT,
        sender=f"Shop <news@{customer}.example>",
        to=tuple(_address(chance) for _ in range(3 if chance.random() < 0.05 else 1)),
        configuration_set=f"set-{chance.randrange(_SETS):02}",
        tags=(("customer", customer), ("campaign", f"spring-{chance.randrange(_CAMPAIGNS)}")),
        tenant=customer,
    )
    return accept(draft, read_envelope(draft), _STANDING, RouteTable(), at)


def _address(chance: random.Random) -> str:
    name, family = chance.choice(_NAMES), chance.choice(_FAMILIES)
    domain = _DOMAINS[
        min(chance.randrange(len(_DOMAINS)), chance.randrange(len(_DOMAINS)), chance.randrange(len(_DOMAINS)))
    ]
    return f"{name}.{family}{chance.randrange(3_000)}{_MARK if chance.random() < 0.8 else ''}@{domain}"


def _copy(folder: Path, days: int) -> Filled:
    """Make the rest of the first day, and the other days."""
    beside = folder / "beside.db"
    side = _opened(beside, folder / DATABASE, days, list(_BY_KEY))
    migrate_sqlite(side)
    database = _opened(folder / DATABASE, folder / DATABASE, days, list(_IN_TIME))
    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(_insert, side, _BY_KEY)
        _insert(database, _IN_TIME)
        written.result()
    side.execute("CREATE TEMP TABLE before (shift)")
    side.executemany("INSERT INTO before VALUES (?)", [(-day * DAY,) for day in range(1, _COUNTED_DAYS - days + 1)])
    for statement in _LONG_AGO:
        side.execute(statement)
    side.close()
    database.execute("ATTACH ? AS beside", (str(beside),))
    with database:
        for table in _BY_KEY:  # whole, as nothing else is in it
            database.execute(f"DELETE FROM {table}")
            database.execute(f"INSERT INTO {table} SELECT * FROM beside.{table}")
        database.execute("UPDATE cursors SET seq = (SELECT max(seq) FROM events), lease = '', leased_until = 0")
        for follower in ("destinations", "forwarding"):
            told = "INSERT INTO cursors SELECT ?, shard, tx, seq, '', 0 FROM cursors WHERE follower = 'stats'"
            database.execute(told, (follower,))
    counted: list[Any] = [
        database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("events", "messages")
    ]
    database.close()
    beside.unlink()
    return Filled(*counted)


def _opened(path: Path, first: Path, days: int, tables: Sequence[str]) -> apsw.Connection:
    """Open a database that nobody else looks at, with the first day's rows of these tables."""
    database = apsw.Connection(str(path))
    for name, value in (("journal_mode", "OFF"), ("synchronous", "OFF"), ("cache_size", -1_500_000), ("temp_store", 2)):
        database.pragma(name, value)
    database.execute("ATTACH ? AS old", (str(first),))
    for table in tables:
        database.execute(f"CREATE TEMP TABLE first_{table} AS {_FIRST[table]}")
    database.execute("DETACH old")
    database.execute("CREATE TEMP TABLE days (shift, copy)")
    database.executemany("INSERT INTO days VALUES (?, ?)", [(day * DAY, day * _TURNS) for day in range(days)])
    database.execute("CREATE TEMP TABLE turns (turn)")
    database.executemany("INSERT INTO turns VALUES (?)", [(turn,) for turn in range(_TURNS)])
    return database


def _insert(database: apsw.Connection, copies: Mapping[str, str]) -> None:
    with database:
        for table, statement in copies.items():
            if table == "quota_use":  # its first day is among the copies
                database.execute("DELETE FROM quota_use")
            database.execute(statement.format(**_WORDS))
