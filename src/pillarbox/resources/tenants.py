"""Tenants: for whom an account sends, each with resources, a switch and a suppression list of their own.

Plans. Called by api/, by sending (may it send with these resources?) and by
the suppression list. https://docs.aws.amazon.com/ses/latest/dg/tenants.html
"""

import os
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identities, pages, tags, templates, tenant_names, tenant_resources
from pillarbox.resources.identity_names import canonical, read_arn
from pillarbox.resources.suppression_reasons import Reasons
from pillarbox.resources.tenant_resources import Association
from pillarbox.store import nouns, suppressed
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

KIND = "tenant"
ENABLED, DISABLED, REINSTATED = "ENABLED", "DISABLED", "REINSTATED"
Status = Literal["ENABLED", "DISABLED", "REINSTATED"]
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_TENANTS = 10_000


class TenantExists(Duplicate):
    """The account has a tenant of that name already."""


class TenantMissing(NotFound):
    """The account has no such tenant in this region."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The requested tenant <{name}> does not exist.")


class SuppressionOfTenant(msgspec.Struct, frozen=True):
    """For which reasons a tenant's recipients are suppressed, and whether by a list of its own."""

    reasons: Reasons
    own_list: bool


class Tenant(msgspec.Struct, frozen=True):
    """One tenant; `suppression` None leaves it to the account. `status` was set last at `status_at`."""

    name: str
    tenant_id: str
    created_at: Millis
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    status: Status = "ENABLED"
    status_at: Millis | None = None
    suppression: SuppressionOfTenant | None = None

    @property
    def sends(self) -> bool:
        return self.status != DISABLED

    def arn(self, scope: Scope) -> str:
        return f"arn:aws:ses:{scope.region}:{scope.account}:tenant/{self.name}/{self.tenant_id}"


class Page(NamedTuple):
    tenants: list[Tenant]
    next_token: str | None


class Filter(NamedTuple):
    """What a list of tenants is narrowed by; an empty value narrows nothing."""

    contains: str = ""
    status: str = ""
    arn_prefix: str = ""


_read = msgspec.json.Decoder(Tenant).decode


def get(scope: Scope, name: str) -> Plan[Tenant | None]:
    noun = yield from nouns.get(scope, KIND, name)
    return _read(noun.document) if noun else None


def existing(scope: Scope, name: str) -> Plan[Tenant]:
    """Return a tenant, or raise TenantMissing."""
    tenant_names.checked(name)
    found = yield from get(scope, name)
    if found is None:
        raise TenantMissing(name)
    return found


def of_arn(scope: Scope, arn: str) -> Plan[Tenant]:
    """Return the tenant of an ARN, or raise TenantMissing."""
    parts = read_arn(arn)
    kind, _, name = parts.resource.partition("/") if parts and parts.scope == scope else ("", "", "")
    found = (yield from get(scope, name.partition("/")[0])) if kind == KIND else None
    if found is None or found.arn(scope) != arn:
        raise TenantMissing(arn)
    return found


def create(
    scope: Scope,
    name: str,
    now: Millis,
    suppression: SuppressionOfTenant | None = None,
    tag_pairs: Iterable[tuple[str, str]] = (),
) -> Plan[Tenant]:
    tenant_names.checked(name)
    made = Tenant(name, f"tn-{os.urandom(15).hex()}", now, tags.checked(tag_pairs, KIND), suppression=suppression)
    if not (yield from nouns.create(scope, KIND, name, _write(made), now)):
        raise TenantExists(f"Tenant with name {name} already exists in account {scope.account}")
    if (yield from nouns.count(scope, KIND)) > MOST_TENANTS:
        raise LimitReached(f"You have reached the maximum of {MOST_TENANTS} tenants in this region.")
    return made


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a tenant with its suppression list; the resources that it used stay."""
    found = yield from existing(scope, name)
    yield from tenant_resources.remove_all(scope, found.tenant_id)
    yield from suppressed.delete_list(scope, found.tenant_id)
    yield from nouns.delete(scope, KIND, name)


def list_page(scope: Scope, wanted: Filter, token: str | None, size: int | None) -> Plan[Page]:
    """Return the next page of those that fit, by name."""

    def fits(noun: Noun) -> bool:
        one = _read(noun.document)
        return (
            wanted.contains.lower() in one.name.lower()
            and wanted.status in ("", one.status)
            and one.arn(scope).startswith(wanted.arn_prefix)
        )

    page = yield from pages.page_of(scope, KIND, token, size, fits if any(wanted) else None)
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def set_status(scope: Scope, arn: str, status: Status, now: Millis) -> Plan[None]:
    """Switch a tenant's sending off (DISABLED) or on."""
    found = yield from of_arn(scope, arn)
    yield from _change(scope, found.name, lambda one: msgspec.structs.replace(one, status=status, status_at=now), now)


