"""Before another SES: a kill between its answer and our commit, and workers side by side, lose and hurry nothing."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport import ses_quota
from pillarbox.delivery.transport.ses import SesTransport
from pillarbox.delivery.transport.ses_client import SesClient
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import SystemClock
from pillarbox.sending.accept import keep_promises
from pillarbox.settings import UpstreamSetting
from pillarbox.store import upstream_ids
from pillarbox.store.engine import open_store
from tests.support.child import Child
from tests.support.far_ses import TOO_FAST, FarSes, Said, wait_until
from tests.support.preparer import preparer_of
from tests.support.promises import draft, promise

SENDER = "shop@somewhere.example"
ROUTES = RouteTable([Rule("ses", upstream="eu")])


@pytest.fixture
def far() -> Iterator[FarSes]:
    with FarSes.listening() as listening:
        yield listening


def setting(far: FarSes) -> dict[str, Any]:
    return {
        "name": "eu",
        "region": "eu-west-1",
        "endpoint_url": far.url,
        "access_key_id": "AKIAFAR",
        "secret_access_key": "far secret",
    }


def before(folder: Path, far: FarSes) -> Child:
    routes = [{"transport": "ses", "upstream": "eu"}]
    return Child(folder, dev_really_send=True, routes=routes, upstreams=[setting(far)])


def ses(endpoint: str) -> Any:
    return boto3.client(
        "sesv2",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_a_kill_between_send_and_commit_makes_the_same_call_again(tmp_path: Path, far: FarSes) -> None:
    far.script.append(Said(late_seconds=5.0))
    with before(tmp_path, far) as child:
        ses(child.endpoint).create_email_identity(EmailIdentity=SENDER)
        message_id = send(ses(child.endpoint), 0)
        far.wait_for_mail(1)  # taken, and not answered yet
        child.kill()

    with before(tmp_path, far):
        first, again = far.wait_for_mail(2)

    assert first.headers["amz-sdk-invocation-id"] == again.headers["amz-sdk-invocation-id"]
    assert first.asked == again.asked
    assert {tag["Value"] for tag in again.asked["EmailTags"]} == {message_id}


def test_kills_and_a_far_side_that_fails_lose_nothing(tmp_path: Path, far: FarSes) -> None:
    chance = random.Random(587)
    sent = 0
    for _ in range(4):
        far.script.extend(chance.choice((TOO_FAST, Said(), Said(late_seconds=0.2))) for _ in range(12))
        with before(tmp_path, far) as child:
            client = ses(child.endpoint)
            if not sent:
                client.create_email_identity(EmailIdentity=SENDER)
            for _ in range(12):
                send(client, sent)
                sent += 1
            child.kill()
    wanted = {(f"{number}@example.net",) for number in range(sent)}
    with before(tmp_path, far):
        wait_until(lambda: {taken.recipients for taken in far.taken} == wanted)

    calls = Counter(taken.headers["amz-sdk-invocation-id"] for taken in far.taken)
    assert len(calls) == sent, "what came twice is known to be the same call"


def send(client: Any, number: int) -> str:
    message_id: str = client.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [f"{number}@example.net"]},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
    )["MessageId"]
    return message_id


async def test_processes_together_keep_to_the_rate_in_recipients(
    postgres_url: str, tmp_path: Path, far: FarSes
) -> None:
    clock, rate, chance = SystemClock(), 60.0, random.Random(3)
    far.quota["MaxSendRate"] = rate
    stores = [await open_store(postgres_url, tmp_path) for _ in range(3)]
    clients = [SesClient(upstream_of(UpstreamSetting(**setting(far)))) for _ in stores]
    await stores[0].write(ses_quota.begin, [clients[0].upstream])
    await ses_quota.look(stores[0], clients[0], clock.now())
    promised = []
    for number in range(40):
        to = [f"{number}-{place}@example.net" for place in range(chance.choice((1, 1, 1, 2, 5)))]
        made = promise(draft(*to), clock.now(), routes=ROUTES)
        await stores[0].commit(keep_promises, made)
        promised.append(made.message.message_id)
    workers = [
        Worker(store, {"ses": SesTransport({"eu": client})}, EicarScanner(), preparer_of(store, clock), clock)
        for store, client in zip(stores, clients, strict=True)
    ]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    async with asyncio.timeout(30):
        while len(far.taken) < 40:
            await asyncio.sleep(0.02)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    linked = [one for message_id in promised for one in await stores[0].read(upstream_ids.theirs, message_id)]
    for client in clients:
        await client.close()
    for store in stores:
        await store.close()
    assert sorted(one.their_id for one in linked) == sorted(taken.their_id for taken in far.taken)
    assert far.fastest(rate, slack_seconds=0.5) <= 0
