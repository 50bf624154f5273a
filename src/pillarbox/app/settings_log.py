"""Tells in the audit log with which other settings than the last time a server was started.

Plans, and a pure reading of the settings in which secrets are masked: that one
is there is told, and not what it is. Called by app/server.py.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.settings import Settings
from pillarbox.store import audit, nouns
from pillarbox.store.audit import AuditRow
from pillarbox.store.plan import Plan

_SCOPE, _KIND, _NAME = Scope(SERVICE_ACCOUNT, ""), "settings", "last-start"
_SECRETS = frozenset({"password", "secret_access_key", "session_token", "metrics_token"})
_PASSWORD_IN_URL = re.compile(r"(://[^:/@]*):.*@")
_MASK = "****"
_NOT_SET = "(not set)"
_LONGEST = 4096

_read = msgspec.json.Decoder(dict[str, str]).decode


def told(settings: Settings) -> dict[str, str]:
    """Return each setting by its full name, as text, with secrets masked."""
    return dict(_flat("", msgspec.to_builtins(settings)))


def note(now_set: dict[str, str], now: Millis) -> Plan[None]:
    """Keep the settings of this start; those that are others than at the last one, if there was one, are an entry."""
    document = msgspec.json.encode(now_set).decode()
    last = yield from nouns.get(_SCOPE, _KIND, _NAME)
    if last is None:
        yield from nouns.create(_SCOPE, _KIND, _NAME, document, now)
        return
    before = _read(last.document)
    names = sorted(name for name in {*before, *now_set} if before.get(name) != now_set.get(name))
    if names:
        changed = ", ".join(f"{name}: {before.get(name, _NOT_SET)} -> {now_set.get(name, _NOT_SET)}" for name in names)
        yield from nouns.change(_SCOPE, _KIND, _NAME, lambda _: document, now)
        yield from audit.add(
            AuditRow(now, *_SCOPE, "operator", "settings at start", "settings.change", changed[:_LONGEST])
        )


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what is set: of tables under names like `mx.port`, of tables in a list under theirs or their place."""
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _flat(f"{name}.{inner}" if name else inner, part)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for place, part in enumerate(value, 1):
            yield from _flat(f"{name}.{part.get('name', place)}", part)
    elif value in (None, [], ()):
        return
    elif name.rpartition(".")[2] in _SECRETS:
        yield name, _MASK if value else ""
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield name, _PASSWORD_IN_URL.sub(rf"\1:{_MASK}@", text)
