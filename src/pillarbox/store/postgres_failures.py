"""Why PostgreSQL does not take us, and what an operator does about it.

Pure. Called by store/postgres.py. What is said names the host and never the
rest of the URL, in which the password is.
"""

import socket
from urllib.parse import SplitResult, parse_qs, urlsplit

import asyncpg

_READ_AS = "postgresql://USER:PASSWORD@HOST:PORT/NAME, with @ : / ? # and % in the password as %40 and so on"
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, "look at the user and the password in the setting `database`"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "let the user of the setting `database` in from this machine by a line in pg_hba.conf there",
    ),
    (asyncpg.InvalidCatalogNameError, "make it with `createdb`, or look at the name in the setting `database`"),
    (asyncpg.InsufficientPrivilegeError, "make the user of the setting `database` the owner of the database"),
    (asyncpg.TooManyConnectionsError, "raise max_connections there, or lower the setting `database_connections`"),
    (asyncpg.CannotConnectNowError, "start again when it is ready"),
    (socket.gaierror, "look at the host in the setting `database`"),
    (
        OSError,
        "look whether it is started, whether it listens there (listen_addresses and port in postgresql.conf, host and"
        " port in the setting `database`), and whether a firewall is between",
    ),
)


def why(error: BaseException) -> str:
    """Return what went wrong, without the numbers; what has no words is silence."""
    return getattr(error, "strerror", None) or str(error) or "no answer in time"


def why_not_opened(error: BaseException, url: str) -> str:
    """Return what went wrong and what to look at."""
    parts = urlsplit(url)
    if isinstance(error, ValueError) or "@" in parts.path + parts.query + parts.fragment:
        # A password that cuts the URL short may be in the words of a plain ValueError.
        known = f": {error}" if isinstance(error, asyncpg.InterfaceError) else ""
        return f"the setting `database` cannot be used{known}; it is read as {_READ_AS}"
    remedy = next((f"; {text}" for kind, text in _REMEDIES if isinstance(error, kind)), "")
    return f"PostgreSQL at {_place(parts)} cannot be used: {why(error)}{remedy}"


def _place(parts: SplitResult) -> str:
    """Return its host and port, or the folder of its socket."""
    sought = parse_qs(parts.query).get("host", [""])[-1]
    return parts.netloc.rpartition("@")[2] or sought or "its usual socket"
