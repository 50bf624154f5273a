"""MTA-STS: what a domain says about the certificates and names of its mail servers.

The readers are pure; `Policies` asks the domain name system, fetches policies
over HTTPS and keeps them in the store for as long as they ask for. Called by
mx.py.
https://www.rfc-editor.org/rfc/rfc8461
"""

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

import msgspec

from pillarbox.kit import log
from pillarbox.kit.clock import MINUTE, SECOND, Clock, Millis
from pillarbox.kit.dns import LookupFailed, Names, NotThere
from pillarbox.kit.net import AddressRefused, Outside, Unreachable
from pillarbox.store import mta_sts
from pillarbox.store.engine import Store
from pillarbox.store.mta_sts import PolicyRow

_VERSION = "STSv1"
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_MODES = ("enforce", "testing", "none")
# https://www.rfc-editor.org/rfc/rfc8461#section-3.2
_LONGEST_MAX_AGE_SECONDS = 31_557_600
# https://www.rfc-editor.org/rfc/rfc8461#section-3.3
_FETCH_SECONDS = 60.0
_AFTER_FAILURE: Millis = 5 * MINUTE
_REMEMBERED: Millis = MINUTE
_MOST_REMEMBERED = 10_000


class BadPolicy(Exception):
    """What was fetched is no policy; the text says why."""


class Policy(msgspec.Struct, frozen=True):
    """What a domain asks of those who send to it. `mx` are names, or `*.` and the rest of one."""

    mode: str
    mx: tuple[str, ...]
    max_age_seconds: int


class _Kept(NamedTuple):
    policy_id: str
    expires_at: Millis
    policy: Policy


def read_record(texts: Sequence[str]) -> str | None:
    """Return the id in a domain's `_mta-sts` TXT records; None when there is not exactly one that can be read.

    https://www.rfc-editor.org/rfc/rfc8461#section-3.1
    """
    records = [text for text in texts if re.match(rf"v={_VERSION}\s*(;|$)", text)]
    if len(records) != 1:
        return None
    fields = dict(part.strip().partition("=")[::2] for part in records[0].split(";"))
    found = fields.get("id", "").strip()
    return found if _ID.fullmatch(found) else None


def read_policy(body: bytes) -> Policy:
    """Read a policy file; BadPolicy when it is none. Of a field that is given twice the first counts.

    https://www.rfc-editor.org/rfc/rfc8461#section-3.2
    """
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in body.decode("utf-8", "replace").split("\n"):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "mx" and value:
            mx.append(value.lower().rstrip("."))
        elif colon:
            fields.setdefault(name, value)
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if fields.get("version") != _VERSION:
        raise BadPolicy(f"its version is not {_VERSION}")
    if mode not in _MODES:
        raise BadPolicy(f"its mode is none of {', '.join(_MODES)}")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise BadPolicy("it has no max_age")
    if not mx and mode != "none":
        raise BadPolicy("it names no mx")
    return Policy(mode, tuple(mx), min(int(age), _LONGEST_MAX_AGE_SECONDS))


def covers(policy: Policy, host: str) -> bool:
    """Say whether a policy names a host; `*.` stands for one label.

    https://www.rfc-editor.org/rfc/rfc8461#section-4.1
    """
    _, _, above = host.partition(".")
    return any(host == one or (one.startswith("*.") and above == one[2:]) for one in policy.mx)


_read_kept = msgspec.json.Decoder(Policy).decode


class Policies:
    """Knows the policies of domains. A domain whose policy cannot be had has the last one, until that expires."""

    def __init__(self, names: Names, outside: Outside, store: Store, clock: Clock, *, port: int = 443) -> None:
        self._names = names
        self._outside = outside
        self._store = store
        self._clock = clock
        self._port = port
        self._known: dict[str, tuple[Millis, _Kept | None]] = {}
        self._failed_at: dict[str, Millis] = {}
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._log = log.named("mta-sts")

    async def of(self, domain: str) -> Policy | None:
        """Return the policy that is in force for a domain, or None."""
        kept = await self._kept(domain)
        try:
            named = read_record(await self._names.texts(f"_mta-sts.{domain}"))
        except (NotThere, LookupFailed):
            named = None
        if named is not None and self._is_due(domain, named, kept):
            async with self._one_at_a_time.setdefault(domain, asyncio.Lock()):
                kept = await self._kept(domain)
                if self._is_due(domain, named, kept):
                    kept = await self._fetched(domain, named) or kept
        return kept.policy if kept is not None and kept.policy.mode != "none" else None

    async def _kept(self, domain: str) -> _Kept | None:
        """Return what the store holds, as of the last minute: other processes fetch policies too."""
        now = self._clock.now()
        read_at, kept = self._known.get(domain, (-_REMEMBERED, None))
        if now - read_at >= _REMEMBERED:
            row = await self._store.read(mta_sts.get, domain)
            kept = _Kept(row.policy_id, row.expires_at, _read_kept(row.policy)) if row is not None else None
            self._remember(domain, kept)
        return kept if kept is not None and now < kept.expires_at else None

    async def _fetched(self, domain: str, policy_id: str) -> _Kept | None:
        """Fetch and keep a policy; None, and silence for some minutes, when it cannot be had."""
        host = f"mta-sts.{domain}" if self._port == 443 else f"mta-sts.{domain}:{self._port}"
        try:
            answer = await self._outside.request(
                "GET", f"https://{host}/.well-known/mta-sts.txt", headers={}, timeout_seconds=_FETCH_SECONDS
            )
            # Redirects are not followed, and only 200 is an answer: https://www.rfc-editor.org/rfc/rfc8461#section-3.3
            if answer.status != 200:
                raise BadPolicy(f"it was answered with {answer.status}")
            if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/plain":
                raise BadPolicy("it is not text/plain")
            policy = read_policy(answer.body)
        except (AddressRefused, Unreachable, BadPolicy) as error:
            self._remember_failure(domain)
            self._log.warning("policy not fetched", domain=domain, why=str(error))
            return None
        now = self._clock.now()
        kept = _Kept(policy_id, now + policy.max_age_seconds * SECOND, policy)
        row = PolicyRow(domain, policy_id, kept.expires_at, msgspec.json.encode(policy).decode())
        await self._store.write(mta_sts.keep, row, now)
        self._remember(domain, kept)
        return kept

    def _remember(self, domain: str, kept: _Kept | None) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[domain] = (self._clock.now(), kept)

    def _is_due(self, domain: str, named: str, kept: _Kept | None) -> bool:
        """Say whether to fetch: what is new, and what has not long to live, lest it expires while it cannot be had."""
        now = self._clock.now()
        if now < self._failed_at.get(domain, -_AFTER_FAILURE) + _AFTER_FAILURE:
            return False
        if kept is None or kept.policy_id != named:
            return True
        return kept.expires_at - now < kept.policy.max_age_seconds * SECOND // 2

    def _remember_failure(self, domain: str) -> None:
        if len(self._failed_at) >= _MOST_REMEMBERED:
            self._failed_at.clear()
        self._failed_at[domain] = self._clock.now()
