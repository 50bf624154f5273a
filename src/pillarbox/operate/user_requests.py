"""The requests of operators that are about users of the pages.

Pure but for `answer`, which works on a `Desk`. Part of operate/requests.py.
"""

from typing import Any

import msgspec

from pillarbox.operate import users
from pillarbox.operate.desk import Desk


class CreateUser(msgspec.Struct, frozen=True, tag_field="request", tag="users.create"):
    """Without a password one is made. Answered by `users.Login`."""

    name: str
    role: str
    account: str = ""
    region: str = ""
    tenant: str = ""
    password: str = ""


class ListUsers(msgspec.Struct, frozen=True, tag_field="request", tag="users.list"):
    """Answered by a list of `users.User`."""


class SetUserPassword(msgspec.Struct, frozen=True, tag_field="request", tag="users.password"):
    """Without a password one is made. Answered by `users.Login`."""

    name: str
    password: str = ""


class RemoveUser(msgspec.Struct, frozen=True, tag_field="request", tag="users.remove"):
    """Answered by None."""

    name: str


class SignOutUser(msgspec.Struct, frozen=True, tag_field="request", tag="users.sign-out"):
    """Answered by None."""

    name: str


UserRequest = CreateUser | ListUsers | SetUserPassword | RemoveUser | SignOutUser


async def answer(desk: Desk, request: UserRequest) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    match request:
        case CreateUser(name, role, account, region, tenant, password):
            return await users.create(desk, name, role, account, region, tenant, password)
        case ListUsers():
            return await users.list_all(desk)
        case SetUserPassword(name, password):
            return await users.set_password(desk, name, password)
        case RemoveUser(name):
            return await users.remove(desk, name)
        case SignOutUser(name):
            return await users.sign_out_everywhere(desk, name)
