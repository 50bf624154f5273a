"""What every transport promises."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.delivery.transport.base import Attempt, Transport
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.kit.ids import Scope
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore

TRANSPORTS: dict[str, tuple[Callable[[Store], Transport], str]] = {
    "capture": (CaptureTransport, "example.net"),
    "simulator": (lambda _: SimulatorTransport(), "simulator.amazonses.com"),
}


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


def attempt(*recipients: str, number: int = 1) -> Attempt:
    scope = Scope("123456789012", "us-east-1")
    return Attempt("m1", 0, number, scope, "m1@example.org", recipients, b"Subject: x\r\n\r\ny\r\n", 1_790_000_000_000)


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_every_recipient_has_an_outcome(kept: Store, name: str) -> None:
    make, domain = TRANSPORTS[name]
    recipients = [f"{mailbox}@{domain}" for mailbox in ("success", "bounce", "someone", "Success+label")]

    outcomes = await make(kept).deliver(attempt(*recipients))

    assert list(outcomes) == recipients
    assert all(isinstance(outcome, Delivered | Deferred | Refused) for outcome in outcomes.values())


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_the_same_attempt_may_be_made_again(kept: Store, name: str) -> None:
    make, domain = TRANSPORTS[name]
    transport = make(kept)

    first = await transport.deliver(attempt(f"success@{domain}"))
    again = await transport.deliver(attempt(f"success@{domain}"))

    assert first == again


async def test_what_was_captured_is_on_disk(kept: Store) -> None:
    await CaptureTransport(kept).deliver(attempt("a@example.net", "b@example.net"))

    (capture,) = await kept.read(outgoing.captures_of, "m1")
    assert capture.recipients == '["a@example.net","b@example.net"]'
    assert await kept.body(capture.body) == b"Subject: x\r\n\r\ny\r\n"
