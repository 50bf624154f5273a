"""How many signed SendEmail requests a second are accepted durably, beside what others do with the same mail.

Run with `make bench-accept`. The candidates take turns, each started anew for each turn:

- accept: Pillarbox as it is served by default, outside dev mode: signatures verified, every acceptance on disk
  before its answer (synchronous FULL), and the capture transport delivering at the same time.
- accept-workers: the same with a worker process for each core, where one process does everything by default.
- parsed: the same server answering after the request is verified, parsed and checked: no policy, no store.
- postfix: Debian's Postfix, syncing as by default, taking the same mail by SMTP and relaying it to a sink.
- aws-ses-v2-local: an emulator of SES in memory that looks at no signature, given the same requests.

After each turn of `accept` the store is opened and compared with what was acknowledged.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import apsw
import uvloop

from bench.support import emulator, load, postfix, stages
from bench.support.process import cpu_seconds
from bench.support.requests import SENDER, html_of, signed_requests, write_file
from bench.support.serve import serving
from pillarbox.kit import log
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Simple, Text

SIZES = {"2KB": 2_000, "30KB": 30_000}
ROUNDS = 2
SECONDS = 6.0
CONNECTIONS = 64
REQUESTS = 400
WORKERS = os.cpu_count() or 1


class Turn(NamedTuple):
    """What one candidate did in one turn; times are None where the load does not tell them."""

    rate: float
    cpu_us: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    delivered: str = ""


def accept(folder: Path, html: str, workers: int = 0) -> Turn:
    with serving("full", folder / "data", workers) as served:
        turn, acknowledged = _http_turn(folder, served.pid, served.port, html, (served.key_id, served.secret))
    stored, waiting = _stored(folder / "data")
    lost = acknowledged - stored
    assert not lost and len(stored) == len(acknowledged), f"{len(lost)} of {len(acknowledged)} are not in the store"
    return turn._replace(delivered=f"{(len(stored) - waiting) / len(stored):.0%}")


def parsed(folder: Path, html: str) -> Turn:
    with serving("parsed", folder / "data") as served:
        return _http_turn(folder, served.pid, served.port, html, (served.key_id, served.secret))[0]


def aws_ses_v2_local(folder: Path, html: str) -> Turn:
    with emulator.emulating(folder) as (pid, port):
        return _http_turn(folder, pid, port, html, ("AKIAIOSFODNN7EXAMPLE", "any"))[0]


def relayed(folder: Path, html: str) -> Turn:
    content = Simple(Text("A subject", "UTF-8"), html=Text(html, "UTF-8"))
    mail = folder / "mail"
    # smtp-source ends the lines itself.
    mail.write_bytes(compose(content, sender=SENDER, to=["recipient@example.net"]).raw.replace(b"\r\n", b"\n"))
    with postfix.relaying(folder) as server:
        _print_once("postconf -n", server.settings)
        warm_up = 500
        count = int(SECONDS * warm_up / postfix.submit(server, mail, SENDER, CONNECTIONS, warm_up))
        left = server.queued()
        before = cpu_seconds(server.pid)
        took = postfix.submit(server, mail, SENDER, CONNECTIONS, count)
        cpu = cpu_seconds(server.pid) - before
        relayed_count = count + left - server.queued()
    return Turn(count / took, cpu / count * 1e6, delivered=f"{min(1.0, relayed_count / count):.0%}")


CANDIDATES: dict[str, Callable[[Path, str], Turn]] = {
    "accept": accept,
    "accept-workers": partial(accept, workers=WORKERS),
    "parsed": parsed,
    "postfix": relayed,
    "aws-ses-v2-local": aws_ses_v2_local,
}
WHAT = {
    "accept": "signed requests, each on disk before its answer, delivery (capture) at the same time",
    "accept-workers": f"the same with {WORKERS} worker processes",
    "parsed": "the same requests verified and parsed by the same server, no policy, no store",
    "postfix": "the same mail over SMTP, fsync for each, relayed to a sink at the same time",
    "aws-ses-v2-local": f"the same requests, in memory, signatures not looked at (version {emulator.VERSION})",
}
_printed: set[str] = set()


def _print_once(title: str, text: str) -> None:
    if title not in _printed:
        _printed.add(title)
        print(f"\n{title}:\n{text}")


def _http_turn(folder: Path, pid: int, port: int, html: str, key: tuple[str, str]) -> tuple[Turn, set[str]]:
    """Load a server for a while; return its turn and the MessageIds that it acknowledged."""
    file, ids = folder / "requests", folder / "ids"
    write_file(file, signed_requests(f"http://127.0.0.1:{port}", *key, html, REQUESTS))
    load.send(port, file, CONNECTIONS, 1.0, ids)
    known = ids.read_text().split()
    before = cpu_seconds(pid)
    answered = load.send(port, file, CONNECTIONS, SECONDS, ids)
    cpu = cpu_seconds(pid) - before
    assert not answered.bad, f"{answered.bad} requests were answered with an error: {answered.first_bad}"
    assert not answered.broken, f"{answered.broken} connections were broken"
    acknowledged = set(known + ids.read_text().split())
    turn = Turn(answered.rate, cpu / answered.acknowledged * 1e6, answered.p50_ms, answered.p99_ms)
    return turn, acknowledged


def _stored(folder: Path) -> tuple[set[str], int]:
    """Return the ids of all messages in the store, and how many have not been delivered."""
    database = apsw.Connection(str(folder / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    ids = {row[0] for row in database.execute("SELECT message_id FROM messages")}
    waiting = database.execute("SELECT count(DISTINCT message_id) FROM outgoing").fetchall()[0][0]
    unmade = {one for row in database.execute("SELECT entries FROM unmade_sends") for one in json.loads(row[0])} - ids
    waiting, ids = waiting + len(unmade), ids | unmade
    database.close()
    return ids, waiting


def measure() -> dict[tuple[str, str], list[Turn]]:
    """Let the candidates take turns, and print each turn as it ends."""
    turns: dict[tuple[str, str], list[Turn]] = {}
    for number in range(1, ROUNDS + 1):
        for size, length in SIZES.items():
            html = html_of(length)
            for name, candidate in CANDIDATES.items():
                with ExitStack() as stack:
                    # /var/tmp is on a disk also where /tmp is memory.
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-")))
                    turn = candidate(folder, html)
                turns.setdefault((name, size), []).append(turn)
                print(f"round {number}  {name:17} {size:>5} {turn.rate:9,.0f}/s  {turn.cpu_us:7.0f} µs CPU", flush=True)
    return turns


def print_table(means: dict[tuple[str, str], Turn]) -> None:
    print(f"\nMeans of {ROUNDS} rounds, {CONNECTIONS} connections, {os.cpu_count()} cores shared with the load:")
    print(f"{'':23}  accepted/s  CPU µs each  p50 ms  p99 ms  delivered meanwhile")
    for (name, size), turn in means.items():
        times = "".join("       -" if ms is None else f"{ms:8.1f}" for ms in (turn.p50_ms, turn.p99_ms))
        print(f"{name:17} {size:>5}  {turn.rate:10,.0f}  {turn.cpu_us:11.0f}{times}  {turn.delivered or '-':>19}")


def print_stages(means: dict[tuple[str, str], Turn]) -> None:
    """Show where the time of one request goes, each stage timed by itself in this process."""
    for size, length in SIZES.items():
        with (
            tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder,
            Path("/dev/null").open("w") as sink,
        ):
            log.configure(as_json=False, stream=sink)
            found = asyncio.run(stages.measure(Path(folder), html_of(length)))
        until_handler = sum(stage.us for stage in found if stage.of_parsed)
        http = means["parsed", size].cpu_us - until_handler
        print(f"\nWhere the time goes, {size} (CPU µs a message):")
        print(f"{http:9.1f}  HTTP, event loop, metrics (the rest of `parsed`)")
        for stage in found:
            print(f"{stage.us:9.1f}  {stage.name}")


def mean_of(turns: list[Turn]) -> Turn:
    def middle(field: str) -> float | None:
        values = [getattr(turn, field) for turn in turns]
        return None if None in values else mean(values)

    numbers = {field: middle(field) for field in ("rate", "cpu_us", "p50_ms", "p99_ms")}
    return Turn(**numbers, delivered=turns[-1].delivered)  # type: ignore[arg-type]


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("bench-accept starts a Postfix, which only root can: run it as root, for example in a container")
    uvloop.install()
    emulator.install()
    means = {key: mean_of(turns) for key, turns in sorted(measure().items(), key=lambda item: item[0][1])}
    print_stages(means)
    print_table(means)
    print()
    for size in SIZES:
        for what in ("accept", "accept-workers"):
            for other in ("parsed", "postfix", "aws-ses-v2-local"):
                ours, theirs = means[what, size], means[other, size]
                print(
                    f"ratio {what}-{size}/{other}-{size} {ours.rate / theirs.rate:.2f}"
                    f"   ({ours.rate:,.0f}/s {WHAT[what]}; {theirs.rate:,.0f}/s {WHAT[other]})"
                )


if __name__ == "__main__":
    main()
