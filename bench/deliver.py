"""How many messages a second go from accepted to delivered, signed and tracked, beside a Postfix that relays the same.

Run with `make bench-deliver`. The candidates take turns at the same load, each started anew for each turn and
handing over to a sink of the same kind:

- deliver: Pillarbox outside dev mode, with the route `smtp` and a worker for each core, else as it is served by
  default: requests verified, every acceptance on disk before its answer (synchronous FULL), links and opens of every
  message tracked, each signed with DKIM (RSA-2048), every outcome on disk as an event, every conversation kept.
- deliver-ed25519: the same, signed with Ed25519.
- deliver-untracked: the same as deliver, with links and opens left alone.
- postfix: Debian's Postfix, syncing as by default, taking the same mail by SMTP and relaying it unsigned.

In the `mixed` case the sink refuses one recipient in ten for ever and defers one; both send the sender a bounce for
the former, Pillarbox tells it as an event as well. A turn ends when every message has been tried, and its rate is of
all messages over all of that time. After each turn of Pillarbox its store is compared with what was acknowledged.
"""

import os
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import apsw

from bench.support import load, postfix
from bench.support.choosy_sink import choosy_sink
from bench.support.delivering import TRACKED, delivering
from bench.support.process import cpu_seconds
from bench.support.requests import SENDER, letter_of, signed_requests, write_file
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Simple, Text

ROUNDS = 2
SECONDS = 2.5
CONNECTIONS = 64
REQUESTS = 400
DRAIN_SECONDS = 120.0
WORKERS = os.cpu_count() or 1
_OUTCOMES = "pillarbox_delivery_outcomes_total{"


class Case(NamedTuple):
    """What is sent, whether the sink takes all of it, and who takes turns."""

    name: str
    length: int
    takes_all: bool
    candidates: tuple[str, ...]


CASES = (
    Case("2KB", 2_000, True, ("deliver", "deliver-ed25519", "deliver-untracked", "postfix")),
    Case("30KB", 30_000, True, ("deliver", "deliver-ed25519", "postfix")),
    Case("mixed", 2_000, False, ("deliver", "postfix")),
)
WHAT = {
    "deliver": "signed requests, each on disk before its answer, tracked, DKIM RSA-2048, each outcome an event on disk",
    "deliver-ed25519": "the same with DKIM Ed25519",
    "deliver-untracked": "the same with DKIM RSA-2048, untracked",
    "postfix": "the same mail over SMTP, fsync for each, relayed unsigned",
}


class Turn(NamedTuple):
    """What one candidate did in one turn: messages a second from the first request to the last outcome."""

    rate: float
    cpu_us: float


@contextmanager
def sinking(case: Case, folder: Path) -> Iterator[int]:
    if case.takes_all:
        with postfix.sinking() as port:
            yield port
    else:
        with choosy_sink(folder) as port:
            yield port


def deliver(folder: Path, case: Case, algorithm: str = "rsa", configuration_set: str | None = TRACKED) -> Turn:
    with sinking(case, folder) as sink, delivering(folder / "data", sink, algorithm, WORKERS) as served:
        file, ids = folder / "requests", folder / "ids"
        endpoint = f"http://127.0.0.1:{served.port}"
        given = (served.key_id, served.secret, letter_of(case.length), REQUESTS, configuration_set)
        write_file(file, signed_requests(endpoint, *given))
        warm = load.send(served.port, file, CONNECTIONS, 0.5, ids)
        _wait_until(lambda: _tried(served.port) >= warm.acknowledged)
        known = ids.read_text().split()
        before = cpu_seconds(served.pid)
        answered = load.send(served.port, file, CONNECTIONS, SECONDS, ids)
        assert not answered.bad, f"{answered.bad} requests were answered with an error: {answered.first_bad}"
        _wait_until(lambda: _tried(served.port) >= warm.acknowledged + answered.acknowledged)
        took = time.time() - answered.started_at
        cpu = cpu_seconds(served.pid) - before
        acknowledged = {*known, *ids.read_text().split()}
    _compare(folder / "data", acknowledged, case, is_tracked=configuration_set is not None)
    return Turn(answered.acknowledged / took, cpu / answered.acknowledged * 1e6)


def deliver_ed25519(folder: Path, case: Case) -> Turn:
    return deliver(folder, case, "ed25519")


def deliver_untracked(folder: Path, case: Case) -> Turn:
    return deliver(folder, case, configuration_set=None)


