"""Room is shared between accounts, whatever the size of their queues."""

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.delivery.pace import share

LANES = st.lists(st.sampled_from([f"{account}/r/{way}" for account in "abc" for way in "123"]), unique=True)


def test_an_account_with_many_lanes_gets_no_more_than_one_with_a_single_lane() -> None:
    budgets = share([*(f"big/r/{number}" for number in range(9)), "small/r/1"], 20, 0)

    assert budgets["small/r/1"] == 10
    assert sum(budget for lane, budget in budgets.items() if lane.startswith("big")) == 10


def test_with_little_room_the_turn_rotates() -> None:
    lanes = ["a/r/1", "b/r/1", "c/r/1"]

    assert {lane for turn in range(3) for lane in share(lanes, 1, turn)} == set(lanes)


@given(LANES, st.integers(0, 50), st.integers(0, 1000))
def test_room_is_given_out_whole_and_never_twice(lanes: list[str], room: int, turn: int) -> None:
    budgets = share(lanes, room, turn)

    assert sum(budgets.values()) == (room if lanes else 0)
    assert set(budgets) <= set(lanes)
