"""Who logs in by SMTP: from a user name and a password to an account in a region.

Touches the store (credentials, remembered until they change). The user name is
an access key, the password is derived from its secret. Called by smtp.py.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from pillarbox.edge.authenticate import Caller, developer, known_key
from pillarbox.edge.smtp_password import region_of
from pillarbox.kit.clock import Clock
from pillarbox.kit.secrets import Keyring
from pillarbox.store.engine import Store
from pillarbox.store.remember import Remembering

_DEVELOPMENT_REGION = "us-east-1"
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
_KEY_ID = re.compile(r"\w{1,128}", re.ASCII)


class HeldOff(Exception):
    """Too many logins failed from there: this one is not looked at."""


class Logins(Protocol):
    """Says who a user name and a password are, or None; Unavailable when it cannot tell now."""

    async def caller(self, user: str, password: str, peer: str = "", /) -> Caller | None: ...

    async def stands(self, caller: Caller, /) -> bool:
        """Say whether the key of one who logged in before is still good."""
        ...


class DerivedPasswords:
    """Production: a known, active key, and the password that its secret gives in one of `regions`."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock, regions: Sequence[str]) -> None:
        self._keyring = keyring
        self._regions = tuple(regions)
        self._remembered = Remembering(store, clock, "credentials")

    async def caller(self, user: str, password: str, _peer: str = "", /) -> Caller | None:
        known = await self._remembered.read(known_key, user, self._keyring) if _KEY_ID.fullmatch(user) else None
        # A stranger's password is tried too, so that the time of the answer does not tell which keys exist.
        region = region_of(password, known.secret if known else "", self._regions)
        return known.caller(user, region) if known and region else None

    async def stands(self, caller: Caller, /) -> bool:
        return await self._remembered.read(known_key, caller.key_id, self._keyring) is not None


class AnyPassword:
    """Dev mode: any password will do; one that is the name of a region means that region."""

    def __init__(self, regions: Sequence[str]) -> None:
        self._regions = frozenset(regions)

    async def caller(self, user: str, password: str, _peer: str = "", /) -> Caller | None:
        return developer(user, password if password in self._regions else _DEVELOPMENT_REGION)

    async def stands(self, _caller: Caller, /) -> bool:
        return True
