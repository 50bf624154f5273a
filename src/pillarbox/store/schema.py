"""The whole schema in one text, for people: `python -m pillarbox.store.schema` prints it.

Pure. docs/schema.sql is this text, as the embedded store has it; a test holds
the two together, so a migration always shows what it changes.
"""

import apsw

from pillarbox.store.migrate import migrate_sqlite


def schema() -> str:
    """Return what all migrations make of an empty SQLite database."""
    connection = apsw.Connection(":memory:")
    migrate_sqlite(connection)
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        " ORDER BY tbl_name, type DESC, name"
    )
    return "\n\n".join(row[0] + ";" for row in rows) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
