"""The hosts that mail leaves from, as the settings name them.

Pure. For whoever prints what is to be published of them; the transports take
the same settings.
"""

from pillarbox.operate.desk import Host
from pillarbox.settings import MxSetting, Settings


def hosts(settings: Settings) -> tuple[Host, ...]:
    """Return the names that are said in EHLO, with those addresses that are set: that of `[mx]` first, then pools'."""
    main = settings.mx or MxSetting()
    greets_as = main.helo or f"mta.{settings.service_domain}"
    by_name = {greets_as: [main.source_ipv4, main.source_ipv6]}
    for pool in settings.pools.values():
        by_name.setdefault(pool.helo or greets_as, []).extend((pool.source_ipv4, pool.source_ipv6))
    return tuple(Host(name.lower(), tuple(filter(None, addresses))) for name, addresses in by_name.items())
