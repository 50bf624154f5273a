"""The tables of the newest schema as data, and plans that carry their rows from one store to another.

Plans only, but for `tables`, which asks an empty database in memory. Called by
operate/moving.py. What is particular to an engine is left behind here: rows
travel with the bodies that they refer to, and events are numbered 1, 2, 3, …
in the order in which they became visible, which is an order for both engines.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import apsw

from pillarbox.kit.clock import Millis
from pillarbox.store import leases, partitions
from pillarbox.store.migrate import IMPORTING, SQLITE, migrate_sqlite, steps
from pillarbox.store.plan import Keep, Many, Plan, PutAway, Row, Rows

# Columns that refer to bodies, and the columns that tell when those were kept.
_REFERENCES = {("messages", "body"): "accepted_at", ("captures", "body"): "captured_at"}
_REFERENCES |= {(table, "recipients"): "accepted_at" for table in ("large_sends", "bulk_sends", "unmade_sends")}
_BODIES = "bodies"
_MAPPED = "imported_bodies"
# What refers to a body that was dropped before the rows that tell of it; by whether the store is the embedded one.
_GONE = {True: "1970-01-01:0:0", False: "pg:0"}


class Table(NamedTuple):
    """Rows are read in the order of `key`; `serial` numbers them, `reference` names a body (each may be "")."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    serial: str
    reference: str
    kept_at: str

    def place(self, column: str) -> int:
        return self.columns.index(column)

    def key_of(self, row: Sequence[Any]) -> list[Any]:
        return [row[self.place(column)] for column in self.key]


def newest() -> int:
    """Return the number of the newest schema."""
    return steps(SQLITE)[-1][0]


def tables() -> list[Table]:
    """Return every table of the newest schema but that of the bodies, which travel with the rows that need them."""
    database = apsw.Connection(":memory:")
    migrate_sqlite(database)
    found: list[tuple[Any, ...]] = database.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    return [
        _table(database, name, "AUTOINCREMENT" in sql)
        for name, sql in found
        if name != _BODIES and not name.startswith("sqlite_")
    ]


def _table(database: apsw.Connection, name: str, is_numbered: bool) -> Table:
    columns: list[tuple[Any, ...]] = database.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
    key = tuple(column for column, place in sorted(columns, key=lambda one: one[1]) if place)
    reference = next((column for table, column in _REFERENCES if table == name), "")
    return Table(
        name,
        tuple(column for column, _ in columns),
        ("tx", "seq") if name == "events" else key,
        key[0] if is_numbered else "",
        reference,
        _REFERENCES.get((name, reference), ""),
    )


def page(table: Table, after: Sequence[Any], limit: int) -> Plan[list[Row]]:
    """Return the next rows behind the key `after` (none for the first), at the same cost wherever they are."""
    key, marks = ", ".join(table.key), ", ".join("?" * len(table.key))
    behind = f"WHERE ({key}) > ({marks})" if after else ""
    rows = yield Rows(
        f"SELECT {', '.join(table.columns)} FROM {table.name} {behind} ORDER BY {key} LIMIT ?", (*after, limit)
    )
    return [tuple(row) for row in rows]


def count(table: Table) -> Plan[int]:
    rows = yield Rows(f"SELECT count(*) FROM {table.name}")
    return int(rows[0][0])


def events_until(positions: Collection[tuple[int, int]]) -> Plan[dict[tuple[int, int], int]]:
    """Return for each place in the log how many events it is behind: their numbers where they are counted anew."""
    found = {}
    for position in positions:
        rows = yield Rows("SELECT count(*) FROM events WHERE (tx, seq) <= (?, ?)", position)
        found[position] = int(rows[0][0])
    return found


def last_numbers(numbered: Iterable[Table], is_sqlite: bool) -> Plan[dict[str, int]]:
    """Return the last number that each table gave, which may be of a row that is gone."""
    found = {}
    for table in numbered:
        if is_sqlite:
            rows = yield Rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,))
        else:
            # https://www.postgresql.org/docs/current/view-pg-sequences.html
            rows = yield Rows(
                "SELECT coalesce(last_value, 0) FROM pg_sequences"
                " WHERE schemaname = current_schema() AND sequencename = ?",
                (f"{table.name}_{table.serial}_seq",),
            )
        found[table.name] = int(rows[0][0]) if rows else 0
    return found


