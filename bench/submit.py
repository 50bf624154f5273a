"""How many messages a second are taken by SMTP durably, beside a Postfix that takes the same mail from the same load.

Run with `make bench-submit`. The candidates take turns, each started anew for each turn:

- submit: Pillarbox as it is served by default, outside dev mode: TLS, a login, every acceptance on disk before its
  250 (synchronous FULL), and the capture transport delivering at the same time.
- postfix: Debian's Postfix in the clear and without a login, syncing as by default and relaying to a sink.

After each turn of `submit` the store is opened and compared with what was acknowledged.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import apsw

from bench.support import postfix, smtp_load
from bench.support.process import cpu_seconds
from bench.support.requests import SENDER, html_of
from bench.support.serve import REGION, serving
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Simple, Text

SIZES = {"2KB": 2_000, "30KB": 30_000}
ROUNDS = 2
SECONDS = 6.0
CONNECTIONS = 64


class Turn(NamedTuple):
    """What one candidate did in one turn."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def submit(folder: Path, mail: Path) -> Turn:
    with serving("full", folder / "data") as served:
        login = (served.key_id, smtp_password(served.secret, REGION))
        turn, acknowledged = _turn(folder, served.pid, served.smtps_port, mail, login)
    database = apsw.Connection(str(folder / "data" / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    stored = {row[0] for row in database.execute("SELECT message_id FROM messages")}
    database.close()
    assert acknowledged == stored, f"{len(acknowledged - stored)} of {len(acknowledged)} are not in the store"
    return turn


def relay(folder: Path, mail: Path) -> Turn:
    with postfix.relaying(folder) as server:
        return _turn(folder, server.pid, server.port, mail)[0]


CANDIDATES: dict[str, Callable[[Path, Path], Turn]] = {"submit": submit, "postfix": relay}


def _turn(folder: Path, pid: int, port: int, mail: Path, login: tuple[str, ...] = ()) -> tuple[Turn, set[str]]:
    """Load a server for a while; return its turn and what it called the messages that it acknowledged."""
    ids = folder / "ids"
    smtp_load.send(port, mail, SENDER, CONNECTIONS, 1.0, ids, login)
    known = ids.read_text().split()
    before = cpu_seconds(pid)
    answered = smtp_load.send(port, mail, SENDER, CONNECTIONS, SECONDS, ids, login)
    cpu = cpu_seconds(pid) - before
    turn = Turn(answered.rate, cpu / answered.acknowledged * 1e6, answered.p50_ms, answered.p99_ms)
    return turn, {*known, *ids.read_text().split()}


def measure() -> dict[tuple[str, str], list[Turn]]:
    """Let the candidates take turns, and print each turn as it ends."""
    turns: dict[tuple[str, str], list[Turn]] = {}
    for number in range(1, ROUNDS + 1):
        for size, length in SIZES.items():
            content = Simple(Text("A subject", "UTF-8"), html=Text(html_of(length), "UTF-8"))
            for name, candidate in CANDIDATES.items():
                # /var/tmp is on a disk also where /tmp is memory.
                with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as made:
                    folder = Path(made)
                    mail = folder / "mail"
                    mail.write_bytes(compose(content, sender=SENDER, to=["recipient@example.net"]).raw)
                    turn = candidate(folder, mail)
                turns.setdefault((name, size), []).append(turn)
                print(f"round {number}  {name:8} {size:>5} {turn.rate:9,.0f}/s  {turn.cpu_us:7.0f} µs CPU", flush=True)
    return turns


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench-submit starts a Postfix, which only root can: run it as root, for example in a container")
    means = {
        key: Turn(*(mean(numbers) for numbers in zip(*turns, strict=True)))
        for key, turns in sorted(measure().items(), key=lambda item: item[0][1])
    }
    print(f"\nMeans of {ROUNDS} rounds, {CONNECTIONS} connections, {os.cpu_count()} cores shared with the load:")
    print(f"{'':14}  accepted/s  CPU µs each  p50 ms  p99 ms")
    for (name, size), turn in means.items():
        print(f"{name:8} {size:>5}  {turn.rate:10,.0f}  {turn.cpu_us:11.0f}{turn.p50_ms:8.1f}{turn.p99_ms:8.1f}")
    print()
    for size in SIZES:
        ours, theirs = means["submit", size], means["postfix", size]
        print(
            f"ratio submit-{size}/postfix-{size} {ours.rate / theirs.rate:.2f}"
            f"   ({ours.rate:,.0f}/s under TLS, on disk, captured; {theirs.rate:,.0f}/s in the clear, fsync, relayed)"
        )


if __name__ == "__main__":
    main()
