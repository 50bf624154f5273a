"""A whole store carried to another engine: out into a folder, and from the folder into an empty store.

Touches stores, which nobody else may use meanwhile, and the folder
(store/parts.py). Called by the command line. Both ways go part by part and go
on where they were interrupted; both end by reading everything once more, with
the bodies of mail, and comparing counts and checksums of every table.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.store import elsewhere, tables
from pillarbox.store.elsewhere import engine_of
from pillarbox.store.engine import Store
from pillarbox.store.parts import Export, Folder, Part, Sum, Summing, hash_of
from pillarbox.store.plan import PutAway
from pillarbox.store.sqlite import SqliteStore
from pillarbox.store.tables import Table

_VERSION = 1
_PAGE = 500
_PART_BYTES = 8 << 20
_REMEMBERED = 100_000  # references whose bodies need not be written again: those of large sends are close together
_EVENTS, _MESSAGES = "events", "messages"

# Told of each step: what is done, how many rows it has in all, and how many rows more are done.
Progress = Callable[[str, int, int], None]


class _Page(NamedTuple):
    """Rows as they are told between engines, where the next ones begin, and the bodies that they refer to."""

    rows: list[list[Any]]
    last: list[Any]
    bodies: Mapping[str, bytes]


async def export(store: Store, target: Path, clock: Clock, progress: Progress) -> Export:
    """Write the store into a folder; Invalid when that holds something else, Unavailable when the store changed."""
    is_sqlite = isinstance(engine_of(store), SqliteStore)
    if await store.read(tables.is_begun, is_sqlite):
        raise Invalid("this store is being filled by an import that has not ended: end that first")
    folder, every = Folder(target), tables.tables()
    folder.begin(tables.newest())
    source = _Reader(store)
    for table in every:
        await _write(source, folder, table, progress)
    sums = {table.name: await source.sum(table, progress) for table in every}
    for table in every:
        _compare(table, _sum_of_parts(folder, table), sums[table.name], "the store changed, or the files are damaged")
    numbers = await store.read(tables.last_numbers, [table for table in every if table.serial], is_sqlite)
    done = Export(_VERSION, tables.newest(), clock.now(), sums, {**numbers, _EVENTS: sums[_EVENTS].rows})
    folder.finish(done)
    return done


async def import_(store: Store, source: Path, clock: Clock, progress: Progress) -> Export:
    """Fill an empty store from a folder; Invalid when it is not empty, Unavailable when what is there is not whole."""
    is_sqlite, folder, every = isinstance(engine_of(store), SqliteStore), Folder(source), tables.tables()
    told = folder.manifest()
    if (told.version, told.schema) != (_VERSION, tables.newest()):
        raise Invalid(f"the export has schema {told.schema}, this release {tables.newest()}: use the same release")
    if filled := await store.write(tables.begin, every, is_sqlite):
        raise Invalid(f"the store is not empty ({', '.join(filled)}): import into a new one")
    for table in every:
        progress(table.name, told.tables[table.name].rows, 0)
        for name, part in folder.parts(table):
            if not await store.read(tables.is_put, name):
                bodies = await _put_away(store, table, part)
                await store.write(tables.put, table, name, [tuple(row) for row in part.rows], bodies, is_sqlite)
            progress(table.name, told.tables[table.name].rows, len(part.rows))
    reader = _Reader(store)
    for table in every:
        _compare(table, await reader.sum(table, progress), told.tables[table.name], "the import is not whole")
    numbers = {table: told.numbers[table.name] for table in every if table.serial}
    await store.write(tables.finish, numbers, is_sqlite, clock.now())
    return told


async def _put_away(store: Store, table: Table, part: Part) -> Mapping[str, bytes | PutAway]:
    """Put the bodies of a part where the store keeps those of mail, if that is not in itself."""
    if table.name != _MESSAGES:
        return part.bodies
    bodies: dict[str, bytes | PutAway] = dict(part.bodies)
    for row in part.rows:
        reference = row[table.place(table.reference)]
        body = bodies.get(reference)
        if isinstance(body, bytes):
            put = await elsewhere.put_away(store, [body], row[table.place("account")], row[table.place(table.kept_at)])
            if put is None:
                return part.bodies
            (bodies[reference],) = put
    return bodies


async def _write(source: "_Reader", folder: Folder, table: Table, progress: Progress) -> None:
    """Write the parts of a table that are not there yet."""
    total = await source.store.read(tables.count, table)
    names = folder.names(table)
    last = folder.read(names[-1]) if names else Part(1, [], {}, {}, [])
    done = last.first + len(last.rows) - 1
    progress(table.name, total, done)
    written: dict[str, None] = {}
    async for page in source.pages(table, last.last, done + 1):
        hashes = {reference: hash_of(body) for reference, body in page.bodies.items()}
        new = {reference: body for reference, body in page.bodies.items() if reference not in written}
        folder.add(table, len(names), Part(done + 1, page.rows, hashes, new, page.last))
        names.append("")
        done += len(page.rows)
        written.update(dict.fromkeys(new))
        for old in list(written)[: max(0, len(written) - _REMEMBERED)]:
            del written[old]
        progress(table.name, total, len(page.rows))


def _sum_of_parts(folder: Folder, table: Table) -> Sum:
    summing = Summing(table)
    for name, part in folder.parts(table):
        if any(part.hashes.get(reference) != hash_of(body) for reference, body in part.bodies.items()):
            raise Unavailable(f"a body in {name} is damaged")
        summing.add(part.rows, part.hashes)
    return summing.sum()


def _compare(table: Table, found: Sum, wanted: Sum, why: str) -> None:
    if found != wanted:
        raise Unavailable(
            f"{table.name}: {found.rows} rows with checksum {found.checksum}, not {wanted.rows} with"
            f" {wanted.checksum}: {why}; begin again with an empty folder or store"
        )


class _Reader:
    """Reads a store page by page, in the terms that engines share."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def sum(self, table: Table, progress: Progress) -> Sum:
        """Read a table with all that it refers to, and add it up."""
        summing, step = Summing(table), f"{table.name} (check)"
        total = await self.store.read(tables.count, table)
        progress(step, total, 0)
        async for page in self.pages(table, [], 1):
            summing.add(page.rows, {reference: hash_of(body) for reference, body in page.bodies.items()})
            progress(step, total, len(page.rows))
        return summing.sum()

    async def pages(self, table: Table, after: Sequence[Any], number: int) -> AsyncIterator[_Page]:
        """Yield the rows behind `after`; those of the log are numbered on from `number`."""
        while found := await self.store.read(tables.page, table, after, _PAGE):
            start = 0
            while start < len(found):
                bodies, end = await self._bodies(table, found, start)
                some = found[start:end]
                rows = await self._neutral(table, some, number)
                number, start, after = number + len(some), end, table.key_of(some[-1])
                yield _Page(rows, list(after), bodies)

    async def _bodies(self, table: Table, rows: Sequence[Sequence[Any]], start: int) -> tuple[dict[str, bytes], int]:
        """Return the bodies of so many rows as a part takes, and where the next part begins."""
        bodies: dict[str, bytes] = {}
        if not table.reference:
            return bodies, len(rows)
        at, size = table.place(table.reference), 0
        for place in range(start, len(rows)):
            reference = rows[place][at]
            if reference and reference not in bodies:
                found = await self.store.bodies([reference])
                bodies.update(found)
                size += sum(map(len, found.values()))
            if size >= _PART_BYTES:
                return bodies, place + 1
        return bodies, len(rows)

    async def _neutral(self, table: Table, rows: Sequence[Sequence[Any]], number: int) -> list[list[Any]]:
        neutral = [[_storable(value) for value in row] for row in rows]
        if table.name not in (_EVENTS, "cursors"):
            return neutral
        tx, seq = table.place("tx"), table.place("seq")
        places = [(row[tx], row[seq]) for row in neutral]
        if table.name == _EVENTS:
            numbers = dict(zip(places, range(number, number + len(places)), strict=True))
        else:
            numbers = await self.store.read(tables.events_until, set(places))
        for row, place in zip(neutral, places, strict=True):
            row[tx], row[seq] = 0, numbers[place]
        return neutral


def _storable(value: Any) -> Any:
    # https://www.postgresql.org/docs/current/datatype-character.html: its text holds no NUL.
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
