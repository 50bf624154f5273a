"""When the keys of Easy DKIM are turned over.

Pure. A new key is published first and signs only once the DNS has shown it for
a while; the old one stays published until no mail that it signed is under way.
Called by upkeep/identity_checks.py and upkeep/service_keys.py.
https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pillarbox.kit.clock import DAY, Millis
from pillarbox.resources.dkim_keys import ACTIVE, ED25519, NEXT, RETIRED, RSA, StoredKey
from pillarbox.resources.identities import EASY, Dkim
from pillarbox.resources.identity_dkim import BITS
from pillarbox.resources.verification import Seen

TURNED_OVER_AFTER: Millis = 180 * DAY
# Resolvers may remember for a day that there was no such record.
SEEN_FOR: Millis = 2 * DAY
# Mail that cannot be delivered at once is tried for some days.
KEPT_FOR: Millis = 7 * DAY


def wants_next(dkim: Dkim, keys: Sequence[StoredKey], now: Millis) -> bool:
    """Say whether a next key is to be made: the active one is old, or of another length than was asked for."""
    rotating = _rotating(keys)
    active = [key for key in rotating if key.state == ACTIVE]
    if dkim.origin != EASY or len(active) != len(rotating) or not active:
        return False
    return now - active[0].made_at >= TURNED_OVER_AFTER or active[0].bits != BITS[dkim.next_length]


def is_old(keys: Sequence[StoredKey], now: Millis) -> bool:
    """Say whether the key that signs is old, and none is there to follow it."""
    active = [key for key in _rotating(keys) if key.state == ACTIVE]
    following = any(key.state == NEXT for key in keys)
    return bool(active) and not following and now - active[0].made_at >= TURNED_OVER_AFTER


def due_at(keys: Sequence[StoredKey]) -> Millis | None:
    """Return when something may become of one of the keys: at once, while one is waited for in the DNS."""
    if any(key.state == NEXT for key in keys):
        return 0
    ends = [key.made_at + TURNED_OVER_AFTER for key in keys if key.state == ACTIVE]
    ends += [key.retired_at + KEPT_FOR for key in keys if key.state == RETIRED and key.retired_at is not None]
    return min(ends, default=None)


def next_selector(dkim: Dkim, keys: Sequence[StoredKey]) -> str:
    """Return the token after the active key's, which no key has while one may be made."""
    active = next(key.selector for key in _rotating(keys) if key.state == ACTIVE)
    return dkim.tokens[(dkim.tokens.index(active) + 1) % len(dkim.tokens)]


def turned(keys: Sequence[StoredKey], seen: Mapping[str, Seen], now: Millis) -> list[StoredKey]:
    """Return the keys as they are after a look at the DNS; those that are missing may go.

    `seen` says by selector what was seen of the records that were looked for.
    """
    kept = [_as_shown(key, seen.get(key.selector)) for key in keys if not _is_spent(key, now)]
    following = next((key for key in _rotating(kept) if key.state == NEXT), None)
    if following is None:
        return kept
    seen_at = now if following.seen_at is None else following.seen_at
    if seen.get(following.selector) is not Seen.FOUND:
        return [replace(key, seen_at=None) if key is following else key for key in kept]
    if now - seen_at < SEEN_FOR:
        return [replace(key, seen_at=seen_at) if key is following else key for key in kept]
    states = {ACTIVE: RETIRED, NEXT: ACTIVE}
    return [_in_state(key, states.get(key.state, key.state), now) if key in _rotating(kept) else key for key in kept]


def _as_shown(key: StoredKey, seen: Seen | None) -> StoredKey:
    """An Ed25519 key signs beside the others, for as long as the DNS shows it."""
    if key.algorithm != ED25519 or seen in (None, Seen.UNANSWERED):
        return key
    return replace(key, state=ACTIVE if seen is Seen.FOUND else NEXT)


def _in_state(key: StoredKey, state: str, now: Millis) -> StoredKey:
    return replace(key, state=state, seen_at=None, retired_at=now if state == RETIRED else key.retired_at)


def _is_spent(key: StoredKey, now: Millis) -> bool:
    return key.state == RETIRED and key.retired_at is not None and now - key.retired_at >= KEPT_FOR


def _rotating(keys: Sequence[StoredKey]) -> list[StoredKey]:
    return [key for key in keys if key.algorithm == RSA]
