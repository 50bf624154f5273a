"""Which identities, configuration sets and templates a tenant may use.

Plans over documents in both directions: by tenant and by resource. Called by
tenants.py, by sending, and by the nouns, which are not deleted while a tenant
uses them. https://docs.aws.amazon.com/ses/latest/dg/tenants.html
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import pages
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

IDENTITY, CONFIGURATION_SET, TEMPLATE = "identity", "configuration-set", "template"
TYPES = (IDENTITY, CONFIGURATION_SET, TEMPLATE)
_OF_TENANT, _OF_RESOURCE = "tenant-resource", "resource-tenant"


class InUse(Invalid):
    """A resource cannot be deleted while tenants use it."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"Cannot delete <{arn}> because it has tenant associations. Remove all tenant associations and try again."
        )


class Association(msgspec.Struct, frozen=True):
    """One resource of one tenant."""

    tenant: str
    tenant_id: str
    arn: str
    at: Millis

    @property
    def type(self) -> str:
        return self.arn.split(":", 5)[5].partition("/")[0]


class Page(NamedTuple):
    associations: list[Association]
    next_token: str | None


_read = msgspec.json.Decoder(Association).decode


def arn_of(scope: Scope, kind: str, name: str) -> str:
    """Return the ARN of a resource of one of the TYPES, by its name as it is kept."""
    return f"arn:aws:ses:{scope.region}:{scope.account}:{kind}/{name}"


def add(scope: Scope, made: Association) -> Plan[None]:
    """Let a tenant use a resource, or raise Duplicate when it may already."""
    document = msgspec.json.encode(made).decode()
    name = _name(made.tenant_id, made.arn)
    if not (yield from nouns.create(scope, _OF_TENANT, name, document, made.at, parent=made.tenant_id)):
        raise Duplicate(f"Resources {made.arn} has already been associated with tenant {made.tenant}")
    yield from nouns.create(scope, _OF_RESOURCE, _name_by_time(made), document, made.at, parent=made.arn)


def remove(scope: Scope, tenant_id: str, arn: str) -> Plan[None]:
    """Take a resource from a tenant; one that it does not have is no error."""
    noun = yield from nouns.get(scope, _OF_TENANT, _name(tenant_id, arn))
    if noun is not None:
        yield from _remove(scope, _read(noun.document))


def remove_all(scope: Scope, tenant_id: str) -> Plan[None]:
    """Take every resource from a tenant that goes."""
    while found := (yield from nouns.list_children(scope, _OF_TENANT, tenant_id, "", 500)):
        for noun in found:
            yield from _remove(scope, _read(noun.document))


def of_tenant(scope: Scope, tenant_id: str, type_: str | None, token: str | None, size: int | None) -> Plan[Page]:
    """Return the next page of what a tenant may use, of one type or of all, by ARN."""

    def fits(noun: Noun) -> bool:
        return _read(noun.document).type == type_

    page = yield from pages.page_of(scope, _OF_TENANT, token, size, fits if type_ else None, parent=tenant_id)
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def of_resource(scope: Scope, arn: str, token: str | None, size: int | None) -> Plan[Page]:
    """Return the next page of those who may use a resource, whoever could first being the first."""
    page = yield from pages.page_of(scope, _OF_RESOURCE, token, size, parent=arn)
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def missing(scope: Scope, tenant_id: str, arns: Collection[str]) -> Plan[tuple[str, ...]]:
    """Return those of a few resources that a tenant may not use."""
    names = {_name(tenant_id, arn): arn for arn in arns}
    found = yield from nouns.get_many(scope, _OF_TENANT, list(names))
    there = {noun.name for noun in found}
    return tuple(arn for name, arn in names.items() if name not in there)


def check_unused(scope: Scope, kind: str, name: str) -> Plan[None]:
    """Pass when no tenant uses a resource, or raise InUse."""
    arn = arn_of(scope, kind, name)
    if (yield from nouns.list_children(scope, _OF_RESOURCE, arn, "", 1)):
        raise InUse(arn)


def _remove(scope: Scope, one: Association) -> Plan[None]:
    yield from nouns.delete(scope, _OF_TENANT, _name(one.tenant_id, one.arn))
    yield from nouns.delete(scope, _OF_RESOURCE, _name_by_time(one))


def _name(tenant_id: str, arn: str) -> str:
    return f"{tenant_id} {arn}"


def _name_by_time(one: Association) -> str:
    return f"{one.arn} {one.at:015d} {one.tenant_id}"
