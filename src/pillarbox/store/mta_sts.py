"""The MTA-STS policies of recipient domains, kept for as long as each asks for.

Plans only. Called by delivery/transport/mta_sts.py, which knows what a policy
says. They are kept on disk, because a domain's protection must outlive the
process that saw its policy last.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, first


class PolicyRow(NamedTuple):
    """One domain's policy, as JSON text, and the id under which its record announced it."""

    domain: str
    policy_id: str
    expires_at: Millis
    policy: str


def keep(row: PolicyRow, now: Millis) -> Plan[None]:
    """Keep a policy instead of the one before, and forget those of any domain that have expired."""
    yield Rows("DELETE FROM mta_sts_policies WHERE expires_at <= ? RETURNING domain", (now,))
    yield Rows(
        "INSERT INTO mta_sts_policies (domain, policy_id, expires_at, policy) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, expires_at = excluded.expires_at,"
        " policy = excluded.policy RETURNING domain",
        row,
    )


def get(domain: str) -> Plan[PolicyRow | None]:
    found = first(
        (yield Rows("SELECT domain, policy_id, expires_at, policy FROM mta_sts_policies WHERE domain = ?", (domain,)))
    )
    return PolicyRow(*found) if found else None
