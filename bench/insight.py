"""How soon the dashboard answers over a store of ten million events, beside the same questions asked of the raw tables.

Run with `make bench-insight`. Sixty days of mail of three accounts are written into an embedded store
(bench/support/past.py says how); a server is started on it as it is by default outside dev mode, and each page and each
JSON answer is asked for several times over one kept connection, signed in with an access key of the largest account.
A history is asked for of messages of the whole time. What statistics say is compared with a count of the event log.

Each question is also asked of the tables that hold messages, recipients and events, in SQL without what Pillarbox keeps
besides, once each; one that takes longer than a limit is broken off, and its ratio is then a bound.
`--events N` fills another number of events.
"""

import argparse
import asyncio
import base64
import json
import random
import tempfile
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw

from bench.support.past import SCOPES, Filled, fill
from bench.support.serve import Served, serving
from pillarbox.kit.clock import DAY, Millis, SystemClock
from pillarbox.store.reading import DATABASE

EVENTS = 10_000_000
DAYS = 60
TIMES = 12
HISTORIES = 200
RAW_SECONDS = 2.0
_MINE = f"account = '{SCOPES[0].account}' AND region = '{SCOPES[0].region}'"
_MONTH = "happened_at >= {month}"
_BY_KIND = (
    "SELECT kind, count(*), sum(json_array_length(fact, '$.recipients')) FROM events"
    f" WHERE {_MINE} AND {{when}} GROUP BY kind"
)
_BY_FACT = (
    "SELECT {what}, e.kind, count(*) FROM events e JOIN messages m ON m.message_id = e.message_id"
    f" WHERE e.{_MINE.replace('region', 'e.region')} AND e.happened_at >= {{month}} GROUP BY 1, 2"
)
_LIST = f"SELECT m.message_id, m.subject FROM messages m WHERE {_MINE}"
_NEWEST = " ORDER BY accepted_at DESC, message_id DESC LIMIT 51"
_TO = " AND EXISTS (SELECT 1 FROM recipients r WHERE r.message_id = m.message_id AND {})"


class Question(NamedTuple):
    """What is asked for, and the same of the raw tables, if there is such a question."""

    name: str
    path: str
    raw: str = ""


class Sample(NamedTuple):
    """Messages that questions are about."""

    message_ids: list[str]
    address: str
    subject_word: str


class Answered(NamedTuple):
    name: str
    p50_ms: float
    p95_ms: float
    raw_ms: float | None
    broken_off: bool


