"""Dedicated IP pools: the addresses of this machine that mail may leave from, by names that the operator gave them.

Pure. Built by app/ from the settings `[pools.NAME]`; read by api/, which tells
of them, and by configuration sets, which choose one. They are the operator's:
an address is set up on a machine, not by a call.
https://docs.aws.amazon.com/ses/latest/dg/dedicated-ip-pools.html
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pillarbox.kit.errors import NotFound


class PoolMissing(NotFound):
    """There is no pool of that name."""


class IpMissing(NotFound):
    """The address is in no pool."""


class Pool(NamedTuple):
    """The addresses of one pool, at most one of each version of the Internet protocol."""

    name: str
    addresses: tuple[str, ...]


class Ip(NamedTuple):
    """An address that mail may leave from, and the pool that it is in."""

    address: str
    pool: str


class Pools:
    """Every pool, by name; the same for each account."""

    def __init__(self, addresses: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._pools = {name: Pool(name, given) for name, given in sorted((addresses or {}).items())}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._pools)

    def listed(self) -> list[str]:
        return list(self._pools)

    def get(self, name: str) -> Pool:
        """Return a pool, or raise PoolMissing."""
        if name not in self._pools:
            raise PoolMissing(f"Dedicated IP pool <{name}> does not exist.")
        return self._pools[name]

    def ips(self, name: str | None = None) -> list[Ip]:
        """Return the addresses of one pool (PoolMissing if there is none), or of all."""
        pools = [self.get(name)] if name else list(self._pools.values())
        return list(self._ips(pools))

    def ip(self, address: str) -> Ip:
        """Return an address with its pool, or raise IpMissing."""
        found = next((one for one in self.ips() if one.address == address), None)
        if found is None:
            raise IpMissing(f"Dedicated IP <{address}> does not exist.")
        return found

    @staticmethod
    def _ips(pools: list[Pool]) -> Iterator[Ip]:
        for pool in pools:
            for address in pool.addresses:
                yield Ip(address, pool.name)
