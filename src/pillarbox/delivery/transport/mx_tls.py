"""How a conversation with a mail exchanger must be secured, by what its domain and the sender ask for.

`demand` and `hop` are pure. Called by mx.py. Without any demand encryption is
used where it is offered, whatever the certificate, because the other choice is
none at all: https://www.rfc-editor.org/rfc/rfc7435
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pillarbox.delivery.transport import dane
from pillarbox.delivery.transport.mta_sts import Policy, covers
from pillarbox.delivery.transport.smtp_connection import Manner, NextHop
from pillarbox.delivery.transport.smtp_dial import Broken
from pillarbox.kit.clock import Clock
from pillarbox.kit.dns import Tlsa


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be true before the first message: encryption, and whose certificate it takes.

    `by_name` is the web's way: an authority that we trust vouches for the host's name. `tlsa` are usable records,
    and `names` those that a certificate below a trust anchor may bear.
    """

    encrypted: bool = False
    by_name: bool = False
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()


def demand(host: str, domain: str, policy: Policy | None, records: Sequence[Tlsa], *, encrypted: bool) -> Demand:
    """Return what is demanded of `host`; Broken when the domain's policy does not know it.

    DANE decides about the certificate where both are published:
    https://www.rfc-editor.org/rfc/rfc8461#section-2
    """
    enforced = policy is not None and policy.mode == "enforce"
    if policy is not None and enforced and not covers(policy, host):
        raise Broken(f"{host} is not a mail server of {domain} by its MTA-STS policy")
    if usable := tuple(dane.usable(records)):
        return Demand(True, tlsa=usable, names=(host, domain))
    return Demand(encrypted or enforced or bool(records), by_name=enforced)


class Security:
    """Makes next hops that keep to a demand. `by_name` takes certificates of the authorities that are trusted."""

    def __init__(self, ca_file: str, clock: Clock) -> None:
        self._clock = clock
        self.by_name = ssl.create_default_context(cafile=ca_file or None)
        self._by_anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._by_anybody.check_hostname = False
        self._by_anybody.verify_mode = ssl.CERT_NONE

    def hop(self, host: str, manner: Manner, asked: Demand) -> NextHop:
        context = self.by_name if asked.by_name else self._by_anybody
        prove = partial(self._reason_not_proven, asked) if asked.tlsa else None
        return NextHop(host, host, "starttls-required" if asked.encrypted else "starttls", context, manner, prove=prove)

    def _reason_not_proven(self, asked: Demand, shown: Sequence[bytes]) -> str | None:
        return dane.reason_not_proven(asked.tlsa, shown, asked.names, self._clock.now())
