"""The credentials of another SES: those of its settings, those sealed in the store, or what the AWS SDKs find.

Touches the store (through `stored`) and, where nothing is given there, whatever
the SDK looks at. One for each upstream; all who ask that upstream share it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import botocore.session
import msgspec
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.store import secrets
from pillarbox.store.plan import Plan


class NoCredentials(Exception):
    """There are none, or they cannot be read or renewed; the text says what to do."""


class Pair(msgspec.Struct, frozen=True):
    """An access key; `session_token` is empty unless the key is temporary."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"Pair({self.access_key_id})"  # never the secret


Stored = Callable[[], Awaitable[Pair | None]]


async def _nothing_stored() -> Pair | None:
    return None


class CredentialSource:
    """Lends the credentials of one upstream; NoCredentials when there are none."""

    def __init__(
        self, name: str, given: Pair | None = None, profile: str = "", stored: Stored = _nothing_stored
    ) -> None:
        self._name = name
        self._given = given
        self._profile = profile
        self._stored = stored
        self._finding = asyncio.Lock()
        self._found: Any = _of(given) if given else None
        self._is_from_sdk = False

    async def get(self) -> Any:
        """Return an access key as the SDK's signer takes it."""
        async with self._finding:
            if self._found is None:
                await self._find()
            if not self._is_from_sdk:
                return self._found.get_frozen_credentials()
            try:
                return await asyncio.to_thread(self._found.get_frozen_credentials)  # it may have to be renewed
            except BotoCoreError as error:
                raise NoCredentials(f"no credentials for upstream {self._name}: {error}") from error

    async def are_set(self) -> bool:
        """Say whether somebody has set credentials for this upstream, in the settings or in the store."""
        return bool(self._given or self._profile) or await self._stored() is not None

    def forget(self) -> None:
        """Find them anew the next time, unless the settings give them: those found have ended, or were replaced."""
        if self._given is None:
            self._found = None

    async def _find(self) -> None:
        try:
            pair = await self._stored()
            self._is_from_sdk = pair is None
            self._found = _of(pair) if pair else await asyncio.to_thread(_find, self._profile)
        except (BotoCoreError, Unavailable) as error:
            raise NoCredentials(f"no credentials for upstream {self._name}: {error}") from error
        if self._found is None:
            raise NoCredentials(
                f"no credentials for upstream {self._name}: give them to `pillarbox upstream credentials set"
                f" {self._name}`, in its table of the settings, or where the AWS SDKs look for them"
            )


def load(name: str, keyring: Keyring) -> Plan[Pair | None]:
    """Return what is sealed in the store for an upstream; Unavailable when this keyring cannot open it."""
    sealed = yield from secrets.get(_row(name))
    return msgspec.json.decode(keyring.open(sealed, _row(name)), type=Pair) if sealed else None


def keep(name: str, pair: Pair, keyring: Keyring, now: Millis) -> Plan[None]:
    """Seal the credentials of an upstream into the store, in place of others."""
    yield from secrets.put(_row(name), keyring.seal(msgspec.json.encode(pair), _row(name)), now)


def drop(name: str) -> Plan[bool]:
    """Take the credentials of an upstream out of the store, and say whether there were any."""
    return (yield from secrets.remove(_row(name)))


def _row(name: str) -> str:
    return f"upstream/{name}"


def _of(pair: Pair) -> Credentials:
    return Credentials(pair.access_key_id, pair.secret_access_key, pair.session_token or None)


def _find(profile: str) -> Any:
    return botocore.session.Session(profile=profile or None).get_credentials()
