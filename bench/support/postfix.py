"""A Postfix of its own in a temporary folder, relaying to Postfix's own sink."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def relaying(folder: Path) -> Iterator[tuple[int, str]]:
    """Start a sink and a Postfix that relays to it; yield Postfix's port and its `postconf -n`."""
    sink_port, port = free_port(), free_port()
    folder.chmod(0o755)
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{sink_port}", "1000"])
    settings = _configure(folder, port, sink_port)
    _postfix(settings, "start")
    try:
        _wait_for(port)
        shown = subprocess.run(["/usr/sbin/postconf", "-c", str(settings), "-n"], capture_output=True, text=True, check=True)
        yield port, shown.stdout
    finally:
        _postfix(settings, "stop")
        sink.terminate()
        sink.wait(10)


def queued(folder: Path) -> int:
    """Return how many messages Postfix still holds."""
    spool = folder / "spool"
    return sum(len(files) for name in ("incoming", "active", "deferred") for _, _, files in os.walk(spool / name))


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
