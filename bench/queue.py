"""How many messages a second a queue carries, beside a Redis stream that is used the same way.

Run with `make bench-queue`. Clients on kept connections send a message, receive one and delete it, in rounds of two
turns each, one message at a time and in batches of ten:

- queue: an SQS queue of this server, as it is by default outside dev mode; every request is signed, and is answered
  when what it changed is on disk.
- redis: a stream with a group of readers (XADD, XREADGROUP, XACK and XDEL; batches are pipelined), with
  `appendfsync always`, so that it promises the same.

The load has a process of its own in both. What limits is told by the processor time that each server uses for a
message.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import NamedTuple, Protocol

import boto3
import uvloop

from bench.support.kept_connection import KeptConnection
from bench.support.process import cpu_seconds
from bench.support.queue_client import REGION, QueueClient, whole_answer
from bench.support.serve import serving
from bench.support.stream_client import StreamClient, redis_serving

ROUNDS = 3
SECONDS = 4.0
CLIENTS = 32
BODY = "x" * 1_000
SIZES = (1, 10)


class Client(Protocol):
    async def life(self, bodies: list[str]) -> int: ...


class Turn(NamedTuple):
    """Messages that lived their whole life, in a second, and what the server and the load used for each."""

    rate: float
    server_us: float
    load_us: float


async def drive(clients: Sequence[Client], size: int, pid: int) -> Turn:
    """Let all clients work side by side for some seconds."""
    lived = 0
    until = time.perf_counter() + SECONDS

    async def work(client: Client) -> None:
        nonlocal lived
        while time.perf_counter() < until:
            done = await client.life([BODY] * size)
            lived += done  # not in one: what was read before the wait is old after it

    before, own, started = cpu_seconds(pid), time.process_time(), time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    took = time.perf_counter() - started
    cpu, load = cpu_seconds(pid) - before, time.process_time() - own
    return Turn(lived / took, cpu / lived * 1e6, load / lived * 1e6)


def queue_turn(folder: Path, size: int) -> Turn:
    with serving("full", folder / "data") as served:
        sqs = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{served.port}",
            region_name=REGION,
            aws_access_key_id=served.key_id,
            aws_secret_access_key=served.secret,
        )
        url = sqs.create_queue(QueueName="bench")["QueueUrl"]

        async def run() -> Turn:
            connections = [await KeptConnection.to(served.port, whole_answer) for _ in range(CLIENTS)]
            clients = [QueueClient(one, served.port, served.key_id, served.secret, url) for one in connections]
            return await drive(clients, size, served.pid)

        return uvloop.run(run())


def redis_turn(folder: Path, size: int) -> Turn:
    with redis_serving(folder / "redis") as (pid, port):

        async def run() -> Turn:
            clients = [await StreamClient(port, f"reader-{number}").open() for number in range(CLIENTS)]
            await clients[0].create_group()
            return await drive(clients, size, pid)

        return uvloop.run(run())


def main() -> None:
    for size in SIZES:
        turns: dict[str, list[Turn]] = {"queue": [], "redis": []}
        for number in range(1, ROUNDS + 1):
            for name, turn in (("queue", queue_turn), ("redis", redis_turn)):
                with ExitStack() as stack:
                    folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-"))
                    one = turn(Path(folder), size)
                turns[name].append(one)
                print(
                    f"round {number}  batches of {size:2}  {name:5} {one.rate:7,.0f} messages/s"
                    f" {one.server_us:6.0f} µs CPU a message, {one.load_us:4.0f} µs in the load",
                    flush=True,
                )
        tell(size, turns["queue"], turns["redis"])


def tell(size: int, ours: list[Turn], theirs: list[Turn]) -> None:
    our_rate, their_rate = mean(one.rate for one in ours), mean(one.rate for one in theirs)
    our_us, load_us = mean(one.server_us for one in ours), mean(one.load_us for one in ours)
    busy = our_rate * our_us / 1e6
    print(
        f"\nratio queue/redis {our_rate / their_rate:.2f}   (batches of {size}: {our_rate:,.0f} messages/s sent,"
        f" received and deleted by signed requests; {their_rate:,.0f}/s through a stream with appendfsync always;"
        f" {CLIENTS} clients)"
    )
    print(
        f"What limits: the server keeps {busy:.2f} processors busy with {our_us:.0f} µs a message (signature, parsing,"
        f" one commit for each of the three requests), the load {our_rate * load_us / 1e6:.2f} with {load_us:.0f} µs.\n"
    )


if __name__ == "__main__":
    main()
