"""`pillarbox quarantine`: what upstreams told and nobody could read."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.quarantine import Kept
from pillarbox.operate.requests import ListQuarantine, ReadAgain

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, with what came.")]


def list_(*, upstream: str = "", limit: int = 100, json: _Json = False, place: Place = HERE) -> None:
    """List what could not be read, oldest first, and why.

    Parameters
    ----------
    upstream
        Only of this upstream.
    limit
        At most so many.
    """
    kept = ask(place, ListQuarantine(upstream, limit), list[Kept])
    if json:
        say_json(kept)
    elif not kept:
        say("nothing is in quarantine")
    else:
        rows = [(moment(one.arrived_at), one.upstream, one.post_id, one.why) for one in kept]
        say(table(("ARRIVED (UTC)", "UPSTREAM", "POST", "WHY"), rows))


def retry(*, upstream: str = "", place: Place = HERE) -> None:
    """Read everything once more, for instance after an upgrade.

    Parameters
    ----------
    upstream
        Only of this upstream.
    """
    count = ask(place, ReadAgain(upstream), int)
    say(f"{count} {'is' if count == 1 else 'are'} in the event log now")
