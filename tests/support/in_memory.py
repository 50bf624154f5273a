"""Runs plans on a database in memory, at once and by themselves: no files, no threads, no clock."""

from typing import Any

import apsw

from pillarbox.store.migrate import migrate_sqlite
from pillarbox.store.plan import Many, Plan, Rows


class InMemory:
    """What a plan raises comes out as it is, and undoes nothing."""

    def __init__(self) -> None:
        self.database = apsw.Connection(":memory:")
        migrate_sqlite(self.database)

    def run(self, plan: Plan[Any]) -> Any:
        answer: Any = None
        try:
            while True:
                statement, answer = plan.send(answer), None
                if isinstance(statement, Rows):
                    answer = self.database.execute(statement.sql, tuple(statement.args)).fetchall()
                elif isinstance(statement, Many):
                    self.database.executemany(statement.sql, statement.each)
        except StopIteration as done:
            return done.value

    def close(self) -> None:
        self.database.close()
