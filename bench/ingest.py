"""How many SNS posts a second are verified and stored, beside django-ses with the same posts.

Run with `make bench-ingest`. Each turn starts a server anew and sends it posts that are signed for themselves, each
once, over kept connections: sends, deliveries, opens, clicks and bounces of as many messages. A post counts when it is
answered 200, which means that it is on disk, and at the end every event must be in the database of whoever took it:
that is waited for, and said as a rate of its own.
"""

import json
import sqlite3
import ssl
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bench.support.events_in import PATHS, TOPIC
from bench.support.once import send_once
from bench.support.process import cpu_seconds, started
from bench.support.requests import write_file
from tests.support.far_sns import FarSns, sample
from tests.support.https_front import make_certificate

ROUNDS = 3
POSTS = {"pillarbox": 15_000, "django-ses": 1_500}
CONNECTIONS = 64
KINDS = ("send", "delivery", "open", "click", "bounce")
PATIENCE_SECONDS = 60
DATABASES = {"pillarbox": "pillarbox.db", "django-ses": "events.sqlite3"}


def main() -> None:
    sns = FarSns()
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder,
        certificates(sns, Path(folder)) as host,
    ):
        posts = made_posts(sns, host, max(POSTS.values()))
        rates: dict[str, list[Rate]] = {name: [] for name in POSTS}
        for number in range(1, ROUNDS + 1):
            for name, done in rates.items():
                done.append(turn(name, posts, host, Path(folder), number))
                print(f"round {number}  {name:10} {done[-1]}", flush=True)
    ours, theirs = (mean(one.answered for one in rates[name]) for name in POSTS)
    recorded = mean(one.recorded for one in rates["pillarbox"])
    print(
        f"\nrecorded {recorded:,.0f} posts/s until all are in the history, once each, with states\n"
        f"ratio ingest/django-ses {ours / theirs:.1f}   ({ours:,.0f} posts/s verified, stored durably and answered;"
        f" django-ses {theirs:,.0f}, verified and stored as rows)"
    )


class Rate(NamedTuple):
    """Posts a second, until the last was answered and until the last of their events was there to be looked at.

    `cpu_micros` is the processor time of the server for each post until then.
    """

    answered: float
    recorded: float
    cpu_micros: float

    def __str__(self) -> str:
        return (
            f"{self.answered:7,.0f} posts/s verified, stored and answered   {self.recorded:7,.0f} until all are there"
            f"   {self.cpu_micros:4,.0f} us of processor time each"
        )


def turn(name: str, posts: list[bytes], host: str, folder: Path, number: int) -> Rate:
    data, file, wanted = folder / f"{name}-{number}", folder / "posts", POSTS[name]
    command = [sys.executable, "-m", "bench.support.events_in", name, str(data), host, str(folder / "authority.pem")]
    log = folder / f"{name}.log"
    with started(command, log) as (server, lines):
        line = next(lines, "")
        assert line, f"the server did not start: {log.read_text()[-2000:]}"
        head = f"POST {PATHS[name]} HTTP/1.1\r\nHost: 127.0.0.1:{line.strip()}\r\n".encode()
        write_file(file, [head + post for post in posts[:wanted]])
        used = cpu_seconds(server)
        good, seconds = send_once(int(line), file, CONNECTIONS)
        answered_at = time.perf_counter()
        assert good == wanted, f"{wanted - good} of {wanted} posts were not taken: {log.read_text()[-2000:]}"
        wait_for_events(data / DATABASES[name], wanted)
        behind, used = time.perf_counter() - answered_at, cpu_seconds(server) - used
    return Rate(good / seconds, good / (seconds + behind), used / good * 1e6)


def wait_for_events(file: Path, wanted: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    with closing(sqlite3.connect(file, timeout=PATIENCE_SECONDS)) as database:
        while (stored := database.execute("SELECT count(*) FROM events").fetchone()[0]) < wanted:
            assert time.monotonic() < until, f"{stored} events are stored of {wanted}"
            time.sleep(0.05)
    assert stored == wanted, f"{stored} events are stored of {wanted}"


def made_posts(sns: FarSns, host: str, count: int) -> list[bytes]:
    """Return posts without their first line and host, signed."""
    url = f"https://{host}/SimpleNotificationService-0123456789abcdef.pem"
    made = []
    for number in range(count):
        event = sample(KINDS[number % len(KINDS)])
        event["mail"]["messageId"] = _message_id(number // len(KINDS))
        post = sns.post(event, TopicArn=TOPIC, SigningCertURL=url, Subject="Amazon SES Email Event Notification")
        body = json.dumps(post, indent=2).encode()
        head = "Content-Type: text/plain; charset=UTF-8\r\nx-amz-sns-message-type: Notification\r\n"
        head += f"Content-Length: {len(body)}"
        made.append(f"{head}\r\n\r\n".encode() + body)
    return made


def _message_id(number: int) -> str:
    return f"0100015dc9a1b2c8-{uuid.uuid5(uuid.NAMESPACE_OID, str(number))}-000000"


@contextmanager
def certificates(sns: FarSns, folder: Path) -> Iterator[str]:
    """Serve the certificate over HTTPS; yield the host."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(sns.certificate)))
            self.end_headers()
            self.wfile.write(sns.certificate)

        def log_message(self, *_args: Any) -> None:
            return None

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(make_certificate("localhost", folder / "authority.pem", folder / "server.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"localhost:{server.server_address[1]}"
        server.shutdown()


if __name__ == "__main__":
    main()
