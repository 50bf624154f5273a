"""`pillarbox account`: who may leave the sandbox."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.accounts import Standing
from pillarbox.operate.requests import DecideProduction, ListReviews

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def reviews(*, json: _Json = False, place: Place = HERE) -> None:
    """List the accounts that ask to leave the sandbox, or have asked, and what they say of their mail."""
    found = ask(place, ListReviews(), list[Standing])
    if json:
        say_json(found)
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
