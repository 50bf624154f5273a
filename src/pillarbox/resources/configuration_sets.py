"""Configuration sets: a name for how some of the mail is sent and told about.

Plans. Called by api/, by sending (does it exist, does it send?) and by the
nouns that hang on a set. Its event destinations go with it.
https://docs.aws.amazon.com/ses/latest/dg/using-configuration-sets.html
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import pages, tags, tenant_resources
from pillarbox.resources.configuration_set_options import Delivery, Tracking
from pillarbox.resources.suppression_reasons import Reasons
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

KIND = "configuration-set"
EVENT_DESTINATION_KIND = "event-destination"
MOST_SETS = 10_000
_AT_ONCE = 500
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class InvalidConfigurationSet(Invalid):
    """A configuration set cannot have that name."""


class ConfigurationSetExists(Duplicate):
    """The account has a configuration set of that name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Configuration set <{name}> already exists.")
        self.members = {"ConfigurationSetName": name}


class ConfigurationSetMissing(NotFound):
    """The account has no such configuration set in this region."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Configuration set <{name}> does not exist.")
        self.members = {"ConfigurationSetName": name}


class ConfigurationSet(msgspec.Struct, frozen=True):
    """One configuration set.

    `fresh_start_at` is when its sending was last switched on again.
    `suppressed_reasons` takes the place of the account's choice for the set's
    mail, and `suppressed_for_tenant` whether the list of its tenant is asked or
    the account's; None leaves it to the tenant, or else to the account. `tracking`
    is None until somebody says where tracked links are to lead.
    """

    name: str
    sending_enabled: bool = True
    reputation_metrics: bool = False
    fresh_start_at: Millis | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    suppressed_reasons: Reasons | None = None
    delivery: Delivery = Delivery()
    tracking: Tracking | None = None
    suppressed_for_tenant: bool | None = None

    @property
    def splits(self) -> bool | None:
        """Whether each recipient gets a message of their own; None leaves it to the server's setting."""
        said = self.tags.get(tags.SPLIT_RECIPIENTS)
        return None if said is None else said == "true"


class Page(NamedTuple):
    names: list[str]
    next_token: str | None


_read = msgspec.json.Decoder(ConfigurationSet).decode


def get(scope: Scope, name: str) -> Plan[ConfigurationSet | None]:
    noun = yield from nouns.get(scope, KIND, name)
    return _read(noun.document) if noun else None


def existing(scope: Scope, name: str) -> Plan[ConfigurationSet]:
    """Return a configuration set, or raise ConfigurationSetMissing."""
    found = yield from get(scope, name)
    if found is None:
        raise ConfigurationSetMissing(name)
    return found


def with_text(text: str) -> Plan[list[ConfigurationSet]]:
    """Return the sets of every account in whose documents a text stands."""
    return [_read(document) for document in (yield from nouns.documents_with(KIND, text))]


def any_splits(scope: Scope) -> Plan[bool]:
    """Say whether any set of the account gives each recipient a message of their own."""
    after = ""
    while rows := (yield from nouns.list_by_name(scope, KIND, after, _AT_ONCE)):
        # The key of the tag is looked for first, so that of many sets only those few are read.
        if any(_read(row.document).splits for row in rows if tags.SPLIT_RECIPIENTS in row.document):
            return True
        after = rows[-1].name
    return False


def list_page(scope: Scope, contains: str, token: str | None, size: int | None) -> Plan[Page]:
    """Return names in order, those that contain a text without regard to case."""

    def fits(noun: Noun) -> bool:
        return contains.lower() in noun.name.lower()

    page = yield from pages.page_of(scope, KIND, token, size, fits)
    return Page([noun.name for noun in page.rows], page.next_token)


