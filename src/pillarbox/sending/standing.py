"""What an account may do, as the checks ask it; remembered until something changes.

Touches the store, through a memory of its answers. Called by accept.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Policy
from pillarbox.resources import (
    account,
    configuration_sets,
    contact_lists,
    identities,
    identity_mail_from,
    identity_policies,
    sending_authorization,
    tenant_resources,
    tenants,
)
from pillarbox.resources.account import OwnQuota, Quota
from pillarbox.resources.identity_names import covering_names
from pillarbox.resources.identity_regions import verified_elsewhere
from pillarbox.resources.sending_authorization import Claim
from pillarbox.sending.envelope import Envelope
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.policy import MOST_RECIPIENTS, Standing, TenantStanding
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.remember import Remembering


class Standings:
    """Answers `of` for each draft; what it is built with are settings of the server.

    `splits` is what holds for mail whose configuration set does not say; split mail may have `split_limit` recipients.
    `quota` is what holds for accounts that have none of their own; without one nothing is limited.
    `pools` are the names of those that there are to leave from.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        any_sender: bool,
        sandbox: bool,
        splits: bool = False,
        split_limit: int = MOST_RECIPIENTS,
        quota: Quota | None = None,
        pools: Collection[str] = (),
    ) -> None:
        self._remembered = Remembering(store, clock, "nouns")
        self._clock = clock
        self._any_sender = any_sender
        self._sandbox = sandbox
        self._splits = splits
        self._split_limit = split_limit
        self._quota = quota
        self._pools = frozenset(pools)

    async def of(self, scope: Scope, envelope: Envelope) -> tuple[Envelope, Standing]:
        """Return the standing, and the envelope with its identity's default configuration set."""
        prepared = envelope.prepared
        question = _Question(
            scope,
            envelope.sender_address,
            tuple(prepared.must_be_verified.items()),
            prepared.recipients if self._sandbox else (),
            prepared.configuration_set,
            envelope.template,
            prepared.list_management,
            prepared.tenant,
            prepared.asking.claims,
        )
        chosen, standing = await self._remembered.read(self._standing, question)
        if chosen and not prepared.configuration_set:
            envelope = envelope.in_configuration_set(chosen)
        if standing.policies or standing.owners or prepared.asking.grants is not None:
            standing = replace(standing, now=self._clock.now())
        return envelope, standing

    def _standing(self, asked: "_Question") -> Plan[tuple[str | None, Standing]]:
        """Return the configuration set that was asked for, or else the sender's, and the standing at no time."""
        scope = asked.scope
        speaking = frozenset(chain.from_iterable(names for _, names in asked.speaking))
        covers = {address: covering_names(address) for address in asked.recipients}
        sender_names = covering_names(asked.sender_address)
        known = yield from _known(scope, speaking.union(*covers.values()), sender_names, asked.configuration_set)
        unverified = frozenset(
            chain.from_iterable(names for _, names in asked.speaking if known.verified.isdisjoint(names))
        )
        listed = asked.list_management
        uses = _Uses(known.identity, known.configuration_set, asked.template)
        quota = self._quota.of(known.own_quota, known.has_left_sandbox) if self._quota else None
        splits = self._splits if known.splits is None else known.splits
        return known.configuration_set, Standing(
            verified=known.verified,
            any_sender=self._any_sender,
            account_sends=known.account_sends,
            configuration_set_exists=known.configuration_set_exists,
            configuration_set_sends=known.configuration_set_sends,
            sandbox=self._sandbox and not known.has_left_sandbox,
            recipient_covers=covers,
            owners=(yield from sending_authorization.owners(frozenset(asked.claims))) if asked.claims else {},
            policies=(yield from _policies(scope, known.verified & speaking)),
            elsewhere=(yield from verified_elsewhere(scope, unverified)) if unverified else {},
            most_recipients=self._split_limit if splits else MOST_RECIPIENTS,
            splits=splits,
            contact_list=(yield from contact_lists.find(scope, listed.contact_list)) if listed else None,
            tenant=(yield from _tenant(scope, asked.tenant, uses)) if asked.tenant else None,
            daily_limit=quota.daily_limit if quota else None,
            rate=quota.rate if quota else None,
            pool=known.pool,
            pool_exists=not known.pool or known.pool in self._pools,
            mail_from_lacks=known.mail_from_lacks,
        )

    async def of_alike(self, scope: Scope, envelopes: Sequence[Envelope]) -> list[tuple[Envelope, Standing]]:
        """The same for envelopes that differ only in recipients, tags and keys."""
        if self._sandbox or not envelopes:
            return [await self.of(scope, envelope) for envelope in envelopes]
        first, standing = await self.of(scope, envelopes[0])
        chosen = first.prepared.configuration_set
        if chosen == envelopes[0].prepared.configuration_set:
            return [(envelope, standing) for envelope in envelopes]
        return [(envelope.in_configuration_set(chosen or ""), standing) for envelope in envelopes]

    async def most_recipients(self, scope: Scope) -> int:
        """Return how many recipients mail of this account may have in at least one of its configuration sets."""
        may_split = self._splits or await self._remembered.read(configuration_sets.any_splits, scope)
        return self._split_limit if may_split else MOST_RECIPIENTS


