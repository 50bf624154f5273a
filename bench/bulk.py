"""How many recipients a second are promised by bulk calls and by one large split send, beside single sends.

Run with `make bench-bulk`. Three loads take turns on a server set as by default, outside dev mode, delivering
(capture) at the same time:

- single: SendEmail to one recipient, over kept connections.
- bulk: SendBulkEmail with 50 entries of a template, over fewer connections. They count with the answer too; how long it
  takes until each has its message is told as messages a second, from when the last call is answered.
- split: one SendEmail to 10,000 recipients with a configuration set that gives each a message of their own. It counts
  as accepted with its answer, when all recipients are promised on disk; how long it takes until each has a message,
  and until each is delivered, is told beside it.

In the last turn single sends go on over a few connections while large sends are accepted and written out.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import apsw
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from bench.support import load
from bench.support.requests import SENDER, as_bytes, html_of, signed_requests, write_file
from bench.support.serve import REGION, Served, serving

ROUNDS = 2
SECONDS = 5.0
CONNECTIONS = 64
BULK_CONNECTIONS = 8
MEANWHILE_CONNECTIONS = 8
ENTRIES = 50
RECIPIENTS = 10_000
LARGE_SENDS = 3
DRAIN_SECONDS = 300.0
UNWRITTEN = "SELECT count(*) FROM (SELECT 1 FROM large_sends UNION ALL SELECT 1 FROM bulk_sends)"
HTML = html_of(2_000)


class Split(NamedTuple):
    """Recipients a second of one large send, until its answer, its last message and its last delivery."""

    accepted: float
    written: float
    delivered: float


def client(served: Served, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{served.port}",
        region_name=REGION,
        aws_access_key_id=served.key_id,
        aws_secret_access_key=served.secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )


def single(folder: Path, served: Served, connections: int = CONNECTIONS, seconds: float = SECONDS) -> load.Answered:
    file = folder / "single"
    write_file(file, signed_requests(f"http://127.0.0.1:{served.port}", served.key_id, served.secret, HTML, 400))
    return checked(load.send(served.port, file, connections, seconds, folder / "ids"))


def bulk(folder: Path, served: Served) -> load.Answered:
    file = folder / "bulk"
    write_file(file, [bulk_request(served, number) for number in range(40)])
    return checked(load.send(served.port, file, BULK_CONNECTIONS, SECONDS, folder / "ids"))


def bulk_request(served: Served, number: int) -> bytes:
    """Return a signed SendBulkEmail; entries are filled in with data of their own."""
    endpoint = f"http://127.0.0.1:{served.port}"
    template = {"Subject": "A subject for {{name}}", "Html": HTML}
    body = {
        "FromEmailAddress": SENDER,
        "DefaultContent": {"Template": {"TemplateContent": template, "TemplateData": "{}"}},
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": [f"recipient-{number}-{entry}@example.net"]},
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"name": f"number {entry}"})}
                },
            }
            for entry in range(ENTRIES)
        ],
    }
    url = f"{endpoint}/v2/email/outbound-bulk-emails"
    request = AWSRequest("POST", url, {"Content-Type": "application/json"}, json.dumps(body))
    SigV4Auth(Credentials(served.key_id, served.secret), "ses", REGION).add_auth(request)
    return as_bytes(endpoint, request.prepare())


def written_out(folder: Path) -> float:
    """Wait until everything is delivered; return how many messages of bulk calls were written a second until then."""
    database = apsw.Connection(str(folder / "data" / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    count = "SELECT coalesce(sum(recipient_count), 0) FROM bulk_sends"
    unwritten, began = database.execute(count).fetchone()[0], time.perf_counter()
    _wait_until(database, UNWRITTEN)
    rate = unwritten / (time.perf_counter() - began)
    _wait_until(database, "SELECT count(*) FROM outgoing")
    database.close()
    return float(rate)


def split(folder: Path, served: Served) -> Split:
    sesv2 = client(served, "sesv2")
    sesv2.get_account()  # the connection stands
    began = time.perf_counter()
    message_id = large_send(sesv2)
    accepted = time.perf_counter() - began
    database = apsw.Connection(str(folder / "data" / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    _wait_until(database, UNWRITTEN)
    written = time.perf_counter() - began
    _wait_until(database, "SELECT count(*) FROM outgoing")
    delivered = time.perf_counter() - began
    (send_id,) = database.execute("SELECT send_id FROM messages WHERE message_id = ?", (message_id,)).fetchone()
    counted = "SELECT count(*), count(DISTINCT address) FROM messages m JOIN recipients r USING (message_id)"
    counts = database.execute(f"{counted} WHERE send_id = ? AND r.state = 'delivered'", (send_id,)).fetchone()
    assert counts == (RECIPIENTS, RECIPIENTS), f"{counts} of {RECIPIENTS} are delivered"
    database.close()
    return Split(RECIPIENTS / accepted, RECIPIENTS / written, RECIPIENTS / delivered)


def large_send(sesv2: Any) -> str:
    answer = sesv2.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [f"recipient-{number}@example.net" for number in range(RECIPIENTS)]},
        Content={"Simple": {"Subject": {"Data": "A subject"}, "Body": {"Html": {"Data": HTML, "Charset": "UTF-8"}}}},
        ConfigurationSetName="split",
    )
    return str(answer["MessageId"])


def meanwhile(folder: Path, served: Served) -> load.Answered:
    """Return what single sends felt while large sends were accepted and written out."""
    command = [sys.executable, "-m", "bench.bulk", json.dumps(served._asdict())]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as others:
        answered = single(folder, served, MEANWHILE_CONNECTIONS)
        others.wait(DRAIN_SECONDS)
    return answered


def checked(answered: load.Answered) -> load.Answered:
    assert not answered.bad, f"{answered.bad} requests were answered with an error: {answered.first_bad}"
    assert not answered.broken, f"{answered.broken} connections were broken"
    return answered


def _wait_until(database: apsw.Connection, remaining: str) -> None:
    ends_at = time.monotonic() + DRAIN_SECONDS
    while database.execute(remaining).fetchone()[0]:
        assert time.monotonic() < ends_at, f"not done within {DRAIN_SECONDS} seconds: {remaining}"
        time.sleep(0.005)


def measure(folder: Path) -> dict[str, Any]:
    with serving("full", folder / "data") as served:
        tag = {"Key": "pillarbox:split-recipients", "Value": "true"}
        client(served, "sesv2").create_configuration_set(ConfigurationSetName="split", Tags=[tag])
        singles = single(folder, served)
        bulks = bulk(folder, served)
        bulk_written = written_out(folder)
        splits = split(folder, served)
        alone = single(folder, served, MEANWHILE_CONNECTIONS)
        return {
            "single": singles.rate,
            "bulk": bulks.rate * ENTRIES,
            "bulk written": bulk_written,
            **{f"split {name}": value for name, value in splits._asdict().items()},
            "p99 alone": alone.p99_ms,
            "p99 meanwhile": meanwhile(folder, served).p99_ms,
        }


def main() -> None:
    if len(sys.argv) > 1:
        sesv2 = client(Served(**json.loads(sys.argv[1])), "sesv2")
        for _ in range(LARGE_SENDS):
            large_send(sesv2)
        return
    found: dict[str, list[float]] = {}
    for number in range(1, ROUNDS + 1):
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder:
            for name, value in measure(Path(folder)).items():
                found.setdefault(name, []).append(value)
                print(f"round {number}  {name:16} {value:10,.1f}", flush=True)
    means = {name: mean(values) for name, values in found.items()}
    print(
        f"\nrecipients a second: single {means['single']:,.0f}, bulk of {ENTRIES} {means['bulk']:,.0f},"
        f" their messages afterwards {means['bulk written']:,.0f}"
    )
    print(
        f"one split send to {RECIPIENTS:,}: accepted {means['split accepted']:,.0f},"
        f" each with its message {means['split written']:,.0f}, each delivered {means['split delivered']:,.0f}"
    )
    print(
        f"p99 of single sends over {MEANWHILE_CONNECTIONS} connections: {means['p99 alone']:.1f} ms alone,"
        f" {means['p99 meanwhile']:.1f} ms while {LARGE_SENDS} large sends are accepted and written out\n"
    )
    print(f"ratio bulk/single {means['bulk'] / means['single']:.2f}")
    print(f"ratio split/single {means['split accepted'] / means['single']:.2f}")
    print(f"ratio split-written/single {means['split written'] / means['single']:.2f}")


if __name__ == "__main__":
    main()
