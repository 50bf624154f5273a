"""The large store: PostgreSQL through asyncpg.

Touches the network. The same plans as on SQLite run here, each in a
transaction on a pooled connection; items given to `commit` while a group is
being written share the next group. A transaction that PostgreSQL gives up on
(serialization, deadlock) is run again from the start. Where it cannot be
reached, whoever asks hears so; connections come back with it.
"""

import asyncio
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import asyncpg
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import new_token
from pillarbox.store import account_times
from pillarbox.store.bodies import NO_BODY
from pillarbox.store.engine import CONNECTIONS
from pillarbox.store.groups import Group
from pillarbox.store.migrate import HALF_FILLED, IMPORTING, migrate_postgres
from pillarbox.store.plan import Drop, Keep, Many, Plan, Rows, Touch
from pillarbox.store.postgres_failures import why, why_not_opened
from pillarbox.store.postgres_hints import CHANNEL, Hints

T = TypeVar("T")
Item = TypeVar("Item")

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 30.0
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# It is away, shuts down or starts, has no connection or disk left, or has become a standby: later it may do.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,  # a table that is in use, for who does not want to wait
    asyncpg.InternalClientError,  # of a connection that broke in the middle of something
    OSError,
)


class PostgresStore:
    """See store/engine.py for the promise."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._hints: Hints | None = None
        self._name = new_token()
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._groups: dict[Callable[..., Plan[Any]], Group] = {}

    @classmethod
    async def open(cls, url: str, *, moving: bool = False, connections: int = CONNECTIONS) -> "PostgresStore":
        """Connect and migrate; Unavailable when the server could lose what it acknowledged.

        `moving` lets nobody else open it meanwhile, and opens also what an import has half filled. Who asks while so
        many `connections` are taken waits for one.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=2,
                max_size=connections,
                timeout=_CONNECT_SECONDS,
                command_timeout=_ANSWER_SECONDS,
                server_settings={"jit": "off"},  # what is asked is small: compiling it takes longer than answering
            )
        except (OSError, ValueError, asyncpg.PostgresError) as error:
            raise Unavailable(why_not_opened(error, url)) from error
        store = cls(pool)
        try:
            store._hints = await Hints.open(url, store._told, store._wake_all, alone=moving)
            await store._prepare(moving)
        except BaseException as error:
            await store.close()
            if isinstance(error, (*_LOST, asyncpg.InsufficientPrivilegeError)):
                raise Unavailable(why_not_opened(error, url)) from error
            raise
        return store

    async def _prepare(self, moving: bool) -> None:
        async with self._pool.acquire() as connection:
            for setting in ("fsync", "synchronous_commit"):
                if await connection.fetchval(f"SHOW {setting}") == "off":
                    raise Unavailable(f"PostgreSQL runs with {setting}=off: it could lose mail that was acknowledged")
            await migrate_postgres(connection)
            if not moving and await connection.fetchval("SELECT to_regclass($1)", IMPORTING) is not None:
                raise Unavailable(HALF_FILLED)

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._transact(planner, args)  # type: ignore[no-any-return]

    async def commit(self, planner: Callable[[Sequence[Item]], Plan[list[T]]], item: Item) -> T:
        group = self._groups.get(planner)
        if group is None:
            group = self._groups[planner] = Group(functools.partial(self._transact, planner))
        return await group.add(item)  # type: ignore[no-any-return]

    async def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        try:
            async with (
                self._pool.acquire(timeout=_ANSWER_SECONDS) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await _run(connection, planner(*args), set())
        except _LOST as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {why(error)}") from error

    async def body(self, reference: str) -> bytes:
        if not reference:
            raise Unavailable(NO_BODY)
        body = (await self.bodies([reference])).get(reference)
        if body is None:
            raise Unavailable(f"the body {reference} is no longer kept")
        return body

    @property
    def is_ours_alone(self) -> bool:
        return False

    async def bodies(self, references: Sequence[str]) -> dict[str, bytes]:
        numbers = [int(reference[3:]) for reference in references if reference.startswith("pg:")]
        wanted = "SELECT body_id, content FROM bodies WHERE body_id = ANY($1::bigint[])"
        try:
            async with self._pool.acquire(timeout=_ANSWER_SECONDS) as connection:
                rows = await connection.fetch(wanted, numbers)
        except _LOST as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {why(error)}") from error
        return {f"pg:{row[0]}": bytes(row[1]) for row in rows}

    def listen(self, topic: str, wake: Callable[[], None]) -> None:
        self._listeners.setdefault(topic, []).append(wake)

    async def close(self) -> None:
        if self._hints is not None:
            await self._hints.close()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._pool.close()
        except (TimeoutError, *_LOST):  # it is away: there is nobody to say goodbye to
            self._pool.terminate()

    async def _transact(self, planner: Callable[..., Plan[Any]], args: tuple[Any, ...]) -> Any:
        again = AsyncRetrying(
            retry=retry_if_exception_type(_AGAIN),
            stop=stop_after_attempt(8),
            wait=wait_random_exponential(multiplier=0.005, max=0.2),
            reraise=True,
        )
        try:
            async for attempt in again:
                with attempt:
                    return await self._once(planner, args)
        except (*_AGAIN, *_LOST) as error:
            raise Unavailable(f"PostgreSQL could not write: {error}") from error

    async def _once(self, planner: Callable[..., Plan[Any]], args: tuple[Any, ...]) -> Any:
        async with self._pool.acquire(timeout=_ANSWER_SECONDS) as connection, connection.transaction():
            touched: set[str] = set()
            result = await _run(connection, planner(*args), touched)
            for topic in sorted(touched):
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{self._name} {topic}")
        for topic in touched:  # who asks after this write must not be given an answer of before
            self._heard(topic)
        return result

    def _told(self, notice: str) -> None:
        name, _, topic = notice.partition(" ")
        if name != self._name:
            self._heard(topic)

    def _heard(self, topic: str) -> None:
        for wake in self._listeners.get(topic, ()):
            wake()

    def _wake_all(self) -> None:
        for topic in self._listeners:
            self._heard(topic)


async def _run(connection: Any, plan: Plan[T], touched: set[str]) -> T:
    answer: Any = None
    try:
        while True:
            statement = plan.send(answer)
            answer = None
            if isinstance(statement, Rows):
                answer = [tuple(row) for row in await connection.fetch(in_dialect(statement.sql), *statement.args)]
            elif isinstance(statement, Many):
                await connection.executemany(in_dialect(statement.sql), statement.each)
            elif isinstance(statement, Keep):
                answer = await _keep(connection, statement)
            elif isinstance(statement, Drop):
                answer = await _drop(connection, statement)
            elif isinstance(statement, Touch):
                touched.add(statement.topic)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def _keep(connection: Any, keep: Keep) -> list[str]:
    new = keep.new()
    if not new:
        return keep.references([])
    rows = await connection.fetch(
        "INSERT INTO bodies (account, kept_at, content)"
        " SELECT account, $1, content FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY"
        " AS given (account, content, place) ORDER BY place RETURNING body_id",
        keep.at,
        [account for _, account in new],
        [body for body, _ in new],
    )
    return keep.references([f"pg:{row[0]}" for row in sorted(rows)])


# Steps from account to account, so that what some keep for longer is never walked over.
_DROP = """
    WITH RECURSIVE each (account) AS (
        SELECT min(account) FROM bodies
        UNION ALL SELECT (SELECT min(account) FROM bodies b WHERE b.account > each.account) FROM each
        WHERE each.account IS NOT NULL
    )
    DELETE FROM bodies USING (
        SELECT old.body_id, old.kept_at FROM each, LATERAL (
            SELECT body_id, kept_at FROM bodies b WHERE b.account = each.account AND b.kept_at < $1
            ORDER BY b.kept_at LIMIT $2
        ) AS old
        WHERE CASE WHEN $3 = '' THEN each.account <> ALL($4::text[]) ELSE each.account = $3 END
        LIMIT $2
    ) AS old
    WHERE bodies.body_id = old.body_id AND bodies.kept_at = old.kept_at
"""


async def _drop(connection: Any, drop: Drop) -> int:
    apart = await _run(connection, account_times.accounts(), set())
    deleted: str = await connection.execute(_DROP, drop.before, drop.most, drop.account, sorted(apart))
    return int(deleted.rpartition(" ")[2])


@functools.lru_cache(maxsize=1024)
def in_dialect(sql: str) -> str:
    """Return a plan's SQL as PostgreSQL wants it: numbered placeholders, `/*pg: … */` uncovered."""
    uncovered = re.sub(r"/\*pg:(.*?)\*/", r"\1", sql, flags=re.DOTALL)
    numbers = iter(range(1, uncovered.count("?") + 1))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", uncovered)
