"""Lanes: outgoing rows that share one account, egress source and destination provider.

Pure. Lanes are named by route.py when rows are made and by the worker when it
has found out who takes a domain's mail; `Turns` says how many rows of each lane
the worker may take in hand, fair between accounts and between the lanes of one.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit.ids import Scope

# Rows whose provider is not known yet, and rows that an operator has paused one by one.
UNSORTED = "?"
_ASIDE = "!"
# Transports that meet many providers; the others have one next hop, which is their provider.
SORTED_BY_PROVIDER = frozenset({"mx"})
# Egress to another SES: it counts recipients, not messages, says itself how many it takes, and signs mail.
# https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
OTHER_SES = "ses"
# What does not leave this server: nobody will ever verify it.
KEPT_HERE = frozenset({"capture", "simulator"})
# A lane may hold this many times what its account has left, and an account as much as all have left.
_LANE_SHARE = 3
_NO_LIMIT = 1 << 30
_AT_ONCE = 48  # lanes that are dealt to in one turn: each costs a statement of its own


class Hop(NamedTuple):
    """One provider as one egress source meets it: what a pace is for. `provider` is empty where there is only one."""

    egress: str
    provider: str

    def __str__(self) -> str:
        return f"{self.egress}/{self.provider}" if self.provider else self.egress

    @classmethod
    def read(cls, text: str) -> "Hop":
        egress, _, provider = text.partition("/")
        return cls(egress, provider)

    def is_called(self, name: str) -> bool:
        """Whether an operator means this hop by `google`, `mx/google` or `smtp`."""
        return name in (str(self), self.provider or self.egress)


class Lane(NamedTuple):
    """What a lane's name says. Rows `aside` are never claimed: each waits for an operator."""

    account: str
    region: str
    hop: Hop
    aside: bool = False

    @property
    def is_unsorted(self) -> bool:
        return self.hop.provider == UNSORTED


def lane_of(scope: Scope, egress: str, provider: str = "") -> str:
    return f"{scope.account}/{scope.region}/{Hop(egress, provider)}"


@lru_cache(maxsize=20_000)
def read_lane(name: str) -> Lane:
    account, region, hop = name.removeprefix(_ASIDE).split("/", 2)
    return Lane(account, region, Hop.read(hop), name.startswith(_ASIDE))


def set_aside(name: str) -> str:
    return name if name.startswith(_ASIDE) else _ASIDE + name


def brought_back(name: str) -> str:
    return name.removeprefix(_ASIDE)


class Turns:
    """Deals places for attempts: accounts take turns, and so do the lanes of each.

    That is deficit round robin where every attempt costs the same: a place, whoever shares it. Of the places, an
    account gets as many as it leaves free for all, and a lane three times what its account then has left: however
    many slow ones there are, there is room for the next.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._turn = 0

    def deal(self, lanes: Mapping[str, Lane], held: Mapping[str, int], room_at: Mapping[Hop, int]) -> Mapping[str, int]:
        """Return how many rows of each lane may be claimed.

        `lanes` have rows due; `held` are the attempts in hand by lane; `room_at` says how many more a hop takes
        (one that is not named takes any number).
        """
        self._turn += 1
        table = _Table(self._places, lanes, held, room_at)
        queues = _rotated(lanes, self._turn)
        dealt: dict[str, int] = {}
        while queues:
            for account, queue in list(queues.items()):
                name = next((name for name in queue if table.takes(name)), None)
                if name is None:
                    del queues[account]
                    continue
                dealt[name] = dealt.get(name, 0) + 1
                table.place(name)
                queue.remove(name)
                queue.append(name)
        return dealt


class _Table:
    """Who holds how many places."""

    def __init__(
        self, places: int, lanes: Mapping[str, Lane], held: Mapping[str, int], room_at: Mapping[Hop, int]
    ) -> None:
        self._lanes = lanes
        self._free = places - sum(held.values())
        self._of_lane = dict(held)
        self._room_at = dict(room_at)
        self._of_account: dict[str, int] = {}
        for name, count in held.items():
            account = read_lane(name).account
            self._of_account[account] = self._of_account.get(account, 0) + count

    def takes(self, name: str) -> bool:
        lane = self._lanes[name]
        left = self._free - self._of_account.get(lane.account, 0)
        return (
            self._free > 0
            and left > 0
            and self._of_lane.get(name, 0) < _LANE_SHARE * left
            and self._room_at.get(lane.hop, _NO_LIMIT) > 0
        )

    def place(self, name: str) -> None:
        lane = self._lanes[name]
        self._free -= 1
        self._of_lane[name] = self._of_lane.get(name, 0) + 1
        self._of_account[lane.account] = self._of_account.get(lane.account, 0) + 1
        if lane.hop in self._room_at:
            self._room_at[lane.hop] -= 1


def _rotated(lanes: Mapping[str, Lane], turn: int) -> dict[str, list[str]]:
    """Return lanes of each account; with every turn another account and other lanes come first."""
    by_account: dict[str, list[str]] = {}
    for name in sorted(lanes):
        by_account.setdefault(lanes[name].account, []).append(name)
    if not by_account:
        return {}
    accounts = _window(sorted(by_account), turn, _AT_ONCE)
    each = max(1, _AT_ONCE // len(accounts))
    return {account: _window(by_account[account], turn // len(accounts), each) for account in accounts}


def _window(names: Sequence[str], turn: int, size: int) -> list[str]:
    """Return `size` names at most: with every turn the next ones, or the same with another one first."""
    start = turn * (size if len(names) > size else 1) % len(names)
    return [*names[start:], *names[:start]][:size]
