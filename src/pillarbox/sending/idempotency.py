"""The same call made again: it gets the answer that was lost, and nothing is sent twice.

Two reasons make a call the same. An SDK that heard no answer repeats its
invocation id for some minutes; a caller may give a message a key of their own,
which holds for a day and for one content. `remember` is the plan that decides
in the transaction of the promise; called by accept and the sender.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import DAY, MINUTE, Millis
from pillarbox.kit.digest import blake2b
from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.sending.draft import Draft, Templated
from pillarbox.store import retry_keys
from pillarbox.store.plan import Plan
from pillarbox.store.retry_keys import RetryKeyRow

_SDK_LIFE: Millis = 15 * MINUTE
_KEY_LIFE: Millis = DAY
_BYTES = 16

_write = msgspec.msgpack.Encoder().encode


class KeyReused(Invalid):
    """The caller's own key stands for another message already."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key <{key}> was used for another message in the last 24 hours.")


class Once(NamedTuple):
    """What a message is known by. `own_key` is the caller's, if that is what makes it the same."""

    key: bytes
    place: int
    content: bytes
    life: Millis
    own_key: str | None

    @property
    def at(self) -> tuple[bytes, int]:
        return self.key, self.place


def once_of(draft: Draft, own_key: str | None) -> Once | None:
    """Return what the message of a draft is known by; None when nothing makes it the same as another."""
    invocation = draft.invocation
    if own_key is None and (invocation is None or (invocation.ends_here and not invocation.is_again)):
        return None
    content = _digest(_told(draft))
    if own_key is not None:
        return Once(_digest((draft.scope, "key", own_key)), draft.place, content, _KEY_LIFE, own_key)
    assert invocation is not None
    # A call with another content is another call, whatever it says of itself.
    return Once(_digest((draft.scope, "call", invocation.key, content)), draft.place, content, _SDK_LIFE, None)


def earlier(asked: Sequence[Once], now: Millis) -> Plan[dict[tuple[bytes, int], RetryKeyRow]]:
    """Return what is remembered of these, and has not ended."""
    rows = yield from retry_keys.get([once.at for once in asked])
    return {(row.key, row.place): row for row in rows if row.expires_at > now}


def answer(once: Once, row: RetryKeyRow) -> str | Refusal:
    """Return the MessageId that the earlier call got, or why this is not the same one."""
    if row.content == once.content:
        return row.message_id
    return KeyReused(once.own_key or "")


def remember(asked: Sequence[tuple[Once, str]], now: Millis) -> Plan[Mapping[str, str | Refusal]]:
    """Remember messages (with their ids) in this transaction.

    Returns what is to be answered instead, by id, for those that are there already.
    """
    if not asked:
        return {}
    first: dict[tuple[bytes, int], RetryKeyRow] = {}
    for once, message_id in asked:
        first.setdefault(once.at, RetryKeyRow(*once.at, once.content, message_id, now + once.life))
    # In one order in every process, so that no two wait for each other.
    written = yield from retry_keys.add(sorted(first.values()), now)
    others = [once.at for once, message_id in asked if message_id not in written]
    if not others:
        return {}
    there = {(row.key, row.place): row for row in (yield from retry_keys.get(others))}
    return {message_id: answer(once, there[once.at]) for once, message_id in asked if message_id not in written}


def forget(asked: Sequence[Once]) -> Plan[None]:
    """Undo `remember` for messages that were not promised after all."""
    if asked:
        yield from retry_keys.remove([once.at for once in asked])


def _told(draft: Draft) -> object:
    """Return what the caller said. What a stored template holds is not theirs to repeat: it may change meanwhile."""
    content = draft.asked or draft.content
    if isinstance(content, Templated) and content.name:
        content = replace(content, subject="", text=None, html=None)
    addresses = (draft.sender, draft.to, draft.cc, draft.bcc, draft.reply_to, draft.return_path)
    ways = (draft.configuration_set, draft.tags, draft.list_management, draft.tenant, draft.tracked)
    return (type(content).__name__, content, addresses, *ways)


def _digest(told: object) -> bytes:
    return blake2b(_write(told), _BYTES)
