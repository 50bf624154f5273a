"""How many events a second are signed and posted to an HTTP subscriber, beside the cost of the sends they tell of.

Run with `make bench-publish`. The same load is sent in two turns, several times over:

- send: to a configuration set that tells nobody: messages are accepted durably, captured and counted.
- publish: to one whose Send and Delivery events go to a topic with one HTTP subscriber, in a process of its own,
  which confirms and answers 200. Each event is an SNS notification, signed for itself.

A turn ends when everything is delivered and, in `publish`, every event has come. What an event costs is the
processor time that the second turn uses more than the first.
"""

import re
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import boto3

from bench.support import load
from bench.support.process import cpu_seconds
from bench.support.requests import html_of, signed_requests, write_file
from bench.support.serve import REGION, Served, serving
from bench.support.subscriber import ask, subscribing

ROUNDS = 3
SECONDS = 4.0
CONNECTIONS = 64
HTML = html_of(2_000)
EVENTS_A_MESSAGE = 2
DRAIN_SECONDS = 60.0
_OUTCOMES = re.compile(r'^pillarbox_delivery_outcomes_total\{.*outcome="delivered".*\} ([0-9.e+]+)$', re.MULTILINE)


class Turn(NamedTuple):
    """Messages accepted, how fast, and processor seconds; for `publish` also how fast the events came."""

    messages: int
    rate: float
    cpu: float
    events_rate: float = 0.0


def turn(folder: Path, *, publish: bool) -> Turn:
    with serving("full", folder / "data") as served, subscribing(folder / "subscriber.log") as url:
        _set_up(served, url if publish else None)
        file = folder / "requests"
        endpoint = f"http://127.0.0.1:{served.port}"
        write_file(file, signed_requests(endpoint, served.key_id, served.secret, HTML, 200, configuration_set="bench"))
        before = cpu_seconds(served.pid)
        answered = load.send(served.port, file, CONNECTIONS, SECONDS, folder / "ids")
        assert not answered.bad, f"{answered.bad} requests were answered with an error: {answered.first_bad}"
        messages = answered.acknowledged
        _wait_until(lambda: _delivered(served.port) >= messages, "deliveries")
        events = messages * EVENTS_A_MESSAGE if publish else 0
        _wait_until(lambda: ask(url).events >= events, "events")
        time.sleep(0.5)
        cpu = cpu_seconds(served.pid) - before
        seen = ask(url)
    assert seen.events == events, f"{seen.events} events came, and {events} were to come"
    if not publish:
        return Turn(messages, answered.rate, cpu)
    return Turn(messages, answered.rate, cpu, events / (seen.last_at - seen.first_at))


def _set_up(served: Served, subscriber_url: str | None) -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{served.port}",
            region_name=REGION,
            aws_access_key_id=served.key_id,
            aws_secret_access_key=served.secret,
        )

    ses, sns = client("ses"), client("sns")
    ses.create_configuration_set(ConfigurationSet={"Name": "bench"})
    if subscriber_url is None:
        return
    topic = sns.create_topic(Name="bench")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber_url)
    _wait_until(lambda: ask(subscriber_url).confirmed, "confirmation")
    destination = {"Name": "d", "Enabled": True, "MatchingEventTypes": ["send", "delivery"]}
    destination["SNSDestination"] = {"TopicARN": topic}
    ses.create_configuration_set_event_destination(ConfigurationSetName="bench", EventDestination=destination)


def _delivered(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return int(sum(float(count) for count in _OUTCOMES.findall(answer.read().decode())))


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DRAIN_SECONDS
    while not holds():
        assert time.monotonic() < until, f"waited for {what} for {DRAIN_SECONDS:.0f} s"
        time.sleep(0.05)


def main() -> None:
    turns: dict[bool, list[Turn]] = {False: [], True: []}
    for number in range(1, ROUNDS + 1):
        for publish, done in turns.items():
            with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="bench-") as folder:
                one = turn(Path(folder), publish=publish)
            done.append(one)
            came = f"  {one.events_rate:6,.0f} events/s posted" if publish else ""
            print(
                f"round {number}  {'publish' if publish else 'send':8} {one.rate:6,.0f} accepted/s "
                f"{one.cpu / one.messages * 1e6:6.0f} µs CPU a message{came}",
                flush=True,
            )
    send_us = mean(one.cpu / one.messages for one in turns[False]) * 1e6
    both_us = mean(one.cpu / one.messages for one in turns[True]) * 1e6
    event_us = (both_us - send_us) / EVENTS_A_MESSAGE
    sends, events = mean(one.rate for one in turns[False]), mean(one.events_rate for one in turns[True])
    print(f"\nA send costs {send_us:.0f} µs of CPU (accepted, captured, counted), an event {event_us:.0f} µs more.\n")
    print(
        f"ratio publish/send {events / sends:.2f}   ({events:,.0f} events/s signed and posted to one HTTP subscriber"
        f" while {mean(one.rate for one in turns[True]):,.0f} messages/s came in; {sends:,.0f} sends/s when nobody"
        " is told)"
    )
    print(
        f"ratio publish-cpu/send-cpu {event_us / send_us:.2f}   ({event_us:.0f} µs of CPU an event, fanned out, signed"
        f" and posted; {send_us:.0f} µs a send, accepted durably, captured and counted)"
    )


if __name__ == "__main__":
    main()