def _policies(scope: Scope, names: frozenset[str]) -> Plan[dict[str, tuple[Policy, ...]]]:
    """Return the policies of those identities that have any."""
    found = {}
    for name in names:
        if policies := (yield from identity_policies.in_force(scope, name)):
            found[name] = policies
    return found


class _Question(NamedTuple):
    """What the standing of a send depends on; `speaking` are addresses that must be verified, with what covers them."""

    scope: Scope
    sender_address: str
    speaking: tuple[tuple[str, tuple[str, ...]], ...]
    recipients: tuple[str, ...]
    configuration_set: str | None
    template: str
    list_management: ListManagement | None
    tenant: str
    claims: tuple[Claim, ...]


class _Known(NamedTuple):
    """What the store says; `configuration_set` is the one that was asked for or else the sender's default."""

    verified: frozenset[str]
    account_sends: bool
    has_left_sandbox: bool
    configuration_set: str | None
    configuration_set_exists: bool
    configuration_set_sends: bool
    splits: bool | None
    identity: str | None
    own_quota: OwnQuota | None
    pool: str
    mail_from_lacks: str


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
    mail_from = identity_mail_from.speaking(found[name] for name in sender_names if name in found)
    return _Known(
        verified=frozenset(name for name, identity in found.items() if identity.verified),
        account_sends=standing.sending_enabled,
        has_left_sandbox=standing.has_left_sandbox,
        configuration_set=chosen,
        configuration_set_exists=configuration_set is not None,
        configuration_set_sends=configuration_set is not None and configuration_set.sending_enabled,
        splits=configuration_set.splits if configuration_set is not None else None,
        identity=next((name for name in sender_names if name in found), None),
        own_quota=standing.quota,
        pool=configuration_set.delivery.pool if configuration_set is not None else "",
        mail_from_lacks=mail_from.domain if mail_from and identity_mail_from.forbids_sending(mail_from) else "",
    )


class _Uses(NamedTuple):
    """What a send is made with, by name, as far as the account has it."""

    identity: str | None
    configuration_set: str | None
    template: str

    def arns(self, scope: Scope) -> list[str]:
        kinds = (tenant_resources.IDENTITY, tenant_resources.CONFIGURATION_SET, tenant_resources.TEMPLATE)
        return [tenant_resources.arn_of(scope, kind, name) for kind, name in zip(kinds, self, strict=True) if name]


def _tenant(scope: Scope, name: str, uses: _Uses) -> Plan[TenantStanding | None]:
    found = yield from tenants.get(scope, name)
    if found is None:
        return None
    return TenantStanding(found.sends, (yield from tenant_resources.missing(scope, found.tenant_id, uses.arns(scope))))
