"""Access keys: made, listed and revoked by the operator.

Plans. Secrets are kept sealed, each for the row of its key. Called by the
command line; edge/authenticate.py reads what is written here.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
"""

import base64
import os
import re
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credential_scopes
from pillarbox.store import credentials as rows
from pillarbox.store.credentials import CredentialRow
from pillarbox.store.plan import Plan

ACTIVE, REVOKED = "active", "revoked"
_ACCOUNT = re.compile(r"[0-9]{12}")
_USER_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")


class CredentialMissing(NotFound):
    """There is no key of that id."""


class NewCredential(NamedTuple):
    """The only time that the secret is seen."""

    key_id: str
    secret: str


class Credential(NamedTuple):
    key_id: str
    account: str
    user_name: str
    status: str
    created_at: Millis
    scope: str


def create(account: str, user_name: str, keyring: Keyring, now: Millis, scope: str = "") -> Plan[NewCredential]:
    """Make an access key pair for a user of an account, good for a scope of credential_scopes.py."""
    if not _ACCOUNT.fullmatch(account):
        raise Invalid(f"an account is 12 digits, not {account!r}")
    if not _USER_NAME.fullmatch(user_name):
        raise Invalid(f"a user name is 1 to 64 letters, digits or any of +=,.@_- and not {user_name!r}")
    # The forms of AWS: SDKs and secret scanners go by them.
    key_id = "AKIA" + base64.b32encode(os.urandom(10)).decode()
    secret = base64.b64encode(os.urandom(30)).decode()
    sealed = keyring.seal(secret.encode(), key_id)
    good_for = credential_scopes.checked(scope)
    yield from rows.add(CredentialRow(key_id, account, user_name, sealed, ACTIVE, now, good_for))
    return NewCredential(key_id, secret)


def revoke(key_id: str) -> Plan[None]:
    """End a key for good; it stays in the list."""
    if not (yield from rows.set_status(key_id, REVOKED)):
        raise CredentialMissing(f"there is no access key {key_id}")


def account_of(key_id: str) -> Plan[str]:
    """Return whose key it is, or raise CredentialMissing."""
    row = yield from rows.get(key_id)
    if row is None:
        raise CredentialMissing(f"there is no access key {key_id}")
    return row.account


def list_all() -> Plan[list[Credential]]:
    """Return all keys, the oldest first."""
    found = yield from rows.list_all()
    return [Credential(row.key_id, row.account, row.user_name, row.status, row.created_at, row.scope) for row in found]


def load_secret(key_id: str, keyring: Keyring) -> Plan[str | None]:
    """Return what an active key signs with, or None; Unavailable when the keyring cannot open it."""
    row = yield from rows.get(key_id)
    if row is None or row.status != ACTIVE:
        return None
    return keyring.open(row.secret, key_id).decode()
