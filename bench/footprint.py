"""What one message leaves behind, and what it costs the database: bytes of tables, log and bodies, processor time.

Run with `make bench-footprint`; docs/scale.md calculates with what it prints. Messages of one recipient are promised,
claimed, delivered and counted by the plans that do so in earnest, in groups as large as the program's, without doors
and without a network; then tables and indexes are weighed. Bodies are put into a folder.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.support.process import cpu_seconds
from bench.support.requests import html_of
from pillarbox.delivery.close import close, close_attempts
from pillarbox.delivery.outcome import Delivered
from pillarbox.delivery.route import RouteTable
from pillarbox.events.follow import Follower
from pillarbox.kit.clock import SECOND, SystemClock
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Simple, Text
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.stats.follow import count
from pillarbox.store import outgoing
from pillarbox.store.elsewhere import ElsewhereStore
from pillarbox.store.engine import Store, open_store
from pillarbox.store.places import FolderPlace
from pillarbox.store.plan import Plan, Rows
from tests.support.postgres import Postgres
from tests.support.promises import SCOPE

MESSAGES = 4_000
TOGETHER = 128
SIZES = {"2KB": 2_000, "30KB": 30_000}
MTA = "mta.example.org"


class Cost(NamedTuple):
    """Of one message."""

    accept_us: float
    rest_us: float


async def pass_through(store: Store, size: int) -> Cost:
    """Let messages go all the way; return the processor time of this process until the promise, and after it."""
    clock = SystemClock()
    sender = Sender(store, Standings(store, clock, any_sender=True, sandbox=False), RouteTable())
    text = html_of(size)
    began = time.process_time()
    for start in range(0, MESSAGES, TOGETHER):
        some = range(start, min(start + TOGETHER, MESSAGES))
        await asyncio.gather(*(sender.send(_draft(number, text), clock.now()) for number in some))
    promised = time.process_time()
    await _deliver(store, clock)
    follower = Follower("stats", store, count, clock)
    while await follower.step():
        pass
    ended = time.process_time()
    return Cost((promised - began) / MESSAGES * 1e6, (ended - promised) / MESSAGES * 1e6)


def _draft(number: int, text: str) -> Draft:
    return Draft(
        scope=SCOPE,
        operation="SendEmail",
        caller_identity="bench",
        source_ip="192.0.2.1",
        content=Simple(Text(f"Your order {number}"), None, Text(text)),
        size_limit=V1_SIZE_LIMIT,
        sender="Shop <shop@example.com>",
        to=(f"customer{number}@example.net",),
    )


async def _deliver(store: Store, clock: SystemClock) -> None:
    reply = Delivered("250 2.0.0 Ok: queued as 4XyZ1234", "192.0.2.25")
    while True:
        now = clock.now() + SECOND
        budgets = dict.fromkeys(await store.read(outgoing.lanes), TOGETHER)
        rows = await store.write(outgoing.claim, budgets, "bench", now, now + SECOND * 60) if budgets else []
        if not rows:
            return
        ends = [close(row, dict.fromkeys(msgspec.json.decode(row.recipients), reply), MTA, now) for row in rows]
        assert all(await asyncio.gather(*(store.commit(close_attempts, one) for one in ends)))


def _postgres_sizes() -> Plan[list[tuple[Any, ...]]]:
    """Return tables with the bytes of their rows and of their indexes, those of parts with the whole."""
    rows: list[tuple[Any, ...]] = yield Rows(
        "SELECT coalesce(pg_partition_root(c.oid)::regclass::text, c.relname) AS name,"
        " sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        " GROUP BY 1 HAVING sum(pg_total_relation_size(c.oid)) > 200000 ORDER BY 2 DESC"
    )
    return rows


def _sqlite_sizes() -> Plan[list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = yield Rows(
        "SELECT s.tbl_name, sum(CASE WHEN s.type = 'table' THEN d.pgsize ELSE 0 END),"
        " sum(CASE WHEN s.type = 'index' THEN d.pgsize ELSE 0 END)"
        " FROM dbstat d JOIN sqlite_schema s ON s.name = d.name"
        " GROUP BY 1 HAVING sum(d.pgsize) > 200000 ORDER BY 2 DESC"
    )
    return rows


def _log_bytes() -> Plan[int]:
    rows = yield Rows("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    return int(rows[0][0])


async def postgres_of(size: int, folder: Path) -> None:
    with Postgres.started() as server:
        store = await open_store(server.new_database(), folder)
        (folder / "bodies").mkdir()
        whole = ElsewhereStore(store, FolderPlace(folder / "bodies"))
        began, busy = await store.read(_log_bytes), cpu_seconds(server.pid)
        cost = await pass_through(whole, size)
        busy, written = cpu_seconds(server.pid) - busy, await store.read(_log_bytes) - began
        sizes = await store.read(_postgres_sizes)
        await whole.close()
    print(f"  ours: {cost.accept_us:.0f} µs to accept, {cost.rest_us:.0f} µs to claim, close and count")
    print(f"  PostgreSQL: {busy / MESSAGES * 1e6:.0f} µs of processor time, {written / MESSAGES:,.0f} bytes of log")
    _print_sizes(sizes)
    _print_bodies(folder / "bodies")


async def sqlite_of(size: int, folder: Path) -> None:
    store = await open_store("sqlite:", folder)
    cost = await pass_through(store, size)
    sizes = await store.read(_sqlite_sizes)
    await store.close()
    print(f"  ours: {cost.accept_us:.0f} µs to accept, {cost.rest_us:.0f} µs to claim, close and count")
    _print_sizes(sizes)
    _print_bodies(folder / "bodies")


def _print_sizes(sizes: Sequence[tuple[Any, ...]]) -> None:
    for name, rows, indexes in sizes:
        print(f"  {name:<20}{rows / MESSAGES:>8,.0f} bytes of rows, {indexes / MESSAGES:>6,.0f} of indexes")
    print(f"  in all {sum(rows + indexes for _, rows, indexes in sizes) / MESSAGES:,.0f} bytes a message")


def _print_bodies(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    print(f"  bodies: {size / MESSAGES:,.0f} bytes a message, in {len(files)} files")


def main() -> int:
    for name, size in SIZES.items():
        for engine, measure in (("PostgreSQL, bodies in a folder", postgres_of), ("embedded store", sqlite_of)):
            print(f"{engine}, HTML of {name}, {MESSAGES} messages:", flush=True)
            with tempfile.TemporaryDirectory(prefix="pillarbox-bench-") as folder:
                asyncio.run(measure(size, Path(folder)))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