def create(
    scope: Scope,
    name: str,
    now: Millis,
    *,
    sending_enabled: bool = True,
    reputation_metrics: bool = False,
    suppressed_reasons: Reasons | None = None,
    suppressed_for_tenant: bool | None = None,
    delivery: Delivery = Delivery(),
    tracking: Tracking | None = None,
    pools: Collection[str] = (),
    tag_pairs: Iterable[tuple[str, str]] = (),
) -> Plan[None]:
    """Make a set; `tracking` is as tracking_options.checked has returned it."""
    if not _NAME.fullmatch(name):
        raise InvalidConfigurationSet(
            f"Invalid configuration set name <{name}>: "
            "only 1 to 64 alphanumeric ASCII characters, '_', '-' are allowed."
        )
    made = ConfigurationSet(
        name,
        sending_enabled,
        reputation_metrics,
        tags=tags.checked(tag_pairs, KIND),
        suppressed_reasons=suppressed_reasons,
        suppressed_for_tenant=suppressed_for_tenant,
        delivery=delivery.checked(pools),
        tracking=tracking,
    )
    if not (yield from nouns.create(scope, KIND, name, _write(made), now)):
        raise ConfigurationSetExists(name)
    if (yield from nouns.count(scope, KIND)) > MOST_SETS:
        raise LimitReached(f"You have reached the maximum of {MOST_SETS} configuration sets in this region.")


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a configuration set with its event destinations."""
    yield from tenant_resources.check_unused(scope, tenant_resources.CONFIGURATION_SET, name)
    if not (yield from nouns.delete(scope, KIND, name)):
        raise ConfigurationSetMissing(name)
    yield from nouns.delete_children(scope, EVENT_DESTINATION_KIND, name)


def set_sending(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    """Switch the sending of a set; its reputation begins anew when it is switched on again."""

    def edit(one: ConfigurationSet) -> ConfigurationSet:
        fresh = enabled and not one.sending_enabled
        return msgspec.structs.replace(
            one, sending_enabled=enabled, fresh_start_at=now if fresh else one.fresh_start_at
        )

    yield from change(scope, name, edit, now)


def set_reputation_metrics(scope: Scope, name: str, enabled: bool, now: Millis) -> Plan[None]:
    yield from change(scope, name, lambda one: msgspec.structs.replace(one, reputation_metrics=enabled), now)


def set_suppressed_reasons(
    scope: Scope, name: str, reasons: Reasons | None, now: Millis, for_tenant: bool | None = None
) -> Plan[None]:
    """Choose for which reasons, and by whose list, the set's recipients are suppressed; None leaves it to others."""

    def edit(one: ConfigurationSet) -> ConfigurationSet:
        return msgspec.structs.replace(one, suppressed_reasons=reasons, suppressed_for_tenant=for_tenant)

    yield from change(scope, name, edit, now)


def set_delivery(scope: Scope, name: str, delivery: Delivery, pools: Collection[str], now: Millis) -> Plan[None]:
    """Say how the set's mail is delivered from its next attempt on, and from where what is sent from now on leaves."""
    delivery.checked(pools)
    yield from change(scope, name, lambda one: msgspec.structs.replace(one, delivery=delivery), now)


def set_tls_required(scope: Scope, name: str, required: bool, now: Millis) -> Plan[None]:
    """Say whether the set's mail needs TLS, and leave its other ways as they are."""

    def edit(one: ConfigurationSet) -> ConfigurationSet:
        return msgspec.structs.replace(one, delivery=msgspec.structs.replace(one.delivery, tls_required=required))

    yield from change(scope, name, edit, now)


def change(scope: Scope, name: str, edit: Callable[[ConfigurationSet], ConfigurationSet], now: Millis) -> Plan[None]:
    """Replace a set by what `edit` makes of it, or raise ConfigurationSetMissing."""
    changed = yield from nouns.change(scope, KIND, name, lambda document: _write(edit(_read(document))), now)
    if not changed:
        raise ConfigurationSetMissing(name)


def _write(one: ConfigurationSet) -> str:
    return msgspec.json.encode(one).decode()