def relay(folder: Path, case: Case) -> Turn:
    content = Simple(Text("A subject", "UTF-8"), html=Text(letter_of(case.length), "UTF-8"))
    mail = folder / "mail"
    # smtp-source ends the lines itself.
    mail.write_bytes(compose(content, sender=SENDER, to=["recipient@example.net"]).raw.replace(b"\r\n", b"\n"))
    with sinking(case, folder) as sink, postfix.relaying_to(sink, folder) as server:

        def is_empty() -> bool:
            return not server.queued("incoming", "active", "maildrop")

        warm_up = 500
        count = int(SECONDS * warm_up / postfix.submit(server, mail, SENDER, CONNECTIONS, warm_up))
        _wait_until(is_empty)
        before, started_at = cpu_seconds(server.pid), time.time()
        postfix.submit(server, mail, SENDER, CONNECTIONS, count)
        _wait_until(is_empty)
        took = time.time() - started_at
        return Turn(count / took, (cpu_seconds(server.pid) - before) / count * 1e6)


CANDIDATES: dict[str, Callable[[Path, Case], Turn]] = {
    "deliver": deliver,
    "deliver-ed25519": deliver_ed25519,
    "deliver-untracked": deliver_untracked,
    "postfix": relay,
}


def _tried(port: int) -> int:
    """Return how many messages have been tried, however that ended, and where it was refused, its bounce as well."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        found = [line for line in answer.read().decode().splitlines() if line.startswith(_OUTCOMES)]
    tried = {line: int(float(line.rpartition(" ")[2])) for line in found}
    return sum(tried.values()) - sum(count for line, count in tried.items() if 'outcome="refused"' in line)


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + DRAIN_SECONDS
    while not holds():
        assert time.monotonic() < until, f"not everything was tried within {DRAIN_SECONDS:.0f} s"
        time.sleep(0.1)


def _compare(folder: Path, acknowledged: set[str], case: Case, *, is_tracked: bool) -> None:
    """Every message has the event that its recipient's outcome is, and was delivered tracked where it should be."""
    database = apsw.Connection(str(folder / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    kinds: dict[str, set[str]] = {}
    for message_id, kind, fact in database.execute("SELECT message_id, kind, fact FROM events WHERE kind <> 'Send'"):
        is_plain = kind == "Delivery" and not all(f'"{mark}":true' in fact for mark in ("with_pixel", "with_links"))
        kinds.setdefault(message_id, set()).add("Delivery, untracked" if is_plain else kind)
    database.close()
    told = Counter(min(kinds.get(message_id, {"nothing"})) for message_id in acknowledged)
    allowed = {"Delivery" if is_tracked else "Delivery, untracked"}
    allowed |= set() if case.takes_all else {"Bounce", "DeliveryDelay"}
    assert set(told) == allowed, f"of {len(acknowledged)} acknowledged messages these were told: {dict(told)}"


def measure() -> dict[tuple[str, str], list[Turn]]:
    """Let the candidates take turns, and print each turn as it ends."""
    turns: dict[tuple[str, str], list[Turn]] = {}
    for number in range(1, ROUNDS + 1):
        for case in CASES:
            for name in case.candidates:
                # /var/tmp is on a disk also where /tmp is memory.
                with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder:
                    turn = CANDIDATES[name](Path(folder), case)
                turns.setdefault((name, case.name), []).append(turn)
                print(f"round {number}  {name:17} {case.name:>5} {turn.rate:8,.0f}/s {turn.cpu_us:7.0f} µs", flush=True)
    return turns


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench-deliver starts a Postfix, which only root can: run it as root, for example in a container")
    means = {
        key: Turn(mean(turn.rate for turn in turns), mean(turn.cpu_us for turn in turns))
        for key, turns in measure().items()
    }
    print(
        f"\nMeans of {ROUNDS} rounds, {CONNECTIONS} connections, {os.cpu_count()} cores shared with load and sink,"
        f" workers = {WORKERS}; the machine's load at the end: {os.getloadavg()[0]:.0f}"
    )
    print(f"{'':25}  delivered/s  CPU µs each")
    for (name, case_name), turn in means.items():
        print(f"{name:18} {case_name:>6}  {turn.rate:11,.0f}  {turn.cpu_us:11.0f}")
    print()
    for case in CASES:
        for name in case.candidates[:-1]:
            ours, theirs = means[name, case.name], means["postfix", case.name]
            print(
                f"ratio {name}-{case.name}/postfix-{case.name} {ours.rate / theirs.rate:.2f}"
                f"   ({ours.rate:,.0f}/s, {ours.cpu_us:.0f} µs, {WHAT[name]};"
                f" {theirs.rate:,.0f}/s, {theirs.cpu_us:.0f} µs, {WHAT['postfix']})"
            )
            print(
                f"ratio {name}-{case.name}-cpu/postfix-{case.name}-cpu {ours.cpu_us / theirs.cpu_us:.2f}"
                f"   ({ours.cpu_us:.0f} and {theirs.cpu_us:.0f} µs of processor time a message; less is better)"
            )


if __name__ == "__main__":
    main()
