"""How many clicks a second are led on, each recorded, beside nginx answering the same 302 and recording nothing.

Both are asked by the same load in turns, several times over: kept connections, each asking again as soon as it is
answered. What a redirect costs is the processor time of the process that answers; what one core can do follows from
it, so the load may share the machine. Pillarbox answers in one worker process: there links are verified and hits
written to the spool. The process behind it moves them into the event log meanwhile, and what that costs is told for
itself. Then Pillarbox is asked half as often, at even times, for how long an answer takes.

nginx takes the target out of the link without a look at its signature, like the stand-in that people set up for SES
when its tracker is down. Run by `make bench-track`.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import boto3
import uvloop

from bench.support.postfix import free_port
from bench.support.process import cpu_seconds, started
from bench.support.requests import SENDER
from bench.support.serve import REGION, Served, serving
from pillarbox.delivery import tracking_keys
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.settings import Settings
from pillarbox.store.sqlite import SqliteStore

ROUNDS = 3
SECONDS = 1.5
CONNECTIONS = 32
LINKS = 200
DRAIN_SECONDS = 120.0
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Asked(NamedTuple):
    """What the load saw: answers that were redirects, others, and how long answers took."""

    rate: float
    answers: int
    bad: int
    p50_ms: float
    p99_ms: float


class Turn(NamedTuple):
    """One turn: what the load saw, and the server's processor time for each redirect."""

    asked: Asked
    cpu_us: float


class Connection(asyncio.Protocol):
    """Asks for one link after the other, at once or at even times; knows how long each answer took."""

    def __init__(self, requests: Sequence[bytes], start: int, every: float) -> None:
        self._requests = requests
        self._next = start
        self._every = every
        self._buffer = b""
        self._due = 0.0
        self.over = False
        self.seconds: list[float] = []
        self.bad = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._due = time.perf_counter() + self._every * (self._next % 97) / 97
        self._wait()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _body_length(self._buffer[:head]):
            return
        self.seconds.append(time.perf_counter() - self._due)  # waiting for an answer that is late counts
        self.bad += not self._buffer.startswith(b"HTTP/1.1 302")
        self._buffer = b""
        self._due += self._every
        if self.over:
            self._transport.close()
        else:
            self._wait()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _wait(self) -> None:
        left = self._due - time.perf_counter()
        if self._every and left > 0:
            asyncio.get_running_loop().call_later(left, self._send)
        else:
            if not self._every:
                self._due = time.perf_counter()
            self._send()

    def _send(self) -> None:
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


def _body_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def ask(port: int, requests: Sequence[bytes], seconds: float, rate: float) -> Asked:
    """Ask for `seconds`; `rate` a second in all, or as fast as answers come for 0."""
    loop = asyncio.get_running_loop()
    every = CONNECTIONS / rate if rate else 0.0
    made = []
    for number in range(CONNECTIONS):
        _, one = await loop.create_connection(lambda n=number: Connection(requests, n * 7, every), "127.0.0.1", port)  # type: ignore[misc]
        made.append(one)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    within = sum(len(one.seconds) for one in made)
    for one in made:
        one.over = True
    await asyncio.wait_for(asyncio.gather(*(one.ended for one in made)), 30)
    ordered = sorted(second for one in made for second in one.seconds)
    answers, bad = len(ordered), sum(one.bad for one in made)
    p50, p99 = (ordered[int(answers * part)] * 1000 for part in (0.5, 0.99))
    return Asked(within / took, answers, bad, p50, p99)


def _asked(port: int, file: Path, rate: float = 0.0) -> Asked:
    """Run the load in a process of its own."""
    command = [sys.executable, "-m", "bench.support.redirect_bench", str(port), str(file), str(rate)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS + 60, check=True)
    asked = Asked(**json.loads(done.stdout))
    assert not asked.bad, f"{asked.bad} of {asked.answers} answers were no redirects"
    return asked


def _turn(pid: int, port: int, file: Path) -> Turn:
    before = cpu_seconds(pid)
    asked = _asked(port, file)
    return Turn(asked, (cpu_seconds(pid) - before) / asked.answers * 1e6)


