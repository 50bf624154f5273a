"""What an account may do, as the checks ask it; remembered until something changes.

Touches the store, through a memory of its answers. Called by accept.
"""

from itertools import chain
from typing import NamedTuple

from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.resources import account, configuration_sets, identities
from pillarbox.resources.identity_names import covering_names
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.policy import Standing
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
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
        asked = frozenset(chain.from_iterable(prepared.must_be_verified.values()))
        covers: dict[str, tuple[str, ...]] = {}
        if self._sandbox:
            covers = {address: covering_names(address) for address in prepared.recipients}
            asked = asked.union(*covers.values())
        sender_names = covering_names(envelope.sender_address)
        known = await self._remembered.read(_known, scope, asked, sender_names, prepared.configuration_set)
        if known.configuration_set and not prepared.configuration_set:
            envelope = envelope.in_configuration_set(known.configuration_set)
        return envelope, Standing(
            verified=known.verified,
            any_sender=self._any_sender,
            account_sends=known.account_sends,
            configuration_set_exists=known.configuration_set_exists,
            configuration_set_sends=known.configuration_set_sends,
            sandbox=self._sandbox and not known.has_left_sandbox,
            recipient_covers=covers,
        )


class _Known(NamedTuple):
    """What the store says; `configuration_set` is the one that was asked for or else the sender's default."""

    verified: frozenset[str]
    account_sends: bool
    has_left_sandbox: bool
    configuration_set: str | None
    configuration_set_exists: bool
    configuration_set_sends: bool


def _known(scope: Scope, asked: frozenset[str], sender_names: tuple[str, ...], chosen: str | None) -> Plan[_Known]:
    found = {}
    for name in asked:
        if (identity := (yield from identities.get(scope, name))) is not None:
            found[name] = identity
    if not chosen:
        defaults = (found[name].default_configuration_set for name in sender_names if name in found)
        chosen = next(filter(None, defaults), None)
    configuration_set = (yield from configuration_sets.get(scope, chosen)) if chosen else None
    standing = yield from account.get(scope)
    return _Known(
        verified=frozenset(name for name, identity in found.items() if identity.verified),
        account_sends=standing.sending_enabled,
        has_left_sandbox=standing.has_left_sandbox,
        configuration_set=chosen,
        configuration_set_exists=configuration_set is not None,
        configuration_set_sends=configuration_set is not None and configuration_set.sending_enabled,
    )
