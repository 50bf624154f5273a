"""The audit log: append-only rows of who changed what.

Plans only. An entry is written in the transaction of the change that it tells,
so that neither is ever there without the other. Called by resources/audit.py.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows

_COLUMNS = "happened_at, account, region, who, source, action, subject"


class AuditRow(NamedTuple):
    """One change. `who` is a key or an operator, `source` where they asked from."""

    happened_at: Millis
    account: str
    region: str
    who: str
    source: str
    action: str
    subject: str


def add(row: AuditRow) -> Plan[None]:
    yield Rows(f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def newest(account: str, most: int) -> Plan[list[AuditRow]]:
    """Return at most `most` entries of an account (empty: of all), the newest first."""
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM audit WHERE account = ? ORDER BY id DESC LIMIT ?"
        if account
        else f"SELECT {_COLUMNS} FROM audit ORDER BY id DESC LIMIT ?",
        (account, most) if account else (most,),
    )
    return [AuditRow(*row) for row in rows]
