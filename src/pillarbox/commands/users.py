"""`pillarbox users`: who signs in to the pages."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.user_requests import CreateUser, ListUsers, RemoveUser, SetUserPassword, SignOutUser
from pillarbox.operate.users import Login, User

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
_FromInput = Annotated[
    bool, Parameter(name="--password-from-input", negative="", help="Read the password from standard input.")
]


def create(
    name: str,
    /,
    *,
    role: str = "member",
    account: str = "",
    region: str = "",
    tenant: str = "",
    from_input: _FromInput = False,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Make a user of the pages; their password is shown this once.

    Parameters
    ----------
    name
        What they sign in with.
    role
        admin: everything, with keys and users; member: the daily work; read-only: only looks; customer: sees the
        page of one tenant.
    account
        The one account that they see; without it, every one.
    region
        For a customer: the region of the tenant.
    tenant
        For a customer: the tenant that they are.
    """
    login = ask(place, CreateUser(name, role, account, region, tenant, _given(from_input)), Login)
    _tell(login, from_input, json)


def list_(*, json: _Json = False, place: Place = HERE) -> None:
    """List the users."""
    users = ask(place, ListUsers(), list[User])
    if json:
        say_json(users)
        return
    headings = ("NAME", "ROLE", "ACCOUNT", "TENANT", "MADE (UTC)", "SIGNED IN")
    say(table(headings, [_row(user) for user in users]))


def password(name: str, /, *, from_input: _FromInput = False, json: _Json = False, place: Place = HERE) -> None:
    """Give a user another password; they are signed out everywhere.

    Parameters
    ----------
    name
        The user, as `pillarbox users list` shows them.
    """
    _tell(ask(place, SetUserPassword(name, _given(from_input)), Login), from_input, json)


def sign_out(name: str, /, *, place: Place = HERE) -> None:
    """End every session of a user; they sign in again by the same password.

    Parameters
    ----------
    name
        The user, as `pillarbox users list` shows them.
    """
    ask(place, SignOutUser(name), type(None))
    say(f"{name} is signed out everywhere")


def remove(name: str, /, *, place: Place = HERE) -> None:
    """Remove a user; they are signed out everywhere.

    Parameters
    ----------
    name
        The user, as `pillarbox users list` shows them.
    """
    ask(place, RemoveUser(name), type(None))
    say(f"{name} is removed and signed out")


def _row(user: User) -> tuple[str, ...]:
    last = f"{user.sessions}, last seen {moment(user.seen_at)}" if user.sessions else "-"
    return user.name, user.role, user.account or "every one", user.tenant or "-", moment(user.created_at), last


def _given(from_input: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if from_input else ""


def _tell(login: Login, from_input: bool, json: bool) -> None:
    if json:
        say_json({"name": login.name, "role": login.role, **({} if from_input else {"password": login.password})})
        return
    say(f"{login.name} ({login.role}) can sign in now")
    if not from_input:
        say(f"password: {login.password}   (not shown again)")
