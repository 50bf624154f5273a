"""Which engine keeps the store of the servers that tests start: the embedded one, or PostgreSQL for all of them.

`make test-postgres` plays contracts and scenarios with PostgreSQL, which `make test` plays with the embedded store.
"""

import os
from collections.abc import Callable
from pathlib import Path

IS_POSTGRES = os.environ.get("TEST_ENGINE") == "postgres"

_databases: dict[Path, str] = {}
_make: list[Callable[[], str]] = []


def made_by(new_database: Callable[[], str]) -> None:
    """Say how databases are made from now on."""
    _make[:] = [new_database]


def database_of(folder: Path) -> str:
    """Return the database of a server with this data folder: the same one each time that it is started."""
    if not _make:
        return "sqlite:"
    if folder not in _databases:
        _databases[folder] = _make[0]()
    return _databases[folder]
