"""The audit log, as the operator reads it, and as it tells what operators do.

Touches the store. Called through operate/requests.py and by the other modules
of operate/ that change something.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate.desk import Desk
from pillarbox.resources import audit
from pillarbox.store.audit import AuditRow
from pillarbox.store.plan import Plan

T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True):
    """One change: who did what to which thing, when and from where."""

    happened_at: Millis
    account: str
    region: str
    who: str
    source: str
    action: str
    subject: str


async def newest(desk: Desk, account: str, most: int) -> list[Entry]:
    """Return the newest entries of an account (empty: of all), the newest first."""
    return [Entry(*row) for row in await desk.store.read(audit.entries, account, most)]


async def write(desk: Desk, action: str, subject: str, scope: Scope, planner: Callable[..., Plan[T]], *args: Any) -> T:
    """Run a change of whoever works at the desk and tell it, in one transaction."""
    return await desk.store.write(audit.audited, planner, args, entry(desk, action, subject, scope))


def entry(desk: Desk, action: str, subject: str, scope: Scope) -> AuditRow:
    """Return what tells a change, for a plan that writes it itself."""
    source = desk.source or ("admin socket" if desk.endpoint else "command line")
    return AuditRow(desk.clock.now(), *scope, desk.who, source, action, subject)
