"""Whether an open or a click was made by a program on its own, as far as that can be seen.

Pure, but that `load` reads the rules once. The rules are data (bots.toml beside
this module, and a file of the operator's): which programs and networks, how
soon after the delivery, how many links at a time. Called by edge/hit_drain.py;
docs/tracking.md tells what is known to be missed.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import msgspec

from pillarbox.edge.hit_spool import Hit
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid

# What SES writes as `isBotEvent`.
LIKELY = "Likely"
_MANNERS = {"HEAD": "only asked where the link leads", "PREFETCH": "fetched ahead of the reader by the browser"}
_OURS = Path(__file__).parent / "bots.toml"


class RulesError(Invalid):
    """A file of rules cannot be used; the message says why."""


class Agents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Programs that name themselves: by their whole name, or by a part of it in any case."""

    who: str
    equals: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()


class Networks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Networks from which programs fetch."""

    who: str
    networks: tuple[str, ...]


class Speed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sooner after the delivery than this, nobody has opened or clicked."""

    open_ms: int
    click_ms: int


class Together(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many different links of one message within so short a time are followed by no person."""

    links: int
    within_ms: int


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules as they stand in a file; a file of the operator's may leave any of them out."""

    agents: tuple[Agents, ...] = ()
    networks: tuple[Networks, ...] = ()
    speed: Speed | None = None
    together: Together | None = None


class Judge:
    """Says why a hit looks automated."""

    def __init__(self, rules: Sequence[Rules]) -> None:
        """Agents and networks of all `rules` count; of speed and number of links what is said last."""
        self._whole = {name: one.who for each in rules for one in each.agents for name in one.equals}
        named = [(part, one.who) for each in rules for one in each.agents for part in one.contains]
        self._who = {part.lower(): who for part, who in named}
        parts = sorted(self._who, key=len, reverse=True)
        self._part = re.compile("|".join(map(re.escape, parts)) or r"(?!)", re.IGNORECASE)
        self._networks = _by_length(rules)
        self.speed = next(filter(None, (one.speed for one in reversed(rules))), Speed(0, 0))
        self.together = next(filter(None, (one.together for one in reversed(rules))), Together(1_000_000, 0))
        # The same programs and addresses come again and again, and to search a name for all words costs most of all.
        self.program_of = lru_cache(maxsize=4096)(self._program_of)
        self.network_of = lru_cache(maxsize=4096)(self._network_of)

    def reason(self, hit: Hit, delivered_at: Millis | None, links_together: int) -> str | None:
        """Return why a hit looks automated, or None when it may have been a person.

        `links_together` counts the different links of the message that were followed about the same time.
        """
        if hit.manner != "GET":
            return _MANNERS[hit.manner]
        if not hit.agent:
            return "a program without a name"
        if (who := self.program_of(hit.agent)) is not None:
            return who
        if (who := self.network_of(hit.address)) is not None:
            return who
        if hit.is_click and links_together >= self.together.links:
            return "followed several links at once"
        soonest = self.speed.click_ms if hit.is_click else self.speed.open_ms
        if delivered_at is not None and hit.at - delivered_at < soonest:
            return f"sooner than {soonest} ms after the delivery"
        return None

    def _program_of(self, agent: str) -> str | None:
        if (who := self._whole.get(agent)) is not None:
            return who
        found = self._part.search(agent)
        return self._who[found[0].lower()] if found else None

    def _network_of(self, address: str) -> str | None:
        try:
            parsed = ip_address(address)
        except ValueError:
            return None
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        for (version, length), networks in self._networks.items():
            if parsed.version == version and (who := networks.get(_front(parsed, length))) is not None:
                return who
        return None


def load(own: str = "") -> Judge:
    """Return a judge by our rules and those of a file of the operator's; raise RulesError for one that is none."""
    return Judge([_read(_OURS), *([_read(Path(own))] if own else [])])


def _read(path: Path) -> Rules:
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text()), Rules)
        _by_length([rules])
    except OSError as error:
        raise RulesError(f"bot_rules {path}: {error.strerror}") from None
    except ValueError as error:
        raise RulesError(f"bot_rules {path}: {error}") from None
    return rules


def _by_length(rules: Sequence[Rules]) -> Mapping[tuple[int, int], dict[int, str]]:
    """Return who has which network, by version and length: a look-up for each length that occurs."""
    found: dict[tuple[int, int], dict[int, str]] = {}
    for one in (one for each in rules for one in each.networks):
        for text in one.networks:
            network = ip_network(text)
            front = _front(network.network_address, network.prefixlen)
            found.setdefault((network.version, network.prefixlen), {})[front] = one.who
    return found


def _front(address: IPv4Address | IPv6Address, length: int) -> int:
    return int(address) >> (address.max_prefixlen - length)
