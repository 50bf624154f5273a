"""Browsers that are signed in to the pages.

Plans. A browser holds a random token, the store its hash: who reads the store
cannot sign in with it. A session ends after a time without use, after a longer
one in any case, and with its user or key. Called by operate/users.py.
https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html
"""

import hashlib
import secrets
from typing import NamedTuple

from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.resources import credential_scopes, credentials
from pillarbox.resources.users import Role
from pillarbox.store import credentials as keys
from pillarbox.store import users as rows
from pillarbox.store.plan import Plan
from pillarbox.store.users import SessionRow

UNUSED: Millis = 12 * 60 * MINUTE
LONGEST: Millis = 7 * 24 * 60 * MINUTE
# So often at most is it noted that a session is used.
_NOTED_EVERY: Millis = 5 * MINUTE


class Person(NamedTuple):
    """Who is signed in, what they may do and see; `key_id` is empty for a user with a password."""

    name: str
    role: Role
    account: str
    region: str = ""
    tenant: str = ""
    key_id: str = ""


def new_token() -> str:
    return secrets.token_urlsafe(32)


def begin(token: str, user_name: str, key_id: str, now: Millis) -> Plan[None]:
    """Sign a browser in, and forget those whose time is over."""
    yield from rows.end_old_sessions(now - LONGEST, now - UNUSED)
    yield from rows.add_session(SessionRow(_hash(token), user_name, key_id, now, now))


def person(token: str, now: Millis) -> Plan[tuple[Person | None, bool]]:
    """Return who a token stands for, if anybody, and whether it is time to note that it is used."""
    row = yield from rows.session(_hash(token))
    if row is None or now - row.created_at > LONGEST or now - row.seen_at > UNUSED:
        return None, False
    found = yield from (of_key(row.key_id) if row.key_id else _of_user(row.user_name))
    return found, found is not None and now - row.seen_at > _NOTED_EVERY


def used(token: str, now: Millis) -> Plan[None]:
    yield from rows.seen(_hash(token), now)


def end(token: str) -> Plan[None]:
    yield from rows.end_session(_hash(token))


def of_key(key_id: str) -> Plan[Person | None]:
    """Return what an active key may do on the pages: as much as in the API. Keys that only send see nothing."""
    row = yield from keys.get(key_id)
    if row is None or row.status != credentials.ACTIVE:
        return None
    roles = {credential_scopes.EVERYTHING: Role.MEMBER, credential_scopes.READ_ONLY: Role.READ_ONLY}
    role = roles.get(row.scope)
    return Person(row.user_name, role, row.account, key_id=key_id) if role else None


def _of_user(name: str) -> Plan[Person | None]:
    row = yield from rows.get(name)
    return Person(row.name, Role(row.role), row.account, row.region, row.tenant) if row else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
