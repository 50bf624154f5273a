"""Recipients on the suppression list at the worker, and those whom an attempt puts there."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest

from pillarbox.delivery.close import close, close_attempts
from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused, Suppressed
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.suppression import held_back
from pillarbox.delivery.transport.base import Attempt, Transport
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.delivery.worker import Worker
from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Fact, fact_from_json
from pillarbox.kit.clock import MINUTE
from pillarbox.kit.ids import Scope
from pillarbox.resources import account, configuration_sets, suppression
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.sending.accept import keep_promises
from pillarbox.store import events, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import OutgoingRow
from pillarbox.store.plan import Rows
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.preparer import preparer_of
from tests.support.promises import SCOPE, draft, promise

NOON = 1_790_000_000_000
MTA = "mta.mail.example.org"
BOUNCE, COMPLAINT = Reason.BOUNCE, Reason.COMPLAINT
ADA, BOB, CAT = "ada@example.net", "bob@example.net", "cat@example.net"
WHY = "Amazon SES did not send the message to this address because it is on the suppression list for your account."


class ToldTransport:
    """Gives each recipient the outcome it was told, else 250; raises when asked to."""

    name = "capture"

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.failure: Exception | None = None

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        self.reached += attempt.recipients
        if self.failure is not None:
            raise self.failure
        return {address: self.outcomes.get(address, Delivered("250 ok")) for address in attempt.recipients}


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOON)


@pytest.fixture
def transport() -> ToldTransport:
    return ToldTransport()


@pytest.fixture
def worker(kept: Store, transport: ToldTransport, clock: StandingClock) -> Worker:
    transports: dict[str, Transport] = {"capture": transport, "simulator": SimulatorTransport()}
    return Worker(kept, transports, EicarScanner(), preparer_of(kept, clock), clock)


async def promised(store: Store, *recipients: str, with_set: str | None = None, text: str = "Hello.") -> str:
    made = promise(draft(*recipients, configuration_set=with_set, text=text), NOON)
    assert await store.commit(keep_promises, made) is None
    return made.message.message_id


async def suppress(store: Store, address: str, reason: Reason) -> None:
    await store.write(suppression.put, SCOPE, address, reason, NOON)


async def facts(store: Store, message_id: str) -> list[Fact]:
    return [fact_from_json(row.fact) for row in await store.read(events.of_message, message_id)]


async def kinds(store: Store, message_id: str) -> list[str]:
    return [row.kind for row in await store.read(events.of_message, message_id)]


async def on_the_list(store: Store) -> dict[str, Reason]:
    page = await store.read(suppression.list_page, SCOPE, (), None, None, None, None)
    return {one.address: one.reason for one in page.addresses}


async def test_a_suppressed_recipient_gets_no_attempt_and_the_others_do(
    kept: Store, worker: Worker, transport: ToldTransport
) -> None:
    await suppress(kept, ADA, BOUNCE)
    message_id = await promised(kept, "ada@Example.net", BOB)

    assert await worker.step()

    assert transport.reached == [BOB]
    assert await kinds(kept, message_id) == ["Send", "Delivery", "Bounce"]
    bounce = (await facts(kept, message_id))[-1]
    assert isinstance(bounce, Bounce)
    assert (bounce.bounce_type, bounce.bounce_subtype) == ("Permanent", "OnAccountSuppressionList")
    assert bounce.recipients == [BouncedRecipient("ada@Example.net", "failed", "5.1.1", WHY)]
    assert bounce.reporting_mta == f"dsn; {MTA}"
    assert await kept.read(outgoing.size) == 0


async def test_whoever_complained_is_told_of_as_a_complaint(
    kept: Store, worker: Worker, transport: ToldTransport
) -> None:
    await suppress(kept, ADA, COMPLAINT)
    message_id = await promised(kept, ADA)

    await worker.step()

    assert transport.reached == []
    assert await kinds(kept, message_id) == ["Send", "Complaint"]
    complaint = (await facts(kept, message_id))[-1]
    assert isinstance(complaint, Complaint)
    assert (complaint.recipients, complaint.subtype) == ([ADA], "OnAccountSuppressionList")
    assert complaint.feedback_id
    assert complaint.feedback_type is None


async def test_the_list_stays_as_it_was_when_it_has_kept_mail_back(kept: Store, worker: Worker) -> None:
    await suppress(kept, ADA, BOUNCE)
    await suppress(kept, BOB, COMPLAINT)
    before = [await kept.read(suppression.get, SCOPE, address) for address in (ADA, BOB)]
    await promised(kept, ADA, BOB)

    await worker.step()

    assert [await kept.read(suppression.get, SCOPE, address) for address in (ADA, BOB)] == before


async def test_a_set_may_send_to_whom_the_account_does_not(
    kept: Store, worker: Worker, transport: ToldTransport
) -> None:
    await suppress(kept, ADA, BOUNCE)
    await kept.write(configuration_sets.create, SCOPE, "all", NOON)
    await kept.write(configuration_sets.set_suppressed_reasons, SCOPE, "all", (), NOON)
    through = await promised(kept, ADA, with_set="all")
    held = await promised(kept, ADA)

    await worker.step()

    assert transport.reached == [ADA]
    assert await kinds(kept, through) == ["Send", "Delivery"]
    assert await kinds(kept, held) == ["Send", "Bounce"]


async def test_the_simulator_answers_whatever_the_list_says(kept: Store, worker: Worker) -> None:
    message_id = await promised(kept, "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com")

    await worker.step()

    assert sorted(await kinds(kept, message_id)) == ["Bounce", "Complaint", "Delivery", "Send"]
    assert await on_the_list(kept) == {}


async def test_a_failure_of_ours_does_not_open_the_way_to_whom_is_suppressed(
    kept: Store, worker: Worker, transport: ToldTransport, clock: StandingClock
) -> None:
    await suppress(kept, ADA, BOUNCE)
    message_id = await promised(kept, ADA, BOB)
    transport.failure = OSError("disk full")
    await worker.step()
    assert await kinds(kept, message_id) == ["Send", "Bounce", "DeliveryDelay"]

    transport.failure = None
    clock.at = NOON + 2 * MINUTE
    await worker.step()
    assert transport.reached == [BOB, BOB]


async def test_who_is_put_on_the_list_between_attempts_is_still_tried(
    kept: Store, worker: Worker, transport: ToldTransport, clock: StandingClock
) -> None:
    await promised(kept, ADA)
    transport.outcomes[ADA] = Deferred("busy", "451 4.3.2 busy")
    await worker.step()
    await suppress(kept, ADA, BOUNCE)
    clock.at = NOON + 2 * MINUTE
    await worker.step()
    assert transport.reached == [ADA, ADA]


async def test_bad_content_is_a_reject_for_everybody(kept: Store, worker: Worker, transport: ToldTransport) -> None:
    await suppress(kept, ADA, BOUNCE)
    eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    message_id = await promised(kept, ADA, BOB, text=eicar)

    await worker.step()

    assert await kinds(kept, message_id) == ["Send", "Reject"]
    assert transport.reached == []


async def test_a_hard_bounce_and_a_complaint_put_the_recipient_on_the_list(
    kept: Store, worker: Worker, transport: ToldTransport
) -> None:
    message_id = await promised(kept, ADA, BOB, CAT)
    transport.outcomes = {
        ADA: Refused("550 5.1.1 user unknown"),
        BOB: Delivered("250 ok", complaint="abuse"),
    }

    await worker.step()

    assert await on_the_list(kept) == {ADA: BOUNCE, BOB: COMPLAINT}
    told = await facts(kept, message_id)
    for address, kind in ((ADA, Bounce), (BOB, Complaint)):
        (fact,) = (fact for fact in told if isinstance(fact, kind))
        found = await kept.read(suppression.get, SCOPE, address)
        assert (found.message_id, found.feedback_id) == (message_id, fact.feedback_id)
        assert found.updated_at == NOON

    again = await promised(kept, ADA, BOB)
    transport.reached.clear()
    await worker.step()
    assert transport.reached == []
    assert await kinds(kept, again) == ["Send", "Bounce", "Complaint"]


@pytest.mark.parametrize(
    "outcome",
    [
        Delivered("250 ok"),
        Deferred("busy", "451 4.3.2 busy"),
        Refused("552 5.2.2 mailbox full"),
        Refused("nonsense"),
        Refused("550 5.7.26 this mail is not authenticated"),
        Refused("554 5.6.3 8-bit content"),
        Refused(subtype="Suppressed"),
    ],
)
async def test_nothing_else_puts_a_recipient_on_the_list(
    kept: Store, worker: Worker, transport: ToldTransport, outcome: Outcome
) -> None:
    await promised(kept, ADA)
    transport.outcomes[ADA] = outcome
    await worker.step()
    assert await on_the_list(kept) == {}


async def test_nobody_is_added_for_a_reason_that_is_off(kept: Store, worker: Worker, transport: ToldTransport) -> None:
    await kept.write(account.set_suppressed_reasons, SCOPE, (BOUNCE,), NOON)
    await kept.write(configuration_sets.create, SCOPE, "complaints", NOON)
    await kept.write(configuration_sets.set_suppressed_reasons, SCOPE, "complaints", (COMPLAINT,), NOON)
    transport.outcomes = {
        ADA: Delivered("250 ok", complaint="abuse"),
        BOB: Refused("550 5.1.1 user unknown"),
    }
    await promised(kept, ADA)
    await promised(kept, BOB, with_set="complaints")
    await worker.step()
    assert await on_the_list(kept) == {}

    await promised(kept, ADA, with_set="complaints")
    await promised(kept, BOB)
    await worker.step()
    assert await on_the_list(kept) == {ADA: COMPLAINT, BOB: BOUNCE}


async def test_an_attempt_whose_lease_was_lost_adds_nobody(kept: Store) -> None:
    row = OutgoingRow("m1", 0, *SCOPE, "lane", "smtp", f'["{ADA}"]', NOON, NOON, 0, "not ours", "")
    closed = close(row, {ADA: Refused("550 5.1.1 user unknown")}, MTA, NOON)
    assert await kept.write(close_attempts, [closed]) == [False]
    assert await on_the_list(kept) == {}


def test_a_batch_asks_the_list_once_whoever_sends() -> None:
    made = [promise(draft(ADA, BOB, scope=Scope(f"{number:012}", "us-east-1")), NOON) for number in range(20)]
    rows = [row for one in made for row in one.outgoing]
    asking = held_back(rows, {one.message.message_id: one.message for one in made})

    statement = next(asking)
    assert isinstance(statement, Rows)
    assert "suppression_lists" in statement.sql
    with pytest.raises(StopIteration) as end:
        asking.send([])
    assert end.value.value == {}


def test_recipients_held_back_for_one_reason_are_told_of_together() -> None:
    addresses = msgspec.json.encode([ADA, BOB, CAT]).decode()
    row = OutgoingRow("m1", 0, *SCOPE, "lane", "smtp", addresses, NOON, NOON, 0, "lease", "")
    outcomes: dict[str, Outcome] = {ADA: Suppressed(BOUNCE), BOB: Suppressed(COMPLAINT), CAT: Suppressed(BOUNCE)}

    bounce, complaint = (event.fact for event in close(row, outcomes, MTA, NOON).events)

    assert isinstance(bounce, Bounce)
    assert [one.address for one in bounce.recipients] == [ADA, CAT]
    assert isinstance(complaint, Complaint)
    assert complaint.recipients == [BOB]
    assert bounce.feedback_id != complaint.feedback_id
