"""Who may look at the pages, and whose mail they see.

Touches the store (users, sessions, access keys). Called for every request. In
dev mode the pages are open, because only this machine can connect, but only
under names of this machine: a web site that points its own name here (DNS
rebinding) is sent away. Otherwise a browser is signed in by a session, and a
program by an access key and its secret, which see their own account.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from starlette.requests import Request

from pillarbox.operate import users
from pillarbox.operate.desk import Desk
from pillarbox.resources import credentials
from pillarbox.resources.sessions import LONGEST, Person
from pillarbox.resources.users import Role

COOKIE = "pillarbox_session"
DOOR = "dashboard"
_MOST_SECONDS = LONGEST // 1000


class Viewer(NamedTuple):
    """Who looks; `account` is empty for one who may see every account.

    `key_id` is an access key for examples. A form must bring `csrf` along; it is empty for a program.
    `tenant` is set for a customer, who sees nothing but their own page.
    """

    account: str
    key_id: str
    name: str = ""
    role: Role = Role.ADMIN
    region: str = ""
    tenant: str = ""
    csrf: str = ""

    def may(self, role: str) -> bool:
        """Say whether they may do what needs a role."""
        return self.role.may(Role(role))


class Denied(Exception):
    """The request is not answered; says with which status, why, and with which headers."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class SignInFirst(Denied):
    """Nobody is signed in: a browser is led to the page where people sign in."""

    def __init__(self) -> None:
        asked = {"WWW-Authenticate": 'Basic realm="Pillarbox", charset="UTF-8"'}
        super().__init__(401, "Sign in with an access key id and its secret.", asked)


class Failures(Protocol):
    """Who failed to sign in lately, again and again."""

    def holds_off(self, door: str, peer: str, key_id: str) -> bool: ...
    def failed(self, door: str, peer: str, key_id: str, why: str) -> None: ...
    def succeeded(self, peer: str, key_id: str) -> None: ...


class Access(Protocol):
    """Says who a request comes from, or raises Denied."""

    async def viewer(self, request: Request) -> Viewer: ...


class OpenOnThisMachine:
    """Dev mode: everybody who asks by a name of this machine (or one of `hosts`) sees everything.

    A browser gets a random cookie, by which its own forms are known.
    """

    def __init__(self, desk: Desk, hosts: frozenset[str]) -> None:
        self._store = desk.store
        self._hosts = hosts | {"localhost", "127.0.0.1", "::1"}

    async def viewer(self, request: Request) -> Viewer:
        if host_name(request.headers.get("host", "")) not in self._hosts:
            raise Denied(421, "In dev mode these pages are shown under http://localhost only.")
        keys = await self._store.read(credentials.list_all)
        active = (key.key_id for key in keys if key.status == credentials.ACTIVE)
        token = request.cookies.get(COOKIE)
        if token is None:
            token = request.state.new_cookie = secrets.token_urlsafe(32)
        return Viewer("", next(active, "test"), "developer", csrf=csrf_of(token))


class SignedIn:
    """Outside dev mode: a session of a browser, or HTTP Basic with an access key and its secret."""

    def __init__(self, desk: Desk, failures: Failures) -> None:
        self._desk = desk
        self._failures = failures

    async def viewer(self, request: Request) -> Viewer:
        given = _read_basic(request.headers.get("authorization", ""))
        if given is not None:
            return _viewer(await self.person(request, *given), "")
        token = request.cookies.get(COOKIE, "")
        person = await users.signed_in(self._desk, token) if token else None
        if person is None:
            raise SignInFirst
        return _viewer(person, csrf_of(token))

    async def person(self, request: Request, name: str, secret: str) -> Person:
        """Return who a name and a secret belong to; whoever fails again and again is held off."""
        peer = request.client.host if request.client else ""
        if self._failures.holds_off(DOOR, peer, name):
            raise Denied(429, "Too many failures: wait a while before you try again.", {"Retry-After": "60"})
        found = await users.person_of(self._desk, name, secret)
        if found is None:
            self._failures.failed(DOOR, peer, name, "wrong")
            raise Denied(401, "That name and secret do not belong together.", SignInFirst().headers)
        self._failures.succeeded(peer, name)
        return found


def csrf_of(token: str) -> str:
    """Return what the forms of a browser bring along: it cannot be known without its cookie, nor lead to it."""
    return hmac.new(token.encode(), b"pillarbox form", hashlib.sha256).hexdigest()


def is_of_our_own(request: Request, endpoint_host: str) -> bool:
    """Say whether a request that changes something comes from our own pages, or from a program.

    Every browser says where a form was; a program says nothing.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] in (request.headers.get("host", ""), endpoint_host)


def cookie(token: str, *, is_secure: bool) -> str:
    """Return the header that lets a browser keep a token; without one, that lets it forget."""
    age = _MOST_SECONDS if token else 0
    return f"{COOKIE}={token}; Path=/ui; Max-Age={age}; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port: `[::1]:8025` names `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _viewer(person: Person, csrf: str) -> Viewer:
    key_id = person.key_id or "your access key"
    return Viewer(person.account, key_id, person.name, person.role, person.region, person.tenant, csrf)


def _read_basic(header: str) -> tuple[str, str] | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None
