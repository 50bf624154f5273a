"""The server's own secrets, sealed before they come here.

Plans only. Called by pubsub/signing.py and whoever else keeps a key or credentials.
"""

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, first


def get(name: str) -> Plan[bytes | None]:
    found = first((yield Rows("SELECT secret FROM sealed_secrets WHERE name = ?", (name,))))
    return bytes(found[0]) if found else None


def put_if_absent(name: str, secret: bytes, now: Millis) -> Plan[bytes]:
    """Keep a secret unless there is one of that name; return the one that is kept."""
    yield Rows(
        "INSERT INTO sealed_secrets (name, secret, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (name, secret, now),
    )
    kept = yield Rows("SELECT secret FROM sealed_secrets WHERE name = ?", (name,))
    return bytes(kept[0][0])


def put(name: str, secret: bytes, now: Millis) -> Plan[None]:
    """Keep a secret, in place of one that had its name."""
    yield Rows(
        "INSERT INTO sealed_secrets (name, secret, created_at) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at",
        (name, secret, now),
    )


def remove(name: str) -> Plan[bool]:
    """Forget a secret and say whether there was one."""
    return bool((yield Rows("DELETE FROM sealed_secrets WHERE name = ? RETURNING name", (name,))))
