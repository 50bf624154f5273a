"""Places for attempts are dealt fairly, whatever the size of queues and however slow a provider is."""

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.delivery.lanes import Hop, Turns, brought_back, lane_of, read_lane, set_aside
from pillarbox.kit.ids import Scope

PLACES = 256
NAMES = [lane_of(Scope(account, "r"), "mx", provider) for account in "abc" for provider in ("x", "y", "z")]


def lanes(*names: str) -> dict[str, object]:
    return {name: read_lane(name) for name in names}


def test_a_lane_is_named_after_who_sends_from_where_to_whom() -> None:
    name = lane_of(Scope("1", "r"), "mx", "google")

    assert read_lane(name) == ("1", "r", Hop("mx", "google"), False)
    assert read_lane(set_aside(name)) == ("1", "r", Hop("mx", "google"), True)
    assert brought_back(set_aside(set_aside(name))) == name
    assert read_lane(lane_of(Scope("1", "r"), "smtp")).hop == Hop("smtp", "")


def test_operators_name_a_hop_by_its_provider_or_whole() -> None:
    assert Hop("mx", "google").is_called("google") and Hop("mx", "google").is_called("mx/google")
    assert not Hop("mx", "google").is_called("mx")
    assert Hop("smtp", "").is_called("smtp")


class Queues:
    """Rows of lanes, claimed round by round as the worker does; every attempt of a lane in `stuck` never ends."""

    def __init__(self, rows: dict[str, int], *, stuck: frozenset[str] = frozenset()) -> None:
        self.rows = {name: deque(range(count)) for name, count in rows.items()}
        self.stuck = stuck
        self.turns = Turns(PLACES)
        self.held: Counter[str] = Counter()
        self.claimed: list[str] = []

    def round(self, room_at: dict[Hop, int] | None = None) -> list[str]:
        due = {name: read_lane(name) for name, rows in self.rows.items() if rows}
        taken: list[str] = []
        for name, most in self.turns.deal(due, +self.held, room_at or {}).items():
            count = min(most, len(self.rows[name]))
            for _ in range(count):
                self.rows[name].popleft()
            taken += [name] * count
            if name in self.stuck:
                self.held[name] += count
        self.claimed += taken
        return taken


def test_a_big_send_does_not_delay_a_small_one_of_another_account() -> None:
    queues = Queues({"big/r/mx/x": 100_000, "small/r/mx/x": 100})

    while queues.rows["small/r/mx/x"]:
        queues.round()

    last = max(place for place, name in enumerate(queues.claimed) if name.startswith("small"))
    assert last < 2 * 100 + PLACES, "about one row of the big send went for each of the small one"


def test_an_account_with_many_lanes_gets_no_more_than_one_with_a_single_lane() -> None:
    many = {f"big/r/mx/{number}": 1000 for number in range(9)}
    taken = Counter(name.partition("/")[0] for name in Queues(many | {"small/r/mx/x": 1000}).round())

    assert taken["big"] * 0.8 < taken["small"]


def test_a_slow_provider_leaves_room_for_the_others_and_for_other_accounts() -> None:
    slow = {f"a/r/mx/slow{number}" for number in range(5)}
    queues = Queues(dict.fromkeys(slow, 10_000) | {"a/r/mx/fast": 500}, stuck=frozenset(slow))
    for _ in range(200):
        queues.round()

    assert not queues.rows["a/r/mx/fast"], "five providers that answer nobody do not stop the sixth"
    queues.rows["b/r/mx/slow0"] = deque(range(50))
    for _ in range(50):
        queues.round()
    assert not queues.rows["b/r/mx/slow0"], "nor another account"


def test_a_hop_takes_no_more_than_it_has_room_for_and_accounts_share_that() -> None:
    queues = Queues({"a/r/mx/x": 1000, "b/r/mx/x": 1000, "c/r/mx/y": 1000})

    taken = Counter(queues.round({Hop("mx", "x"): 6}))

    assert (taken["a/r/mx/x"], taken["b/r/mx/x"]) == (3, 3)
    assert taken["c/r/mx/y"] > 50


def test_who_is_first_changes_from_round_to_round() -> None:
    turns = Turns(PLACES)
    names = ["a/r/mx/x", "b/r/mx/x", "c/r/mx/x"]
    firsts = {next(iter(turns.deal(lanes(*names), {}, {Hop("mx", "x"): 1}))) for _ in range(3)}  # type: ignore[arg-type]

    assert firsts == set(names)


def test_with_very_many_lanes_each_has_its_turn() -> None:
    queues = Queues({f"{account}/r/mx/{number}": 3 for account in range(100) for number in range(20)})
    for _ in range(200):
        queues.round()

    assert not any(queues.rows.values())


@given(st.lists(st.sampled_from(NAMES), unique=True), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 60)))
def test_no_place_is_dealt_twice(due: list[str], held: dict[str, int]) -> None:
    dealt = Turns(PLACES).deal({name: read_lane(name) for name in due}, held, {})

    assert set(dealt) <= set(due)
    assert sum(dealt.values()) <= max(PLACES - sum(held.values()), 0)
    assert all(dealt.values())
