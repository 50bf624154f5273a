"""`pillarbox identities`: the senders that mail may come from."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.identities import Sender
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.operate.requests import ListIdentities, Vouch

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def list_(*, account: str = "", region: str = "", json: _Json = False, place: Place = HERE) -> None:
    """List the identities and whether they are verified.

    Parameters
    ----------
    account
        Only those of this account.
    region
        Only those in this region.
    """
    senders = ask(place, ListIdentities(account, region), list[Sender])
    if json:
        say_json(senders)
        return
    headings = ("ACCOUNT", "REGION", "STATUS", "VERIFIED BY", "IDENTITY")
    say(table(headings, [(one.account, one.region, one.status, one.verified_by or "-", one.name) for one in senders]))


def vouch(name: str, /, *, account: str = FIRST_ACCOUNT, region: str = "us-east-1", place: Place = HERE) -> None:
    """Verify a domain or an address on your word, so that mail may be sent from it.

    Parameters
    ----------
    name
        `example.com` for every address of a domain, or one address.
    account
        The account that sends.
    region
        The region that it sends in.
    """
    sender = ask(place, Vouch(name, account, region), Sender)
    say(f"{sender.name} is verified: account {sender.account} may send from it in {sender.region}")
