"""Changes that are told in the audit log.

Plans. `audited` runs a change and writes its entry in the same transaction; a
change that is refused leaves no entry. Entries name things and never hold what
they are set to, so that no secret gets here. Called by edge/gateway.py for
calls of the API and by operate/ for what operators do.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pillarbox.store import audit as rows
from pillarbox.store.audit import AuditRow
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

T = TypeVar("T")

_LONGEST = 512
# The members that say what an operation is about, the first that is there; then what of it.
_THINGS = (
    "Identity", "EmailIdentity", "EmailAddress", "Domain", "ConfigurationSetName", "TemplateName", "TenantName",
    "ReputationEntityReference", "ResourceArn",
    "TopicArn", "SubscriptionArn", "QueueUrl", "QueueName", "Name", "ContactListName", "PoolName",
)  # fmt: skip
_PARTS = (
    "PolicyName", "EventDestinationName", "NotificationType", "MailFromDomain", "AttributeName", "Label", "TagKeys",
    "ResourceArn", "SendingStatus",
)  # fmt: skip
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
_READS = ("Get", "List", "Describe", "BatchGet", "Test", "Check")
# Traffic and lists of recipients, which have histories of their own.
_DATA = frozenset({
    "SendEmail", "SendRawEmail", "SendTemplatedEmail", "SendBulkTemplatedEmail", "SendBulkEmail", "SendBounce",
    "SendCustomVerificationEmail", "PutSuppressedDestination", "DeleteSuppressedDestination", "CreateContact",
    "UpdateContact", "DeleteContact", "Publish", "PublishBatch", "ConfirmSubscription", "SendMessage",
    "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
})  # fmt: skip


def is_change(operation: str) -> bool:
    """Say whether an operation of the API changes what an account owns or is allowed."""
    return not operation.startswith(_READS) and operation not in _DATA


def subject_of(params: Mapping[str, Any]) -> str:
    """Return what a call is about, as it is named in the call."""
    flat = {**params, **params.get("ConfigurationSet", {}), **params.get("Template", {})}
    thing = next((flat[name] for name in _THINGS if isinstance(flat.get(name), str)), "")
    parts = [str(flat[name]) for name in _PARTS if flat.get(name) and flat[name] != thing]
    return " ".join([thing, *parts]).strip()[:_LONGEST]


def audited(planner: Callable[..., Plan[T]], args: tuple[Any, ...], entry: AuditRow) -> Plan[T]:
    """Run a change and tell it, in one transaction."""
    result = yield from planner(*args)
    yield from rows.add(entry)
    return result


def entries(account: str, most: int) -> Plan[list[AuditRow]]:
    return (yield from rows.newest(account, most))


def audited_store(store: Store, entry: AuditRow) -> Store:
    """Return a store as one caller sees it: every plan that they write is told in the audit log."""
    return cast(Store, _AuditedStore(store, entry))


class _AuditedStore:
    def __init__(self, store: Store, entry: AuditRow) -> None:
        self._store = store
        self._entry = entry

    async def write(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        return await self._store.write(audited, planner, args, self._entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
