"""What an account may do, as the checks ask it; remembered until something changes.

Touches the store, through a memory of its answers (an identity, a configuration
set, the account's switch). Called by accept.
"""

from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.resources import account, configuration_sets, identities
from pillarbox.resources.identity_names import covering_names
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.policy import Standing
from pillarbox.store.engine import Store
from pillarbox.store.remember import Remembering


class Standings:
    """Answers `of` for each draft; `any_sender` and `sandbox` are settings of the server."""

    def __init__(self, store: Store, clock: Clock, *, any_sender: bool, sandbox: bool) -> None:
        self._remembered = Remembering(store, clock, "nouns")
        self._any_sender = any_sender
        self._sandbox = sandbox

    async def of(self, scope: Scope, envelope: Envelope) -> tuple[Envelope, Standing]:
        """Return the standing, and the envelope with its identity's default configuration set."""
        prepared = envelope.prepared
        asked = {name for names in prepared.must_be_verified.values() for name in names}
        covers: dict[str, tuple[str, ...]] = {}
        if self._sandbox:
            covers = {address: covering_names(address) for address in prepared.recipients}
            asked.update(name for names in covers.values() for name in names)
        known = {name: await self._remembered.read(identities.get, scope, name) for name in asked}
        verified = frozenset(name for name, identity in known.items() if identity and identity.verified)
        if not prepared.configuration_set:
            envelope = _with_default_set(envelope, known)
        chosen = envelope.prepared.configuration_set
        found = await self._remembered.read(configuration_sets.get, scope, chosen) if chosen else None
        return envelope, Standing(
            verified=verified,
            any_sender=self._any_sender,
            account_sends=(await self._remembered.read(account.get, scope)).sending_enabled,
            configuration_set_exists=found is not None,
            configuration_set_sends=found is not None and found.sending_enabled,
            sandbox=self._sandbox,
            recipient_covers=covers,
        )


def _with_default_set(envelope: Envelope, known: dict[str, identities.Identity | None]) -> Envelope:
    for name in covering_names(envelope.sender_address):
        identity = known.get(name)
        if identity and identity.default_configuration_set:
            return envelope.in_configuration_set(identity.default_configuration_set)
    return envelope
