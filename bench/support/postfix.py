"""A Postfix of its own in a temporary folder, relaying to Postfix's own sink.

Postfix starts as root only. Its spool lies in the folder that it is given, on the same disk as everything else
that is measured. Nothing is said about syncing: each message is on disk before its 250, as always with Postfix.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postfix(NamedTuple):
    """A running Postfix: where it listens, its master process, and its settings as `postconf -n` prints them."""

    port: int
    pid: int
    settings: str
    folder: Path

    def queued(self, *queues: str) -> int:
        """Return how many messages it still holds, in these queues or in all."""
        spool = self.folder / "spool"
        names = queues or ("incoming", "active", "deferred")
        return sum(len(files) for name in names for _, _, files in os.walk(spool / name))


@contextmanager
def sinking() -> Iterator[int]:
    """Run Postfix's own sink, which takes everything, until the block is left; yield its port."""
    port = free_port()
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1000"])
    try:
        _wait_for(port)
        yield port
    finally:
        sink.terminate()
        sink.wait(10)


@contextmanager
def relaying(folder: Path) -> Iterator[Postfix]:
    """Run a sink, and a Postfix that relays to it, until the block is left."""
    with sinking() as sink_port, relaying_to(sink_port, folder) as server:
        yield server


@contextmanager
def relaying_to(sink_port: int, folder: Path) -> Iterator[Postfix]:
    """Run a Postfix that relays to a port of this machine until the block is left."""
    port = free_port()
    folder.chmod(0o755)
    settings = _configure(folder, port, sink_port)
    _postfix(settings, "start")
    try:
        _wait_for(port)
        pid = int((folder / "spool/pid/master.pid").read_text())
        yield Postfix(port, pid, _shown(settings), folder)
    finally:
        _postfix(settings, "stop")


def submit(postfix: Postfix, mail: Path, sender: str, sessions: int, count: int) -> float:
    """Send the mail `count` times over kept connections; return how long Postfix took to acknowledge all of it."""
    started = time.perf_counter()
    command = ["/usr/sbin/smtp-source", "-d", "-N", "-s", str(sessions), "-m", str(count), "-f", sender]
    command += ["-t", "recipient@example.net", "-F", str(mail), f"127.0.0.1:{postfix.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    took = time.perf_counter() - started
    assert done.returncode == 0, f"smtp-source: {done.stderr}"
    return took


def _configure(folder: Path, port: int, sink_port: int) -> Path:
    settings = folder / "etc"
    settings.mkdir()
    (folder / "spool").mkdir()
    (folder / "lib").mkdir()
    shutil.chown(folder / "lib", "postfix", "postfix")
    (settings / "main.cf").write_text(
        f"""compatibility_level = 3.6
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
myhostname = bench.example.com
relayhost = [127.0.0.1]:{sink_port}
smtpd_banner = $myhostname ESMTP
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
smtp_destination_concurrency_limit = 40
default_process_limit = 200
"""
    )
    master = Path("/usr/share/postfix/master.cf.dist")
    lines = (master if master.exists() else Path("/etc/postfix/master.cf")).read_text().splitlines()
    kept = [f"127.0.0.1:{port} inet n - n - - smtpd" if line.startswith("smtp      inet") else line for line in lines]
    kept = [line.replace(" y ", " n ", 1) if line[:1].isalpha() and " unix " in line else line for line in kept]
    if not any(line.startswith("postlog") for line in kept):
        kept.append("postlog unix-dgram n - n - 1 postlogd")
    (settings / "master.cf").write_text("\n".join(kept) + "\n")
    return settings


def _shown(settings: Path) -> str:
    command = ["/usr/sbin/postconf", "-c", str(settings), "-n"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _postfix(settings: Path, command: str) -> None:
    done = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(settings), command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"postfix {command}: {done.stderr}"


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")
