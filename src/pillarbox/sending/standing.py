"""What an account may do, as the checks ask it; remembered until something changes.

Touches the store. Called by accept. Each answer (an identity, a configuration
set, the account's switch) is kept in memory until this store says that nouns
have changed, and for a second at the most where other processes write.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.resources import account, configuration_sets, identities
from pillarbox.resources.identity_names import covering_names
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.policy import Standing
from pillarbox.store.engine import Store

_KEEP_MS = 1_000
_MOST_KEPT = 50_000


class Standings:
    """Answers `of` for each draft; `any_sender` and `sandbox` are settings of the server."""

    def __init__(self, store: Store, clock: Clock, *, any_sender: bool, sandbox: bool) -> None:
        self._store = store
        self._clock = clock
        self._any_sender = any_sender
        self._sandbox = sandbox
        self._kept: dict[tuple[Any, ...], tuple[Any, int]] = {}
        self._generation = 0
        store.listen("nouns", self._forget)

    async def of(self, scope: Scope, envelope: Envelope) -> tuple[Envelope, Standing]:
        """Return the standing, and the envelope with its identity's default configuration set."""
        prepared = envelope.prepared
        asked = {name for names in prepared.must_be_verified.values() for name in names}
        covers: dict[str, tuple[str, ...]] = {}
        if self._sandbox:
            covers = {address: covering_names(address) for address in prepared.recipients}
            asked.update(name for names in covers.values() for name in names)
        known = {name: await self._identity(scope, name) for name in asked}
        verified = frozenset(name for name, identity in known.items() if identity and identity.verified)
        if not prepared.configuration_set:
            envelope = _with_default_set(envelope, known)
        chosen = envelope.prepared.configuration_set
        found = await self._configuration_set(scope, chosen) if chosen else None
        return envelope, Standing(
            verified=verified,
            any_sender=self._any_sender,
            account_sends=await self._account_sends(scope),
            configuration_set_exists=found is not None,
            configuration_set_sends=found is not None and found.sending_enabled,
            sandbox=self._sandbox,
            recipient_covers=covers,
        )

    async def _identity(self, scope: Scope, name: str) -> identities.Identity | None:
        return await self._remember((identities.get, scope, name))  # type: ignore[no-any-return]

    async def _configuration_set(self, scope: Scope, name: str) -> configuration_sets.ConfigurationSet | None:
        return await self._remember((configuration_sets.get, scope, name))  # type: ignore[no-any-return]

    async def _account_sends(self, scope: Scope) -> bool:
        return (await self._remember((account.get, scope))).sending_enabled  # type: ignore[no-any-return]

    async def _remember(self, question: tuple[Any, ...]) -> Any:
        now = self._clock.now()
        kept = self._kept.get(question)
        if kept is not None and now - kept[1] < _KEEP_MS:
            return kept[0]
        planner, *args = question
        read: Callable[..., Awaitable[Any]] = self._store.read
        generation = self._generation
        answer = await read(planner, *args)
        if generation == self._generation:  # else it may be older than what has changed meanwhile
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[question] = (answer, now)
        return answer

    def _forget(self) -> None:
        self._generation += 1
        self._kept.clear()


def _with_default_set(envelope: Envelope, known: dict[str, identities.Identity | None]) -> Envelope:
    for name in covering_names(envelope.sender_address):
        identity = known.get(name)
        if identity and identity.default_configuration_set:
            return envelope.in_configuration_set(identity.default_configuration_set)
    return envelope
