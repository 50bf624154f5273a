"""What every transport promises."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.outcome import Accepted, Deferred, Delivered, Postponed, Refused
from pillarbox.delivery.transport.base import Attempt, Transport
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.transport.ses import SesTransport
from pillarbox.delivery.transport.ses_client import SesClient
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.kit.ids import Scope
from pillarbox.settings import UpstreamSetting
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from tests.support.direct import sending_directly
from tests.support.far_ses import FarSes
from tests.support.name_server import NameServer
from tests.support.postfix import Postfix
from tests.support.sink import Sink
from tests.support.smarthost import handing_to

NO_SUCH_USER = "550 5.1.1 no such user"


@asynccontextmanager
async def capturing(kept: Store) -> AsyncIterator[Transport]:
    yield CaptureTransport(kept)


@asynccontextmanager
async def simulating(_: Store) -> AsyncIterator[Transport]:
    yield SimulatorTransport()


@asynccontextmanager
async def handing_to_a_sink(_: Store) -> AsyncIterator[Transport]:
    with Sink.listening() as sink:
        sink.script.always("RCPT bounce@example.net", NO_SUCH_USER)
        async with handing_to(sink.port) as transport:
            yield transport


@asynccontextmanager
async def handing_to_postfix(_: Store) -> AsyncIterator[Transport]:
    with (
        Sink.listening() as sink,
        Postfix.started(sink.port, ["success@example.net", "someone@example.net"]) as postfix,
    ):
        async with handing_to(postfix.port) as transport:
            yield transport


@asynccontextmanager
async def handing_to_a_mail_server(kept: Store) -> AsyncIterator[Transport]:
    with Sink.listening() as sink:
        sink.script.always("RCPT bounce@example.net", NO_SUCH_USER)
        async with NameServer() as zone, sending_directly(zone, sink.port, kept) as transport:
            zone.add("example.net", "MX", "10 mx.example.net.")
            zone.add("mx.example.net", "A", "127.0.0.1")
            yield transport


@asynccontextmanager
async def handing_to_another_ses(_: Store) -> AsyncIterator[Transport]:
    with FarSes.listening() as far:
        setting = UpstreamSetting(
            name="far", region="eu-west-1", endpoint_url=far.url, access_key_id="AKIA", secret_access_key="secret"
        )
        client = SesClient(upstream_of(setting))
        try:
            yield SesTransport({"far": client})
        finally:
            await client.close()


TRANSPORTS: dict[str, tuple[Callable[[Store], AbstractAsyncContextManager[Transport]], str]] = {
    "capture": (capturing, "example.net"),
    "simulator": (simulating, "simulator.amazonses.com"),
    "smtp": (handing_to_a_sink, "example.net"),
    "smtp to Postfix": (handing_to_postfix, "example.net"),
    "mx": (handing_to_a_mail_server, "example.net"),
    "ses": (handing_to_another_ses, "example.net"),
}
THOSE_THAT_REFUSE = ("simulator", "smtp", "smtp to Postfix", "mx")


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


def attempt(*recipients: str, number: int = 1) -> Attempt:
    scope = Scope("123456789012", "us-east-1")
    mail = b"Subject: x\r\n\r\ny\r\n"
    return Attempt("m1", 0, number, scope, "m1@example.org", recipients, mail, 1_790_000_000_000, upstream="far")


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_every_recipient_has_an_outcome(kept: Store, name: str) -> None:
    make, domain = TRANSPORTS[name]
    recipients = [f"{mailbox}@{domain}" for mailbox in ("success", "bounce", "someone", "Success+label")]

    async with make(kept) as transport:
        outcomes = await transport.deliver(attempt(*recipients))

    assert list(outcomes) == recipients
    assert all(
        isinstance(outcome, Delivered | Accepted | Deferred | Postponed | Refused) for outcome in outcomes.values()
    )


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_the_same_attempt_may_be_made_again(kept: Store, name: str) -> None:
    make, domain = TRANSPORTS[name]

    async with make(kept) as transport:
        first = await transport.deliver(attempt(f"success@{domain}"))
        again = await transport.deliver(attempt(f"success@{domain}", number=2))

    taken = Accepted if name == "ses" else Delivered
    assert [type(outcome) for outcome in (*first.values(), *again.values())] == [taken, taken]


@pytest.mark.parametrize("name", THOSE_THAT_REFUSE)
async def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(kept: Store, name: str) -> None:
    make, domain = TRANSPORTS[name]
    good, bad, other = (f"{mailbox}@{domain}" for mailbox in ("success", "bounce", "Success+label"))

    async with make(kept) as transport:
        outcomes = await transport.deliver(attempt(good, bad, other))

    assert [type(outcome) for outcome in outcomes.values()] == [Delivered, Refused, Delivered]
    refused = outcomes[bad]
    assert isinstance(refused, Refused) and (refused.reply or "").startswith("550 5.1.1 ")


async def test_what_was_captured_is_on_disk(kept: Store) -> None:
    await CaptureTransport(kept).deliver(attempt("a@example.net", "b@example.net"))

    (capture,) = await kept.read(outgoing.captures_of, "m1")
    assert capture.recipients == '["a@example.net","b@example.net"]'
    assert await kept.body(capture.body) == b"Subject: x\r\n\r\ny\r\n"
