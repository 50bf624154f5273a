"""`pillarbox account`: who may leave the sandbox, how much an account may send, and how long it keeps that."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.account_requests import DecideProduction, ListReviews, SetDays, SetQuota, ShowDays, ShowQuota
from pillarbox.operate.accounts import Kept, Limits, Standing

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def reviews(*, json: _Json = False, place: Place = HERE) -> None:
    """List the accounts that ask to leave the sandbox, or have asked, and what they say of their mail."""
    found = ask(place, ListReviews(), list[Standing])
    if json:
        say_json(found)
        return
    if not found:
        say("nobody has asked to leave the sandbox")
        return
    headings = ("ACCOUNT", "REGION", "STATUS", "MAIL", "WEBSITE", "USE CASE")
    rows = [
        (one.account, one.region, one.status or "-", one.mail_type, one.website_url, " ".join(one.use_case.split()))
        for one in found
    ]
    say(table(headings, rows))


def production(account: str, /, *, region: str = "us-east-1", deny: str = "", place: Place = HERE) -> None:
    """Let an account out of the sandbox, so that it may send to anybody.

    Parameters
    ----------
    account
        The account, of 12 digits.
    region
        The region that it sends in.
    deny
        Keep it in the sandbox instead, or send it back there, for this reason.
    """
    standing = ask(place, DecideProduction(account, region, not deny, deny), Standing)
    if deny:
        say(f"account {standing.account} stays in the sandbox in {standing.region}: {standing.why}")
    else:
        say(f"account {standing.account} may send to anybody in {standing.region}")


def quota(
    account: str,
    /,
    *,
    region: str = "us-east-1",
    daily: float | None = None,
    rate: float | None = None,
    default: Annotated[bool, Parameter(negative="")] = False,
    place: Place = HERE,
) -> None:
    """Show or set how much an account may send in a region, instead of what the settings give to all.

    Parameters
    ----------
    account
        The account, of 12 digits.
    region
        The region that it sends in.
    daily
        Recipients in 24 hours; -1 for any number.
    rate
        Recipients in a second; 0 for any number.
    default
        Give it what the settings give to all again, but for what is set here.
    """
    limits = ask(place, ShowQuota(account, region), Limits)
    if default or daily is not None or rate is not None:
        kept = Limits(account, region, None, None) if default else limits
        asked = SetQuota(
            account,
            region,
            kept.max_24_hour if daily is None else daily,
            kept.max_rate if rate is None else rate,
        )
        limits = ask(place, asked, Limits)
    day = "as set for all" if limits.max_24_hour is None else _number(limits.max_24_hour, limits.max_24_hour < 0)
    second = "as set for all" if limits.max_rate is None else _number(limits.max_rate, limits.max_rate <= 0)
    say(f"account {limits.account} in {limits.region}: recipients in 24 hours: {day}; in a second: {second}")


def retention(
    account: str,
    /,
    *,
    bodies_days: int | None = None,
    history_days: int | None = None,
    default: Annotated[bool, Parameter(negative="")] = False,
    place: Place = HERE,
) -> None:
    """Show or set for how many days an account keeps what it sent, instead of what the settings say for all.

    Parameters
    ----------
    account
        The account, of 12 digits.
    bodies_days
        Days that bodies of mail are kept, accepted from now on; 0 for ever.
    history_days
        Days that messages and what became of them are kept; 0 for ever.
    default
        Keep things as long as the settings say for all again, but for what is set here.
    """
    days = ask(place, ShowDays(account), Kept)
    if default or bodies_days is not None or history_days is not None:
        was = Kept(account, None, None) if default else days
        bodies = was.bodies if bodies_days is None else bodies_days
        history = was.history if history_days is None else history_days
        days = ask(place, SetDays(account, bodies, history), Kept)
    say(f"account {days.account}: bodies are kept {_days(days.bodies)}, history {_days(days.history)}")


def _days(count: int | None) -> str:
    if count is None:
        return "as long as for all"
    return f"for {count} days" if count else "for ever"


def _number(limit: float, is_none: bool) -> str:
    return "any number" if is_none else f"{limit:g}"
