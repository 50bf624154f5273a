"""What it costs PostgreSQL that rows which have no parts by time go one by one, beside what it cost to write them.

Run with `make bench-retention`; docs/decisions/0012-parts-by-time.md argues with what it prints. Rows are written by
the plans that do so in earnest, some at a time, and dropped by those of retention; then the tables are vacuumed.
"""

import asyncio
import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import asyncpg

from bench.support.process import cpu_seconds
from pillarbox.kit.clock import DAY, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.store import events, notifications, retention
from pillarbox.store.account_times import Before
from pillarbox.store.notifications import DeliveryRow, Ending, NotificationRow
from pillarbox.store.plan import Plan
from pillarbox.store.postgres import PostgresStore
from tests.support.postgres import Postgres

ROWS = 60_000
TOGETHER = 20  # in one transaction, when they come
AT_ONCE = 500  # when they go
SCOPE = Scope("123456789012", "us-east-1")
NOW = SystemClock().now()
LONG_AGO = NOW - 200 * DAY

Work = Callable[[], Coroutine[Any, Any, None]]


class Meter:
    """Measures what PostgreSQL does for each of `ROWS`."""

    def __init__(self, server: Postgres, connection: Any) -> None:
        self._server = server
        self._connection = connection

    async def measure(self, what: str, work: Work) -> None:
        await self._connection.execute("CHECKPOINT")
        busy, written = cpu_seconds(self._server.pid), await self._log_bytes()
        await work()
        busy, written = cpu_seconds(self._server.pid) - busy, await self._log_bytes() - written
        print(
            f"  {what:<8}{busy / ROWS * 1e6:>7.1f} µs of processor time, {written / ROWS:>6,.0f} bytes of log",
            flush=True,
        )

    async def _log_bytes(self) -> int:
        return int(await self._connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


def remember_facts(numbers: Sequence[int]) -> Plan[None]:
    yield from events.first_seen_among([(SCOPE.account, f"upstream/{_digest(one)[:40]}") for one in numbers], LONG_AGO)


def notify(numbers: Sequence[int]) -> Plan[None]:
    """Tell one subscriber, and end that."""
    told, rows, ends = [], [], []
    for one in numbers:
        name, text = str(uuid.UUID(_digest(one)[:32])), "".join(_digest(one, part) for part in range(20))
        told.append(NotificationRow(name, *SCOPE, "events", "Notification", None, text, "{}", None, LONG_AGO + one))
        state = ("due", LONG_AGO + one, LONG_AGO + one, 0, "", "", None)
        rows.append(DeliveryRow(name, "events:1", *SCOPE, "events", "https", "https://example.com/hook", *state))
        ends.append(Ending(name, "events:1", "done", LONG_AGO, 1, "HTTP 200", LONG_AGO))
    yield from notifications.add(told, rows)
    yield from notifications.end(ends)


KINDS: dict[str, tuple[Callable[..., Plan[None]], Callable[..., Plan[int]], Any, str]] = {
    "keys of facts": (remember_facts, retention.drop_seen, NOW, "seen"),
    "notifications told to one": (
        notify,
        retention.drop_notifications,
        Before(NOW, {}),
        "notifications, notification_deliveries",
    ),
}


def _digest(*about: object) -> str:
    return hashlib.sha256(repr(about).encode()).hexdigest()


def _batches() -> Iterator[range]:
    for start in range(0, ROWS, TOGETHER):
        yield range(start, start + TOGETHER)


async def run() -> None:
    with Postgres.started() as server:
        url = server.new_database()
        store, connection = await PostgresStore.open(url), await asyncpg.connect(url)
        meter = Meter(server, connection)
        for name, (put, drop, before, tables) in KINDS.items():
            print(f"{name}, {ROWS} of them:", flush=True)

            async def write(put: Callable[..., Plan[None]] = put) -> None:
                for numbers in _batches():
                    await store.write(put, numbers)

            async def go(drop: Callable[..., Plan[int]] = drop, before: Any = before) -> None:
                while await store.write(drop, before, AT_ONCE):
                    pass

            async def vacuum(tables: str = tables) -> None:
                await connection.execute(f"VACUUM {tables}", timeout=600)

            await meter.measure("written", write)
            await meter.measure("dropped", go)
            await meter.measure("vacuum", vacuum)
        await connection.close()
        await store.close()


def main() -> int:
    asyncio.run(run())
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