def questions(sample: Sample) -> list[Question]:
    word, address = sample.subject_word, sample.address
    like = f" AND lower(subject) LIKE '%{word}%'"
    tagged = (
        " AND json_extract(mail, '$.tags.campaign[0]') = 'spring-7' AND json_extract(mail, '$.tenant') = 'customer-39'"
    )
    pages = [
        Question("overview", "/ui/?last=24h", _BY_KIND.format(when="happened_at >= {day}")),
        Question("overview, 30 days", "/ui/?last=30d", _BY_KIND.format(when=_MONTH)),
        Question("overview, a year", "/ui/?last=1y", _BY_KIND.format(when="true")),
        Question("bounces", "/ui/bounces?last=30d", _BY_KIND.format(when=f"kind = 'Bounce' AND {_MONTH}")),
        Question("customers", "/ui/customers?by=tenant&last=30d", _BY_FACT.replace("{what}", "m.mail ->> '$.tenant'")),
        Question("customers, a year", "/ui/customers?by=tenant&last=1y"),
        Question("customers by tag", "/ui/customers?by=tag:customer&last=30d"),
        Question("recipient providers", "/ui/customers?by=provider&last=30d"),
        Question("recipient providers, a year", "/ui/customers?by=provider&last=1y"),
        Question("links", "/ui/customers?by=link&last=30d"),
        Question("identities compared, a year", "/ui/customers?by=identity&last=1y"),
        Question("one customer", "/ui/customer?by=tenant&only=customer-03&last=30d"),
        Question("one provider, 7 days", "/ui/customer?by=provider&only=google&last=7d"),
        Question("messages", "/ui/messages", _LIST + _NEWEST),
        Question(
            "messages, far back",
            f"/ui/messages?after={_long_ago()}.0",
            _LIST + f" AND accepted_at < {_long_ago()}" + _NEWEST,
        ),
        Question(
            "messages to an address",
            f"/ui/messages?to={quote(address)}",
            _LIST + _TO.format(f"r.address = '{address}'") + _NEWEST,
        ),
        Question(
            "messages to a domain",
            "/ui/messages?to=@company-117",
            _LIST + _TO.format("r.address LIKE '%@company-117%'") + _NEWEST,
        ),
        Question(
            "messages to nobody",
            "/ui/messages?to=nobody.at.all",
            _LIST + _TO.format("r.address LIKE '%nobody.at.all%'") + _NEWEST,
        ),
        Question("messages by a rare word", f"/ui/messages?subject={word}", _LIST + like + _NEWEST),
        Question(
            "messages by a word of many",
            "/ui/messages?subject=invoice",
            _LIST + " AND lower(subject) LIKE '%invoice%'" + _NEWEST,
        ),
        Question(
            "messages by tag and sender",
            "/ui/messages?tag=campaign=spring-7&from=@customer-39.example",
            _LIST + tagged + _NEWEST,
        ),
        Question(
            "messages that bounced", "/ui/messages?status=bounced", _LIST + _TO.format("r.state = 'bounced'") + _NEWEST
        ),
        Question(
            "messages that bounced, of one",
            "/ui/messages?status=bounced&to=@company-117",
            _LIST + _TO.format("r.state = 'bounced' AND r.address LIKE '%@company-117%'") + _NEWEST,
        ),
        Question(
            "messages that were rejected",
            "/ui/messages?status=rejected",
            _LIST + _TO.format("r.state = 'rejected'") + _NEWEST,
        ),
    ]
    answers = [
        Question("json: overview", "/ui/api/overview?last=30d", _BY_KIND.format(when=_MONTH)),
        Question("json: statistics", "/ui/api/statistics?last=30d", _BY_KIND.format(when=_MONTH)),
        Question("json: one identity", "/ui/api/statistics?by=identity&only=customer-03.example&last=30d"),
        Question(
            "json: members",
            "/ui/api/members?by=configuration-set&last=30d",
            _BY_FACT.replace("{what}", "m.configuration_set"),
        ),
        Question("json: messages", f"/ui/api/messages?to={quote(address)}"),
    ]
    others = ("identities", "suppression", "queue", "sets", "templates")
    return [*pages, *answers, *(Question(name, f"/ui/{name}") for name in others)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=EVENTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        began = time.perf_counter()
        filled = asyncio.run(fill(folder, DAYS, asked.events, SystemClock().now()))
        size = (folder / DATABASE).stat().st_size / 2**30
        print(
            f"filled in {time.perf_counter() - began:.0f} s: {filled.events:,} events of {filled.messages:,} messages"
            f" in {DAYS} days, {size:.1f} GB\n",
            flush=True,
        )
        measure(folder, filled)


def measure(folder: Path, filled: Filled) -> None:
    with serving("past", folder) as served:
        database = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        sample = look(database)
        answered = [ask(served, database, one) for one in questions(sample)]
        histories = ask_for_histories(served, database, sample)
        compared = compare(served, database)
        database.close()
    tell(answered, histories, compared, filled)


def look(database: apsw.Connection) -> Sample:
    """Choose messages of the whole time."""
    chance = random.Random(4)
    first, last = one_row(database, f"SELECT min(accepted_at), max(accepted_at) FROM messages WHERE {_MINE}")
    ids = [
        one_row(
            database, f"{_LIST} AND accepted_at >= ? ORDER BY accepted_at LIMIT 1", (chance.randrange(first, last),)
        )[0]
        for _ in range(HISTORIES)
    ]
    (address,) = one_row(database, "SELECT address FROM recipients WHERE message_id = ?", (ids[0],))
    (subject,) = one_row(database, f"SELECT subject FROM messages WHERE {_MINE} AND subject LIKE 'Order%' LIMIT 1")
    return Sample(ids, address, subject.split()[1])


def ask(served: Served, database: apsw.Connection, question: Question) -> Answered:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=120)
    get(connection, served, question.path)
    p50, p95 = percentiles([get(connection, served, question.path)[0] for _ in range(TIMES)])
    connection.close()
    raw, broken_off = ask_raw(database, question.raw) if question.raw else (None, False)
    one = Answered(question.name, p50, p95, raw, broken_off)
    print(line(one), flush=True)
    return one


