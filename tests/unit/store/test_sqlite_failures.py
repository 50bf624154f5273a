"""What is said when the embedded store does not open, and that its folder is free afterwards."""

from pathlib import Path

import apsw
import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.store.reading import DATABASE
from pillarbox.store.sqlite import SqliteStore
from pillarbox.store.sqlite_failures import why_not_opened


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (apsw.NotADBError(), "is no database: restore a backup"),
        (apsw.CorruptError(), "is damaged: restore a backup"),
        (apsw.CantOpenError(), "have to belong to the user that Pillarbox runs as"),
        (apsw.ReadOnlyError(), "mounted for writing"),
        (apsw.FullError(), "make room on its disk"),
        (apsw.IOError(), "what the system says of it"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_each_failure_names_the_file_and_what_to_do(error: Exception, remedy: str) -> None:
    said = why_not_opened(error, Path("/data/pillarbox.db"))
    assert said.startswith("/data/pillarbox.db ") and remedy in said


def test_what_is_no_failure_of_the_file_is_not_explained_away() -> None:
    assert why_not_opened(apsw.SQLError("no such table"), Path("x")) == ""
    assert why_not_opened(KeyError("x"), Path("x")) == ""


async def test_a_folder_whose_database_was_none_is_opened_when_that_is_moved_away(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database")
    with pytest.raises(Unavailable, match="is no database"):
        await SqliteStore.open(tmp_path)
    (tmp_path / DATABASE).unlink()
    await (await SqliteStore.open(tmp_path)).close()
