"""What the system refuses is told in one line that says what to do."""

import errno
import os
import socket
from pathlib import Path

import pytest

from pillarbox.commands.system_errors import in_words, why_not_listening


def refused(code: int, *file: str) -> OSError:
    return OSError(code, os.strerror(code), *file)


def test_a_file_of_somebody_else_is_told_with_whose_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    said = in_words(refused(errno.EACCES, str(tmp_path / "mail" / "keyring.json")))
    assert said.startswith(f"{tmp_path}/mail/keyring.json: Permission denied; {tmp_path} belongs to ")
    assert "with mode 750, and this runs as " in said


def test_what_is_not_a_matter_of_rights_is_told_alone() -> None:
    assert in_words(refused(errno.ENOSPC, "mail.db")) == "mail.db: No space left on device"
    assert in_words(refused(errno.ENOTDIR, "data")) == "data: there is a file where a folder has to be"
    assert in_words(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EADDRINUSE, "stop it, or choose another port with --smtp-port"),
        (errno.EACCES, "need CAP_NET_BIND_SERVICE; give it, or choose another port with --smtp-port"),
        (errno.EADDRNOTAVAIL, "Cannot assign requested address: name an address of this machine with --host"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_with_a_remedy(code: int, remedy: str) -> None:
    assert why_not_listening(refused(code), "--smtp-port").endswith(remedy)


def test_a_host_that_leads_nowhere_is_told_without_what_python_was_doing() -> None:
    error = socket.gaierror(-2, "Name or service not known (while attempting to bind on address ('nowhere', 0))")
    assert why_not_listening(error, "--port") == (
        "Name or service not known: name an address of this machine with --host"
    )