def ask_for_histories(served: Served, database: apsw.Connection, sample: Sample) -> Answered:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=120)
    took = [get(connection, served, f"/ui/api/messages/{one}")[0] for one in sample.message_ids]
    pages = [get(connection, served, f"/ui/messages/{one}")[0] for one in sample.message_ids]
    connection.close()
    raw, broken_off = ask_raw(database, f"SELECT * FROM events WHERE +message_id = '{sample.message_ids[0]}'")
    answered = Answered("history, json", *percentiles(took), raw, broken_off)
    print(line(answered))
    print(line(Answered("history, page", *percentiles(pages), None, False)), flush=True)
    return answered


def compare(served: Served, database: apsw.Connection) -> dict[str, tuple[int, int]]:
    """Return what the statistics say and what a count of the log gives, by name."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=120)
    told = json.loads(get(connection, served, "/ui/api/statistics?last=30d")[1])
    connection.close()
    when = f"happened_at >= {told['since']} AND happened_at < {told['until']}"
    none: tuple[Any, ...] = (0, 0)
    counted = {row[0]: row[1:] for row in database.execute(_BY_KIND.format(when=when))}
    sent = f"SELECT sum(recipient_count) FROM messages WHERE {_MINE} AND accepted_at >= ? AND accepted_at < ?"
    by_hand = {
        "sent": one_row(database, sent, (told["since"], told["until"]))[0],
        "delivered": counted.get("Delivery", none)[1],
        "delayed": counted.get("DeliveryDelay", none)[1],
        "bounced": counted.get("Bounce", none)[1],
        "complained": counted.get("Complaint", none)[1],
        "opened": counted.get("Open", none)[0],
        "clicked": counted.get("Click", none)[0],
    }
    alike = {"bounced": ("bounced.permanent", "bounced.transient")}
    said = {name: sum(told["totals"].get(one, 0) for one in alike.get(name, (name,))) for name in by_hand}
    return {name: (said[name], number) for name, number in by_hand.items()}


def get(connection: HTTPConnection, served: Served, path: str) -> tuple[float, bytes]:
    """Ask, and return how many milliseconds the whole answer took, and its body."""
    key = base64.b64encode(f"{served.key_id}:{served.secret}".encode()).decode()
    began = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Basic {key}"})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1e3
    assert answer.status == 200, f"{path}: {answer.status} {body[:500]!r}"
    return took, body


def ask_raw(database: apsw.Connection, sql: str) -> tuple[float, bool]:
    """Return how many milliseconds a question takes, and whether it was broken off."""
    until = time.perf_counter() + RAW_SECONDS
    database.set_progress_handler(lambda: time.perf_counter() > until, 100_000)
    began = time.perf_counter()
    now = SystemClock().now()
    try:
        database.execute(sql.format(day=now - DAY, month=now - 30 * DAY)).fetchall()
    except apsw.InterruptError:
        return RAW_SECONDS * 1e3, True
    finally:
        database.set_progress_handler(None)
    return (time.perf_counter() - began) * 1e3, False


def tell(answered: list[Answered], histories: Answered, compared: dict[str, tuple[int, int]], filled: Filled) -> None:
    slowest = max(answered, key=lambda one: one.p95_ms)
    print(f"\nslowest page: {slowest.name}, p95 {slowest.p95_ms:.0f} ms (aim: 300)")
    print(f"histories: p95 {histories.p95_ms:.1f} ms (aim: 30)\n")
    for name, (said, counted) in compared.items():
        print(f"statistics of 30 days, {name}: {said:,} said, {counted:,} counted in the log")
        assert said == counted, name
    print()
    for one in (*answered, histories):
        if one.raw_ms is not None:
            sign, more = ("<", "more than ") if one.broken_off else ("", "")
            print(
                f"ratio {one.name}/raw {sign}{one.p50_ms / one.raw_ms:.4f}   ({one.p50_ms:.1f} ms over"
                f" {filled.events:,} events, {more}{one.raw_ms:.1f} ms in SQL)"
            )


def line(one: Answered) -> str:
    raw = "" if one.raw_ms is None else f"   raw tables {'> ' if one.broken_off else ''}{one.raw_ms:7.0f} ms"
    return f"{one.name:32} p50 {one.p50_ms:7.1f} ms  p95 {one.p95_ms:7.1f} ms{raw}"


def percentiles(took: Sequence[float]) -> tuple[float, float]:
    cut = quantiles(took, n=20, method="inclusive")
    return cut[9], cut[18]


def one_row(database: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = database.execute(sql, args).fetchone()
    assert row is not None, sql
    return row


def _long_ago() -> Millis:
    return SystemClock().now() - (DAYS - 10) * DAY


if __name__ == "__main__":
    main()
