"""Users of the pages, as the operator hands them out, and signing in.

Touches the store. Called through operate/requests.py, at the first start, and
by the dashboard.
"""

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import credentials, sessions, users
from pillarbox.resources.sessions import Person
from pillarbox.resources.users import Role
from pillarbox.store import users as rows
from pillarbox.store.plan import Plan
from pillarbox.store.users import UserRow

FIRST_USER = "admin"
# Each hash takes 64 MiB and a tenth of a second: guessers wait for each other and never fill the memory.
_HASHING = ThreadPoolExecutor(2, "passwords")


class User(msgspec.Struct, frozen=True):
    """A user as they are listed; an empty `account` sees every one.

    They are signed in in so many browsers as there are `sessions`, of which one was seen at `seen_at`.
    """

    name: str
    role: str
    account: str
    region: str
    tenant: str
    created_at: Millis
    sessions: int = 0
    seen_at: Millis = 0


class Login(msgspec.Struct, frozen=True):
    """A user with the password that was made for them; it is not shown again."""

    name: str
    password: str
    role: str


async def create(
    desk: Desk, name: str, role: str, account: str = "", region: str = "", tenant: str = "", password: str = ""
) -> Login:
    """Make a user, with a new password unless one is given; Invalid for what no user can be."""
    users.checked(name, role, account, region, tenant)
    password = password or users.new_password()
    row = UserRow(name, await _hashed(password), role, account, region, tenant, desk.clock.now())
    await audit.write(desk, "users.create", f"{name} {role}", Scope(account, region), users.create, row)
    return Login(name, password, role)


async def create_first(desk: Desk) -> Login | None:
    """Make the admin of a new store, or return None when there are users already."""
    if await desk.store.read(users.list_all):
        return None
    return await create(desk, FIRST_USER, Role.ADMIN)


async def list_all(desk: Desk) -> list[User]:
    """Return every user by name."""
    return await desk.store.read(_list)


async def set_password(desk: Desk, name: str, password: str = "") -> Login:
    """Give a user another password (a new one unless it is given) and sign them out everywhere."""
    row = await desk.store.read(users.get, name)
    if row is None:
        raise users.UserMissing(f"there is no user {name}")
    password = password or users.new_password()
    scope = Scope(row.account, row.region)
    await audit.write(desk, "users.password", name, scope, users.set_password, name, await _hashed(password))
    return Login(name, password, row.role)


async def sign_out_everywhere(desk: Desk, name: str) -> None:
    """End every session of a user; NotFound when there is none of that name."""
    await audit.write(desk, "users.sign-out", name, Scope("", ""), users.sign_out, name)


async def remove(desk: Desk, name: str) -> None:
    """Remove a user and sign them out everywhere; NotFound when there is none of that name."""
    await audit.write(desk, "users.remove", name, Scope("", ""), users.remove, name)


async def person_of(desk: Desk, name: str, secret: str) -> Person | None:
    """Return who signs in by a user name and a password, or by an access key and its secret; None if nobody does."""
    key = await desk.store.read(sessions.of_key, name)
    if key is not None:
        kept = await desk.store.read(credentials.load_secret, name, desk.keyring)
        return key if kept is not None and hmac.compare_digest(secret.encode(), kept.encode()) else None
    row = await desk.store.read(users.get, name)
    loop, kept = asyncio.get_running_loop(), row.password if row else None
    right = await loop.run_in_executor(_HASHING, users.is_password, secret, kept)
    return Person(row.name, Role(row.role), row.account, row.region, row.tenant) if row and right else None


async def sign_in(desk: Desk, person: Person) -> str:
    """Begin a session and return its token, which only the browser holds."""
    token = sessions.new_token()
    user_name = "" if person.key_id else person.name
    await desk.store.write(sessions.begin, token, user_name, person.key_id, desk.clock.now())
    return token


async def signed_in(desk: Desk, token: str) -> Person | None:
    """Return who a browser is signed in as, or None when its session has ended."""
    person, to_note = await desk.store.read(sessions.person, token, desk.clock.now())
    if to_note:
        await desk.store.write(sessions.used, token, desk.clock.now())
    return person


async def sign_out(desk: Desk, token: str) -> None:
    await desk.store.write(sessions.end, token)


def _list() -> Plan[list[User]]:
    signed_in = yield from rows.sessions_by_user()
    return [
        User(row.name, row.role, row.account, row.region, row.tenant, row.created_at, *signed_in.get(row.name, (0, 0)))
        for row in (yield from users.list_all())
    ]


async def _hashed(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_HASHING, users.hashed, password)
