"""Who is calling: from a signature to an account.

Touches the store (credentials, remembered until they change). Called by the
gateway, twice for each request: once with the head alone, so that no body is
read for a stranger, and once when the body is there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from typing import Protocol as Interface

from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.digest import sha256
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Policy
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credential_scopes
from pillarbox.store import credentials
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.remember import Remembering
from pillarbox.wire import sigv3, sigv4
from pillarbox.wire.faults import Protocol, auth_fault
from pillarbox.wire.request import Request

_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DEVELOPMENT_ACCOUNT = "123456789012"
_BAD_REGION = "Credential should be scoped to a valid region."
# What clients of the old signature meant: it names neither region nor service, and only SES took it.
_SIGV3_REGION, _SIGV3_SERVICE = "us-east-1", "ses"


@dataclass(slots=True, frozen=True)
class Caller:
    """An account's user who asks for something in a region.

    `grants` is what their key is good for; None means everything.
    """

    scope: Scope
    user_name: str
    key_id: str = ""
    grants: Policy | None = None


@dataclass(slots=True, frozen=True)
class Window:
    """How far a signature's date may be from now, whether the old AWS3-HTTPS form is taken, and for which regions.

    No regions: for every one that has the form of a name.
    """

    seconds: int
    sigv3: bool
    regions: frozenset[str] = frozenset()


class Signature(NamedTuple):
    """A signature whose form and date are in order; `prove` raises unless the secret made it."""

    key_id: str
    region: str
    service: str
    prove: Callable[[Request, str], None]


@dataclass(slots=True, frozen=True)
class Presented:
    """A signature of a known key; only whether it fits the request is still to be seen."""

    signature: Signature
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


class Known(NamedTuple):
    """An active key."""

    account: str
    user_name: str
    secret: str
    key_scope: str

    def caller(self, key_id: str, region: str) -> Caller:
        """Return who signs with this key for a region."""
        granted = credential_scopes.grants(self.key_scope, self.account)
        return Caller(Scope(self.account, region), self.user_name, key_id, granted)


class SignedOnly:
    """Production: a known, active key, and a signature that its secret makes."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock, window: Window) -> None:
        self._keyring = keyring
        self._window = window
        self._remembered = Remembering(store, clock, "credentials")

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        signature = read_signature(request, protocol, now, self._window)
        if signature is None:
            return None
        known = await self._remembered.read(known_key, signature.key_id, self._keyring)
        if known is None:
            raise auth_fault("unknown_key", protocol)
        return Presented(signature, known.caller(signature.key_id, signature.region), known.secret)

    def prove(self, presented: Presented, request: Request) -> None:
        presented.signature.prove(request, presented.secret)


class AnySecret:
    """Dev mode: the form of the signature is checked, any secret will do.

    A key of twelve digits names that account, any other the usual one of the examples.
    """

    def __init__(self, window: Window) -> None:
        self._window = window

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        signature = read_signature(request, protocol, now, self._window)
        if signature is None:
            return None
        return Presented(signature, developer(signature.key_id, signature.region), "")

    def prove(self, _presented: Presented, _request: Request) -> None:
        return None


def read_signature(request: Request, protocol: Protocol, now: Millis, window: Window) -> Signature | None:
    """Read and date-check the signature in a request's head, of whichever form."""
    claim = sigv4.read_claim(request.target, request.headers)
    if claim is not None:
        if not _REGION.fullmatch(claim.region):
            raise auth_fault("mismatch", protocol, _BAD_REGION)
        if window.regions and claim.region not in window.regions:
            known = ", ".join(sorted(window.regions))
            raise auth_fault("mismatch", protocol, f"{_BAD_REGION} {claim.region} is none of this server's: {known}.")
        sigv4.check_time(claim, now, window.seconds)
        found = claim
        return Signature(
            claim.key_id,
            claim.region,
            claim.service,
            lambda whole, secret: sigv4.check_signature(found, whole, secret, sha256(whole.body).hex()),
        )
    legacy = sigv3.read_claim(request.headers) if window.sigv3 else None
    if legacy is None:
        return None
    sigv3.check_time(legacy, now, window.seconds)
    dated = legacy
    return Signature(
        legacy.key_id, _SIGV3_REGION, _SIGV3_SERVICE, lambda _, secret: sigv3.check_signature(dated, secret)
    )


def developer(key_id: str, region: str) -> Caller:
    """Return who a key means in dev mode."""
    named = len(key_id) == 12 and key_id.isascii() and key_id.isdigit()
    return Caller(Scope(key_id if named else _DEVELOPMENT_ACCOUNT, region), "developer", key_id)


def known_key(key_id: str, keyring: Keyring) -> Plan[Known | None]:
    """Return what an active key stands for; Unavailable when the keyring cannot open its secret."""
    row = yield from credentials.get(key_id)
    if row is None or row.status != "active":
        return None
    return Known(row.account, row.user_name, keyring.open(row.secret, key_id).decode(), row.scope)