@contextmanager
def _nginx(folder: Path) -> Iterator[tuple[int, int]]:
    """Run nginx with one worker until the block is left; yield its pid and port."""
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; merge_slashes off; keepalive_requests 100000000; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location ~ ^/CL0/(?<target>.+)/[0-9]+/[^/]+/[^/]+$ {{ return 302 $target; }}
    }}
}}
"""
    )
    command = ["/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with started(command, folder / "nginx.log") as (pid, _):
        until = time.monotonic() + 10
        while not (folder / "pid").exists():
            assert time.monotonic() < until, (folder / "nginx.log").read_text()
            time.sleep(0.02)
        yield pid, port


async def _links(folder: Path) -> TrackingLinks:
    """Make the keys before the server starts: one process at a time works on its folder."""
    folder.mkdir(mode=0o700)
    settings = Settings(data=str(folder))
    store = await SqliteStore.open(folder)
    try:
        return await tracking_keys.load(store, Keyring.open_file(settings.keyring_path), SystemClock().now())
    finally:
        await store.close()


def _sent(served: Served) -> str:
    """Send the mail whose links are followed."""
    ses: Any = boto3.client(
        "ses",
        endpoint_url=f"http://127.0.0.1:{served.port}",
        region_name=REGION,
        aws_access_key_id=served.key_id,
        aws_secret_access_key=served.secret,
    )
    body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
    to = {"ToAddresses": ["someone@example.net"]}
    message_id: str = ses.send_email(Source=SENDER, Destination=to, Message=body)["MessageId"]
    return message_id


def _write_requests(links: TrackingLinks, message_id: str, file: Path) -> None:
    lines = []
    for number in range(1, LINKS + 1):
        target = f"https://shop.example/offers/{number}?campaign=autumn&source=mail"
        path = links.of_copy(message_id, 0).link(1, target)
        lines.append(f"GET {path} HTTP/1.1\r\nHost: click.example\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\n\r\n")
    file.write_text(json.dumps(lines))


def _wait_until_recorded(folder: Path) -> None:
    until = time.monotonic() + DRAIN_SECONDS
    while list((folder / "hits").glob("*.hits")):
        assert time.monotonic() < until, f"hits are not recorded {DRAIN_SECONDS:.0f} s after the last of them"
        time.sleep(0.2)


def _worker_of(pid: int) -> int:
    """Return the only process that `pid` has started, from whichever thread."""
    [worker] = "".join(one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return int(worker)


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as name:
        folder = Path(name)
        links = asyncio.run(_links(folder / "data"))
        with serving("full", folder / "data", workers=1) as served, _nginx(folder / "nginx") as (nginx_pid, nginx_port):
            file = folder / "requests.json"
            _write_requests(links, _sent(served), file)
            worker = _worker_of(served.pid)
            ours, theirs = [], []
            before = cpu_seconds(served.pid) - cpu_seconds(worker)
            for number in range(1, ROUNDS + 1):
                theirs.append(_turn(nginx_pid, nginx_port, file))
                ours.append(_turn(worker, served.port, file))
                for what, one in (("nginx", theirs[-1]), ("pillarbox", ours[-1])):
                    print(f"round {number}  {what:10} {one.asked.rate:7,.0f}/s  {one.cpu_us:6.1f} µs CPU", flush=True)
            _wait_until_recorded(folder / "data")
            rate = median(one.asked.rate for one in ours) / 2
            half = _asked(served.port, file, rate)
            _wait_until_recorded(folder / "data")
            beside = _asked(nginx_port, file, rate)
            behind = cpu_seconds(served.pid) - cpu_seconds(worker) - before
    _tell(ours, theirs, half, beside, behind / (half.answers + sum(one.asked.answers for one in ours)) * 1e6)


def _tell(ours: list[Turn], theirs: list[Turn], half: Asked, beside: Asked, behind_us: float) -> None:
    our_us, their_us = (median(one.cpu_us for one in turns) for turns in (ours, theirs))
    print(
        f"\nA redirect costs {our_us:.0f} µs of CPU with its hit in the spool, one of nginx {their_us:.0f} µs. Moving a"
        f" hit into the event log and counting it costs {behind_us:.0f} µs more, in the process behind.\n"
    )
    print(
        f"ratio redirect/nginx {their_us / our_us:.2f}   ({1e6 / our_us:,.0f} redirects/s by one core, each verified"
        f" and recorded; {1e6 / their_us:,.0f}/s by nginx, which does neither; at {half.rate:,.0f}/s, half of the most"
        f" that came, p50 {half.p50_ms:.2f} ms and p99 {half.p99_ms:.2f} ms, and of nginx at the same rate"
        f" {beside.p50_ms:.2f} ms and {beside.p99_ms:.2f} ms)"
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        uvloop.install()
        requests = [line.encode() for line in json.loads(Path(sys.argv[2]).read_text())]
        print(json.dumps(asyncio.run(ask(int(sys.argv[1]), requests, SECONDS, float(sys.argv[3])))._asdict()))
    else:
        main()