def begin(every: Sequence[Table], is_sqlite: bool) -> Plan[list[str]]:
    """Make the store one that is being filled, unless it is already; return the tables that hold something else."""
    if (yield from is_begun(is_sqlite)):
        return []
    filled = []
    for table in every:
        if (yield Rows(f"SELECT 1 FROM {table.name} LIMIT 1")):
            filled.append(table.name)
    if not filled:
        yield Rows(f"CREATE TABLE {IMPORTING} (part TEXT PRIMARY KEY)")
        yield Rows(f"CREATE TABLE {_MAPPED} (source TEXT PRIMARY KEY, reference TEXT NOT NULL)")
    return filled


def is_begun(is_sqlite: bool) -> Plan[bool]:
    there = "sqlite_schema WHERE name" if is_sqlite else "pg_tables WHERE schemaname = current_schema() AND tablename"
    return bool((yield Rows(f"SELECT 1 FROM {there} = ?", (IMPORTING,))))


def is_put(part: str) -> Plan[bool]:
    """Say whether a part was added before."""
    return bool((yield Rows(f"SELECT 1 FROM {IMPORTING} WHERE part = ?", (part,))))


def put(
    table: Table, part: str, rows: Sequence[Row], bodies: Mapping[str, bytes | PutAway], is_sqlite: bool
) -> Plan[None]:
    """Add a part of a table, once however often it is given; bodies that came with an earlier part are there."""
    once = f"INSERT INTO {IMPORTING} (part) VALUES (?) ON CONFLICT (part) DO NOTHING RETURNING part"
    if not (yield Rows(once, (part,))):
        return
    if table.reference:
        rows = yield from _with_bodies(table, rows, bodies, _GONE[is_sqlite])
    if not is_sqlite and (key := partitions.KEYS.get(table.name)):
        yield from partitions.make_room(table.name, {row[table.place(key)] for row in rows})
    marks = ", ".join("?" * len(table.columns))
    given_numbers = "/*pg: OVERRIDING SYSTEM VALUE */ " if table.serial else ""
    yield Many(f"INSERT INTO {table.name} ({', '.join(table.columns)}) {given_numbers}VALUES ({marks})", rows)


def _with_bodies(
    table: Table, rows: Sequence[Row], bodies: Mapping[str, bytes | PutAway], gone: str
) -> Plan[list[Row]]:
    """Keep the bodies that are new, and return the rows with this store's references in them."""
    at = table.place(table.reference)
    wanted = sorted({row[at] for row in rows if row[at]})
    marks = ", ".join("?" * len(wanted))
    known = (yield Rows(f"SELECT source, reference FROM {_MAPPED} WHERE source IN ({marks})", wanted)) if wanted else []
    references: dict[str, str] = dict(known)
    new: dict[str, tuple[Millis, str]] = {}
    for row in rows:
        if row[at] in bodies and row[at] not in references:
            new.setdefault(row[at], (row[table.place(table.kept_at)], row[table.place("account")]))
    for (kept_at, account), same in groupby(sorted(new, key=lambda one: new[one]), lambda one: new[one]):
        sources = list(same)
        kept = yield Keep([bodies[source] for source in sources], [account] * len(sources), kept_at)
        references.update(zip(sources, kept, strict=True))
    yield Many(f"INSERT INTO {_MAPPED} (source, reference) VALUES (?, ?)", [(one, references[one]) for one in new])
    return [(*row[:at], references.get(row[at], row[at] and gone), *row[at + 1 :]) for row in rows]


def finish(numbers: Mapping[Table, int], is_sqlite: bool, now: Millis) -> Plan[None]:
    """Let numbers go on where they stood, end the leases of those who served the other store, and open this one."""
    for table, number in numbers.items():
        if is_sqlite:
            yield Rows("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            yield Rows("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))
        else:
            sequence = f"pg_get_serial_sequence('{table.name}', '{table.serial}')"
            yield Rows(f"SELECT setval({sequence}, {max(number, 1)}, {number > 0})")
    yield from leases.end_all(now)
    yield Rows(f"DROP TABLE {_MAPPED}")
    yield Rows(f"DROP TABLE {IMPORTING}")
