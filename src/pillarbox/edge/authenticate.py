"""Who is calling: from a signature to an account.

Touches the store (credentials, remembered until they change). Called by the
gateway, twice for each request: once with the head alone, so that no body is
read for a stranger, and once when the body is there.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol as Interface

from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.store import credentials
from pillarbox.store.engine import Store
from pillarbox.wire.faults import Protocol, auth_fault
from pillarbox.wire.request import Request
from pillarbox.wire.sigv4 import Claim, check_signature, check_time, read_claim

_KEEP_MS: Millis = 1_000
_MOST_KEPT = 10_000
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DEVELOPMENT_ACCOUNT = "123456789012"


@dataclass(slots=True, frozen=True)
class Caller:
    """An account's user who asks for something in a region."""

    scope: Scope
    user_name: str


@dataclass(slots=True, frozen=True)
class Presented:
    """A claim whose scope, date and key are in order; only its signature is still to be checked."""

    claim: Claim
    caller: Caller
    secret: str


class Authenticator(Interface):
    """Says who signed a request, or raises the fault that AWS gives."""

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        """Judge the head; None when the request carries no credentials at all."""
        ...

    def prove(self, presented: Presented, request: Request) -> None:
        """Judge the signature over the whole request."""
        ...


class SignedOnly:
    """Production: a known, active key, and a signature that its secret makes."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock, window_seconds: int) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._window_seconds = window_seconds
        self._kept: dict[str, tuple[tuple[str, str, str] | None, Millis]] = {}
        self._generation = 0
        store.listen("credentials", self._forget)

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        claim = _claim(request, protocol, now, self._window_seconds)
        if claim is None:
            return None
        known = await self._credential(claim.key_id)
        if known is None:
            raise auth_fault("unknown_key", protocol)
        account, user_name, secret = known
        return Presented(claim, Caller(Scope(account, claim.region), user_name), secret)

    def prove(self, presented: Presented, request: Request) -> None:
        check_signature(presented.claim, request, presented.secret, hashlib.sha256(request.body).hexdigest())

    async def _credential(self, key_id: str) -> tuple[str, str, str] | None:
        now = self._clock.now()
        kept = self._kept.get(key_id)
        if kept is not None and now - kept[1] < _KEEP_MS:
            return kept[0]
        generation = self._generation
        row = await self._store.read(credentials.get, key_id)
        known = None
        if row is not None and row.status == "active":
            known = (row.account, row.user_name, self._keyring.open(row.secret, key_id).decode())
        if generation == self._generation:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key_id] = (known, now)
        return known

    def _forget(self) -> None:
        self._generation += 1
        self._kept.clear()


class AnySecret:
    """Dev mode: the form of the signature is checked, any secret will do.

    A key of twelve digits names that account, any other the usual one of the examples.
    """

    def __init__(self, window_seconds: int) -> None:
        self._window_seconds = window_seconds

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        claim = _claim(request, protocol, now, self._window_seconds)
        if claim is None:
            return None
        named = len(claim.key_id) == 12 and claim.key_id.isascii() and claim.key_id.isdigit()
        account = claim.key_id if named else _DEVELOPMENT_ACCOUNT
        return Presented(claim, Caller(Scope(account, claim.region), "developer"), "")

    def prove(self, _presented: Presented, _request: Request) -> None:
        return None


def _claim(request: Request, protocol: Protocol, now: Millis, window_seconds: int) -> Claim | None:
    claim = read_claim(request.target, request.headers)
    if claim is None:
        return None
    if not _REGION.fullmatch(claim.region):
        raise auth_fault("mismatch", protocol, "Credential should be scoped to a valid region.")
    check_time(claim, now, window_seconds)
    return claim
