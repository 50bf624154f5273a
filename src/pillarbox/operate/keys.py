"""Access keys, as the operator hands them out.

Touches the store. Called through operate/requests.py and at the first start.
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import credentials

FIRST_ACCOUNT = "123456789012"
FIRST_USER = "admin"


class KeyPair(msgspec.Struct, frozen=True):
    """A new access key; its secret is not shown again."""

    key_id: str
    secret: str
    account: str
    user_name: str


class Key(msgspec.Struct, frozen=True):
    """An access key as it is listed."""

    key_id: str
    account: str
    user_name: str
    status: str
    created_at: Millis
    scope: str = ""


async def create(desk: Desk, account: str, user_name: str, scope: str = "") -> KeyPair:
    """Make a key pair that is good for a scope; Invalid when account, name or scope cannot be one."""
    subject = f"{user_name} {scope}".strip()
    made = await audit.write(
        desk, "keys.create", subject, Scope(account, ""), credentials.create,
        account, user_name, desk.keyring, desk.clock.now(), scope,
    )  # fmt: skip
    return KeyPair(made.key_id, made.secret, account, user_name)


async def create_first(desk: Desk) -> KeyPair | None:
    """Make the key pair of a new store, or return None when there are keys already."""
    if await desk.store.read(credentials.list_all):
        return None
    return await create(desk, FIRST_ACCOUNT, FIRST_USER)


async def list_all(desk: Desk) -> list[Key]:
    """Return every key, revoked ones too, the oldest first."""
    return [Key(*key) for key in await desk.store.read(credentials.list_all)]


async def revoke(desk: Desk, key_id: str) -> None:
    """End a key for good; NotFound when there is none of that id."""
    account = await desk.store.read(credentials.account_of, key_id)
    await audit.write(desk, "keys.revoke", key_id, Scope(account, ""), credentials.revoke, key_id)
