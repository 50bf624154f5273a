"""`pillarbox keys`: access keys that SDKs sign with."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.operate.keys import FIRST_ACCOUNT, FIRST_USER, Key, KeyPair
from pillarbox.operate.requests import CreateKey, ListKeys, RevokeKey

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


FIRST_REGION = "us-east-1"


def create(
    *,
    account: str = FIRST_ACCOUNT,
    user: str = FIRST_USER,
    region: str = FIRST_REGION,
    scope: str = "",
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Make an access key pair; its secret is shown this once.

    Parameters
    ----------
    account
        The 12 digits of the account that the key belongs to.
    user
        The name of who will use it.
    region
        The region that the SMTP password is for; the key itself is good for every region.
    scope
        What the key is good for: send-only, read-only, identity=NAME to send as that identity alone, or
        tenant=NAME to send for that tenant alone; without it, everything.
    """
    pair = ask(place, CreateKey(account, user, scope), KeyPair)
    password = smtp_password(pair.secret, region)
    if json:
        say_json({**msgspec.structs.asdict(pair), "region": region, "smtp_password": password})
        return
    say(f"AWS_ACCESS_KEY_ID={pair.key_id}")
    say(f"AWS_SECRET_ACCESS_KEY={pair.secret}")
    say(f"# account {pair.account}, user {pair.user_name}; the secret is not shown again")
    if scope:
        say(f"# good for {scope} alone")
    say(f"# SMTP in {region}: user name {pair.key_id}, password {password}")


def list_(*, json: _Json = False, place: Place = HERE) -> None:
    """List the access keys, without their secrets."""
    keys = ask(place, ListKeys(), list[Key])
    if json:
        say_json(keys)
        return
    headings = ("KEY ID", "ACCOUNT", "USER", "STATUS", "MADE (UTC)", "GOOD FOR")
    rows = [
        (key.key_id, key.account, key.user_name, key.status, moment(key.created_at), key.scope or "everything")
        for key in keys
    ]
    say(table(headings, rows))


def revoke(key_id: str, /, *, place: Place = HERE) -> None:
    """End an access key for good.

    Parameters
    ----------
    key_id
        The key, as `pillarbox keys list` shows it.
    """
    ask(place, RevokeKey(key_id), type(None))
    say(f"{key_id} is revoked: requests signed with it are refused from now on")
