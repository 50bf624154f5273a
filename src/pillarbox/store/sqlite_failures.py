"""Why the embedded store does not open, and what an operator does about it.

Pure. Called by store/sqlite.py.
"""

from pathlib import Path

import apsw

_REMEDIES: tuple[tuple[tuple[type[apsw.Error], ...], str], ...] = (
    ((apsw.NotADBError,), "is no database: restore a backup, or move it away"),
    ((apsw.CorruptError,), "is damaged: restore a backup into another folder, and look at the disk"),
    (
        (apsw.CantOpenError, apsw.ReadOnlyError),
        "cannot be opened for writing: it and its folder have to belong to the user that Pillarbox runs as, on a disk"
        " that is mounted for writing",
    ),
    ((apsw.FullError, apsw.IOError), "cannot be written: make room on its disk, or look at what the system says of it"),
)


def why_not_opened(error: BaseException, file: Path) -> str:
    """Return what is wrong with a database and what to do; nothing for an error that is none of its own."""
    return next((f"{file} {remedy}" for kinds, remedy in _REMEDIES if isinstance(error, kinds)), "")
