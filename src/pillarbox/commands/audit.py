"""`pillarbox audit`: who changed what."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.audit import Entry
from pillarbox.operate.requests import ListAudit


def audit(
    *,
    account: str = "",
    most: int = 100,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")] = False,
    place: Place = HERE,
) -> None:
    """List changes of keys, identities, policies and settings, newest first.

    Parameters
    ----------
    account
        Only changes of this account.
    most
        How many to list.
    """
    entries = ask(place, ListAudit(account, most), list[Entry])
    if json:
        say_json(entries)
        return
    headings = ("WHEN (UTC)", "ACCOUNT", "REGION", "WHO", "FROM", "WHAT", "OF")
    rows = [
        (moment(one.happened_at), one.account, one.region, one.who, one.source, one.action, one.subject)
        for one in entries
    ]
    say(table(headings, rows))
