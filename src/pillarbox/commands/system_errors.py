"""What the system refuses, in one line that says what to do.

Reads who owns a file. Called by `serve`, and by __main__ for every other command.
"""

import errno
import os
import pwd
import stat
from pathlib import Path


def in_words(error: OSError) -> str:
    """Return which file the system refused and why, or only why."""
    if not error.filename:
        return reason(error)
    remedy = _remedy(Path(os.fsdecode(error.filename))) if isinstance(error, PermissionError) else ""
    return f"{error.filename}: {reason(error)}{remedy}"


def reason(error: OSError) -> str:
    """Return what the system says, without the numbers."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "there is a file where a folder has to be"
    if error.errno is None or error.errno <= 0:  # what looking up a name ends with has numbers of its own
        return error.strerror or str(error)
    return os.strerror(error.errno)


def why_not_listening(error: OSError, flag: str) -> str:
    """Return why a port cannot be had, and what to do; `flag` names another one."""
    if error.errno == errno.EADDRINUSE:
        return f"something else listens there (`ss -ltnp` shows what): stop it, or choose another port with {flag}"
    if error.errno == errno.EACCES:
        return (
            f"{reason(error)}: ports below 1024 need CAP_NET_BIND_SERVICE; give it, or choose another port with {flag}"
        )
    why = reason(error).partition(" (while")[0]  # what Python adds to a name that leads nowhere
    return f"{why}: name an address of this machine with --host"


def _remedy(path: Path) -> str:
    """Say who may use a file, or the folder that keeps it from being seen."""
    nearest = next((one for one in (path, *path.absolute().parents) if _is_seen(one)), Path("/"))
    facts, us = nearest.stat(), _name(os.geteuid())
    mode = f"{stat.S_IMODE(facts.st_mode):o}"
    return f"; {nearest} belongs to {_name(facts.st_uid)} with mode {mode}, and this runs as {us}: change one of them"


def _is_seen(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"
