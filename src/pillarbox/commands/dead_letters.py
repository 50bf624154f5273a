"""`pillarbox dead-letters`: notifications that could not be delivered."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.dead_letters import DeadLetter
from pillarbox.operate.requests import ListDeadLetters, ReplayDeadLetters

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def list_(*, account: str = "", topic: str = "", limit: int = 100, json: _Json = False, place: Place = HERE) -> None:
    """List notifications that were given up, newest first, and why.

    Parameters
    ----------
    account
        Only of this account.
    topic
        Only of the topic with this ARN.
    limit
        At most so many.
    """
    dead = ask(place, ListDeadLetters(account, topic, limit), list[DeadLetter])
    if json:
        say_json(dead)
    elif not dead:
        say("no dead letters")
    else:
        headings = ("PUBLISHED (UTC)", "NOTIFICATION ID", "TRIES", "ENDPOINT", "WHY")
        rows = [
            (moment(one.published_at), one.notification_id, str(one.attempts), one.endpoint, one.why) for one in dead
        ]
        say(table(headings, rows))


def replay(
    notification_id: str = "",
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    account: str = "",
    topic: str = "",
    place: Place = HERE,
) -> None:
    """Deliver dead letters again, from the start of their retry policy.

    Parameters
    ----------
    notification_id
        The one to replay, as `pillarbox dead-letters list` shows it.
    all_
        Replay every one that fits.
    account
        Only of this account.
    topic
        Only of the topic with this ARN.
    """
    if bool(notification_id) == all_:
        raise CommandError("name the notification to replay, or give --all")
    count = ask(place, ReplayDeadLetters(notification_id, account, topic), int)
    say(f"{count} {'delivery is' if count == 1 else 'deliveries are'} tried again")
