"""The route table: which transport serves which mail, and in which lane it queues.

Pure but for what `provider_of` remembers. Built by app/ from the settings;
asked by accept when outgoing rows are made. The simulator's domain never goes anywhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pillarbox.delivery.lanes import SORTED_BY_PROVIDER, UNSORTED, lane_of
from pillarbox.kit.ids import Scope
from pillarbox.kit.simulated import DOMAIN


@dataclass(frozen=True, slots=True)
class Rule:
    """Mail that fits every given field goes by `transport` (to `upstream`, another SES); an empty field fits all."""

    transport: str
    account: str = ""
    configuration_set: str = ""
    domain: str = ""
    upstream: str = ""
    pool: str = ""

    def fits(self, scope: Scope, configuration_set: str | None, domain: str, pool: str) -> bool:
        return (
            self.account in ("", scope.account)
            and self.configuration_set in ("", configuration_set)
            and self.domain in ("", domain)
            and self.pool in ("", pool)
        )


def through(transport: str, pool: str) -> str:
    """Return the name of a transport as it leaves from the addresses of a pool (or, without one, from all's)."""
    return f"{transport}:{pool}" if pool else transport


class RouteTable:
    """The first rule that fits decides; mail that fits none is captured, so that nothing leaves by accident.

    `provider_of` tells who takes mail for a domain as far as that is known without asking anybody.
    """

    def __init__(self, rules: Sequence[Rule] = (), provider_of: Callable[[str], str] = lambda _: UNSORTED) -> None:
        self._rules = tuple(rules)
        self._provider_of = provider_of

    def __call__(self, scope: Scope, configuration_set: str | None, domain: str, pool: str = "") -> tuple[str, str]:
        """Return the transport's name and the lane: account, region, egress source, destination provider.

        `pool` names the addresses that mail leaves from where this machine sends it itself.
        """
        transport, upstream = self._transport(scope, configuration_set, domain, pool)
        if transport not in SORTED_BY_PROVIDER:
            return transport, lane_of(scope, transport, upstream)
        transport = through(transport, pool)
        return transport, lane_of(scope, transport, self._provider_of(domain))

    def _transport(self, scope: Scope, configuration_set: str | None, domain: str, pool: str) -> tuple[str, str]:
        if domain == DOMAIN:
            return "simulator", ""
        fitting = (rule for rule in self._rules if rule.fits(scope, configuration_set, domain, pool))
        rule = next(fitting, Rule("capture"))
        return rule.transport, rule.upstream
