"""Starts the Postfix that is installed, as the smarthost of a test or as a client that relays to the server.

As a smarthost it takes mail for the known addresses at example.net, refuses the
others there as Postfix does, and relays what it took to a port; as a client it
takes all mail and relays it over TLS with a login. Postfix starts as root only.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
myhostname = smarthost.example.org
relay_domains = example.net
recipient_delimiter = +
relayhost = [127.0.0.1]:{relay_port}
local_recipient_maps =
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
"""
# Nothing may stand twice: each process would warn of it, also the one that writes the log, which then waits for itself.
_AS_SMARTHOST = """relay_recipient_maps = inline:{{ {known} }}
"""
_WITH_TLS = """smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {chain}
"""
_AS_CLIENT = """smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{port} = {user}:{password} }} }}
smtp_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_mynetworks, reject
"""
_MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


class Relay(NamedTuple):
    """Where all mail goes, and the login for it."""

    port: int
    user: str
    password: str


class Postfix:
    """A running Postfix that relays what it takes; `port` is where it listens."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder

    @classmethod
    @contextmanager
    def started(cls, relay_port: int, known: Sequence[str], *, chain: Path | None = None) -> Iterator["Postfix"]:
        """Run until the block is left; with a `chain` of key and certificates, mail is taken over TLS only."""
        table = ", ".join(f"{address}=known" for address in known)
        with cls._running(relay_port, chain, _AS_SMARTHOST.format(known=table)) as postfix:
            yield postfix

    @classmethod
    @contextmanager
    def relaying_to(cls, relay: Relay) -> Iterator["Postfix"]:
        """Run until the block is left as a server that hands all mail to another, with a login."""
        with cls._running(relay.port, None, _AS_CLIENT.format(**relay._asdict())) as postfix:
            yield postfix

    @classmethod
    @contextmanager
    def _running(cls, relay_port: int, chain: Path | None, more: str) -> Iterator["Postfix"]:
        if os.getuid() != 0:
            pytest.skip("Postfix starts as root only")
        # Not below pytest's own folder, which is closed to the user that Postfix works as.
        folder = Path(tempfile.mkdtemp(prefix="pillarbox-postfix-"))
        folder.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        postfix = cls(folder, port)
        postfix._configure(relay_port, chain, more)
        try:
            postfix._run("start")
            postfix._wait_until_it_listens()
            yield postfix
        finally:
            postfix._run("stop")
            shutil.rmtree(folder, ignore_errors=True)

    def empties_its_queue(self) -> bool:
        """Say whether it has handed over all that it took, as soon as it has."""
        return self._comes_true(lambda: not any((self._folder / "spool/active").rglob("*")))

    def logs(self, text: str) -> bool:
        """Say whether a text comes to stand in its log."""
        return self._comes_true(lambda: text in (self._folder / "log").read_text())

    @staticmethod
    def _comes_true(holds: Callable[[], bool]) -> bool:
        until = time.monotonic() + 20
        while not holds() and time.monotonic() < until:
            time.sleep(0.05)
        return holds()

    def _configure(self, relay_port: int, chain: Path | None, more: str) -> None:
        for name in ("etc", "spool", "lib"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "lib", "postfix", "postfix")
        main = _MAIN.format(folder=self._folder, relay_port=relay_port) + more
        if chain is not None:
            main += _WITH_TLS.format(chain=shutil.copy(chain, self._folder / "chain.pem"))
        (self._folder / "etc/main.cf").write_text(main)
        (self._folder / "etc/master.cf").write_text(_MASTER.format(port=self.port))

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self._folder / "etc"), command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"postfix {command}: {done.stderr}"

    def _wait_until_it_listens(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"Postfix does not listen: {(self._folder / 'log').read_text()}")
