"""What is said when PostgreSQL does not take us: where, why and what to look at, and never the password."""

import socket

import asyncpg
import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.store.postgres import PostgresStore
from pillarbox.store.postgres_failures import why_not_opened

URL = "postgresql://mail:s3cret@db.example:6432/mail"


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused", "whether it is started"),
        (TimeoutError(), "no answer in time", "firewall"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known", "look at the host"),
        (asyncpg.InvalidPasswordError('for user "mail"'), 'for user "mail"', "the user and the password"),
        (asyncpg.InvalidAuthorizationSpecificationError("no entry"), "no entry", "by a line in pg_hba.conf"),
        (asyncpg.InvalidCatalogNameError("does not exist"), "does not exist", "`createdb`"),
        (asyncpg.InsufficientPrivilegeError("permission denied"), "permission denied", "the owner of the database"),
        (asyncpg.TooManyConnectionsError("too many clients"), "too many clients", "`database_connections`"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_each_failure_says_where_it_was_sought_and_what_to_look_at(error: Exception, reason: str, remedy: str) -> None:
    said = why_not_opened(error, URL)
    assert said.startswith("PostgreSQL at db.example:6432 cannot be used: ") and remedy in said
    assert reason in said and "s3cret" not in said


def test_a_socket_is_named_by_its_folder() -> None:
    gone = FileNotFoundError(2, "No such file or directory")
    assert "PostgreSQL at /run/pg cannot be used" in why_not_opened(gone, "postgresql://mail@/mail?host=/run/pg")
    assert "PostgreSQL at its usual socket" in why_not_opened(gone, "postgresql:///mail")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://mail:s3cret/4@db.example/mail",
        "postgresql://mail:s3cret@127.0.0.1:port/mail",
        "postgresql://mail:s3cret@127.0.0.1:9/mail?sslmode=maybe",
    ],
)
async def test_a_url_that_cannot_be_read_says_how_it_is_read_and_not_what_is_in_it(url: str) -> None:
    with pytest.raises(Unavailable, match=r"`database` cannot be used.*PASSWORD@HOST:PORT/NAME") as raised:
        await PostgresStore.open(url)
    assert "s3cret" not in str(raised.value)


def test_a_password_that_reads_as_a_host_is_not_said() -> None:
    said = why_not_opened(socket.gaierror(-2, "Name or service not known"), "postgresql://mail:5432/s3cret@db/mail")
    assert "PASSWORD@HOST" in said and "5432" not in said and "s3cret" not in said
