"""Runs plans on a database in memory, at once and by themselves: no files, no threads, no clock."""

from collections.abc import Callable
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

    def steps_of(self, work: Callable[[], object]) -> int:
        """Return how many steps of SQLite's virtual machine something takes: what it costs on any machine."""
        count = 0

        def step() -> bool:
            nonlocal count
            count += 1
            return False

        self.database.set_progress_handler(step, 1)
        work()
        self.database.set_progress_handler(None)
        return count

    def close(self) -> None:
        self.database.close()
