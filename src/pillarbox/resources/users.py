"""Users of the pages: made, listed and removed, and what each role may do.

Plans, but for `hashed` and `is_password`, which take a tenth of a second of
computing on purpose: call them off the loop. Called by operate/users.py and by
resources/sessions.py.
https://www.rfc-editor.org/rfc/rfc9106
"""

import functools
import re
import secrets
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pillarbox.kit.errors import Duplicate, Invalid, NotFound
from pillarbox.resources.tenant_names import checked as checked_tenant
from pillarbox.store import users as rows
from pillarbox.store.plan import Plan
from pillarbox.store.users import UserRow

# https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_hasher = PasswordHasher()


class Role(StrEnum):
    """What somebody may do, from most to least; a customer sees their own tenant's page and nothing else."""

    ADMIN = "admin"
    MEMBER = "member"
    READ_ONLY = "read-only"
    CUSTOMER = "customer"

    def may(self, needed: "Role") -> bool:
        """Say whether this role is as much as another or more."""
        order = list(Role)
        return order.index(self) <= order.index(needed)


class UserExists(Duplicate):
    """There is a user of that name already."""


class UserMissing(NotFound):
    """There is no user of that name."""


def new_password() -> str:
    return secrets.token_urlsafe(15)


def hashed(password: str) -> str:
    """Return what is kept of a password, or raise Invalid for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return _hasher.hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Say whether a password is the one that `kept` was made of; without `kept` it takes as long and never is."""
    try:
        return _hasher.verify(kept or _nobodys(), password[: LONGEST_PASSWORD + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    """Return what the password of a name that there is none of is compared with, so that the time tells nothing."""
    return _hasher.hash(secrets.token_urlsafe())


def checked(name: str, role: str, account: str, region: str, tenant: str) -> Role:
    """Return the role, or raise Invalid for what no user can be."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"a user name is 1 to 64 letters, digits or any of +=,.@_- and not {name!r}")
    if role not in list(Role):
        raise Invalid(f"a role is one of {', '.join(Role)}, and not {role!r}")
    if account and not _ACCOUNT.fullmatch(account):
        raise Invalid(f"an account is 12 digits, not {account!r}")
    if region and not _REGION.fullmatch(region):
        raise Invalid(f"{region!r} is not the name of a region")
    if role != Role.CUSTOMER and (tenant or region):
        raise Invalid("a tenant and its region are for the role customer")
    if role == Role.CUSTOMER and not (account and region and checked_tenant(tenant)):
        raise Invalid("a customer needs an account, a region and a tenant")
    return Role(role)


def create(user: UserRow) -> Plan[None]:
    checked(user.name, user.role, user.account, user.region, user.tenant)
    if not (yield from rows.add(user)):
        raise UserExists(f"there is a user {user.name} already")


def list_all() -> Plan[list[UserRow]]:
    return (yield from rows.list_all())


def get(name: str) -> Plan[UserRow | None]:
    return (yield from rows.get(name))


def set_password(name: str, kept: str) -> Plan[None]:
    """Replace a password by its hash; whoever is signed in by the old one no longer is."""
    if not (yield from rows.set_password(name, kept)):
        raise UserMissing(f"there is no user {name}")
    yield from rows.end_sessions_of(name)


def sign_out(name: str) -> Plan[None]:
    """End what a user has signed in to, everywhere; the password stays."""
    if (yield from rows.get(name)) is None:
        raise UserMissing(f"there is no user {name}")
    yield from rows.end_sessions_of(name)


def remove(name: str) -> Plan[None]:
    """Remove a user, who is signed out everywhere at once."""
    if not (yield from rows.remove(name)):
        raise UserMissing(f"there is no user {name}")
    yield from rows.end_sessions_of(name)
