"""Depth and age of the queue, as `/metrics` shows them."""

from pillarbox.delivery.depth import DepthGauge
from pillarbox.delivery.lanes import lane_of
from pillarbox.kit.clock import MINUTE
from pillarbox.kit.ids import Scope
from pillarbox.kit.metrics import exposition
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from pillarbox.store.outgoing import Closing, OutgoingRow
from tests.support.clock import NOON, StandingClock


def row(message_id: str, account: str, provider: str, accepted_at: int) -> OutgoingRow:
    lane = lane_of(Scope(account, "r"), "depth-test", provider)
    return OutgoingRow(message_id, 0, account, "r", lane, "mx", "[]", accepted_at, accepted_at, 0, "", "")


def shown() -> list[str]:
    return [line for line in exposition().decode().splitlines() if "depth-test" in line]


async def test_what_waits_is_counted_by_provider_over_all_accounts(store: Store) -> None:
    clock = StandingClock(NOON + 10 * MINUTE)
    gauge = DepthGauge(store, clock)
    waiting = [row("m1", "a", "google", NOON), row("m2", "b", "google", NOON + MINUTE), row("m3", "a", "yahoo", NOON)]
    await store.write(outgoing.add, waiting)

    await gauge.measure()
    assert shown() == [
        'pillarbox_delivery_queue_rows{egress="depth-test",provider="google"} 2.0',
        'pillarbox_delivery_queue_rows{egress="depth-test",provider="yahoo"} 1.0',
        'pillarbox_delivery_queue_oldest_seconds{egress="depth-test",provider="google"} 600.0',
        'pillarbox_delivery_queue_oldest_seconds{egress="depth-test",provider="yahoo"} 600.0',
    ]

    for one in waiting:
        await store.write(outgoing.close, Closing(one.message_id, 0, "", None, 0, ""))
    await gauge.measure()
    assert shown() == [], "what waits no more is no longer shown"
