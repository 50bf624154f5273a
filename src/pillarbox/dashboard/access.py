"""Who may look at the pages, and whose mail they see.

Touches the store (access keys). Called for every request. In dev mode the
pages are open, because only this machine can connect, but only under names of
this machine: a web site that points its own name here (DNS rebinding) is sent
away. Otherwise an access key signs in, and sees its own account.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from starlette.requests import Request

from pillarbox.kit.clock import MINUTE, Clock, Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credentials
from pillarbox.store.credentials import CredentialRow, get
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_MOST_FAILURES = 10
_MOST_CLIENTS = 10_000


class Viewer(NamedTuple):
    """Who looks; `account` is empty for one who may see every account."""

    account: str
    key_id: str


class Denied(Exception):
    """The request is not answered; says with which status, why, and with which headers."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class Access(Protocol):
    """Says who a request comes from, or raises Denied."""

    async def viewer(self, request: Request) -> Viewer: ...


class OpenOnThisMachine:
    """Dev mode: everybody who asks by a name of this machine (or one of `hosts`) sees everything."""

    def __init__(self, store: Store, hosts: frozenset[str]) -> None:
        self._store = store
        self._hosts = hosts | {"localhost", "127.0.0.1", "::1"}

    async def viewer(self, request: Request) -> Viewer:
        if host_name(request.headers.get("host", "")) not in self._hosts:
            raise Denied(421, "In dev mode these pages are shown under http://localhost only.")
        keys = await self._store.read(credentials.list_all)
        active = (key.key_id for key in keys if key.status == credentials.ACTIVE)
        return Viewer("", next(active, "test"))


class ByAccessKey:
    """HTTP Basic with an access key and its secret. Ten failures a minute from one client are enough."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._failures: dict[str, tuple[int, Millis]] = {}

    async def viewer(self, request: Request) -> Viewer:
        client = request.client.host if request.client else ""
        now = self._clock.now()
        failures, since = self._failures.get(client, (0, now))
        if now - since > MINUTE:
            failures, since = 0, now
        if failures >= _MOST_FAILURES:
            raise Denied(429, "Too many failures; wait a minute.", {"Retry-After": "60"})
        given = _read_basic(request.headers.get("authorization", ""))
        if given is None:
            raise _ask_for_key("Sign in with an access key id and its secret.")
        row, secret = await self._store.read(_key, given[0], self._keyring)
        # An unknown key is compared too, so that the time tells nothing.
        matches = hmac.compare_digest(given[1].encode(), (secret or "").encode())
        if row is None or secret is None or not matches:
            if len(self._failures) >= _MOST_CLIENTS:
                self._failures.clear()
            self._failures[client] = (failures + 1, since)
            raise _ask_for_key("That access key id and secret do not belong together.")
        return Viewer(row.account, row.key_id)


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port: `[::1]:8025` names `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _key(key_id: str, keyring: Keyring) -> Plan[tuple[CredentialRow | None, str | None]]:
    row = yield from get(key_id)
    return row, (yield from credentials.load_secret(key_id, keyring))


def _read_basic(header: str) -> tuple[str, str] | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if colon else None


def _ask_for_key(reason: str) -> Denied:
    return Denied(401, reason, {"WWW-Authenticate": 'Basic realm="Pillarbox", charset="UTF-8"'})