def set_suppression(scope: Scope, name: str, suppression: SuppressionOfTenant | None, now: Millis) -> Plan[None]:
    """Choose how a tenant's recipients are suppressed; None leaves it to the account."""
    yield from existing(scope, name)
    yield from _change(scope, name, lambda one: msgspec.structs.replace(one, suppression=suppression), now)


def associate(scope: Scope, name: str, arn: str, now: Millis) -> Plan[None]:
    """Let a tenant use a resource that there is."""
    kind, resource = _resource(scope, arn)
    tenant = yield from existing(scope, name)
    if kind == tenant_resources.IDENTITY:
        yield from identities.existing(scope, resource)
    elif kind == tenant_resources.CONFIGURATION_SET:
        yield from configuration_sets.existing(scope, resource)
    else:
        yield from templates.existing(scope, resource)
    arn = tenant_resources.arn_of(scope, kind, resource)
    yield from tenant_resources.add(scope, Association(name, tenant.tenant_id, arn, now))


def dissociate(scope: Scope, name: str, arn: str) -> Plan[None]:
    kind, resource = _resource(scope, arn)
    tenant = yield from existing(scope, name)
    yield from tenant_resources.remove(scope, tenant.tenant_id, tenant_resources.arn_of(scope, kind, resource))


def resources_page(
    scope: Scope, name: str, type_: str | None, token: str | None, size: int | None
) -> Plan[tenant_resources.Page]:
    if type_ and type_ not in tenant_resources.TYPES:
        raise Invalid(f"Invalid resource type {type_} specified.")
    tenant = yield from existing(scope, name)
    return (yield from tenant_resources.of_tenant(scope, tenant.tenant_id, type_, token, size))


def tenants_page(scope: Scope, arn: str, token: str | None, size: int | None) -> Plan[tenant_resources.Page]:
    """Return those who may use a resource."""
    kind, resource = _resource(scope, arn)
    arn = tenant_resources.arn_of(scope, kind, resource)
    return (yield from tenant_resources.of_resource(scope, arn, token, size))


def list_of(scope: Scope, name: str | None) -> Plan[str]:
    """Return which suppression list a call is about: that of a tenant, or without one the account's."""
    return "" if name is None else (yield from existing(scope, name)).tenant_id


def _change(scope: Scope, name: str, edit: Callable[[Tenant], Tenant], now: Millis) -> Plan[None]:
    yield from nouns.change(scope, KIND, name, lambda document: _write(edit(_read(document))), now)


def _resource(scope: Scope, arn: str) -> tuple[str, str]:
    """Return type and name of a resource of this account; raise Invalid for what a tenant cannot use."""
    parts = read_arn(arn)
    if parts is None:
        raise Invalid("Provided resource identifier is not an SES resource")
    if parts.service != "ses":
        raise Invalid("Provided ARN is not in SES resource ARN format")
    kind, _, name = parts.resource.partition("/")
    if kind not in tenant_resources.TYPES:
        raise Invalid(f"Unsupported resource type: {kind}")
    if not name:
        raise Invalid("Provided resource identifier is not an SES resource")
    if parts.scope.region != scope.region:
        raise Invalid(f"Resource <{arn}> must be in the same region")
    if parts.scope.account != scope.account:
        raise Invalid(f"Resource <{arn}> must be in the same account")
    return kind, canonical(name) if kind == tenant_resources.IDENTITY else name


def _write(one: Tenant) -> str:
    return msgspec.json.encode(one).decode()
