"""What the scope of a key lets its user ask, and how a change is told in the audit log.

Pure. Called by the gateway for each request that is in order. In whose name a
key may send is asked later, by sending/policy.py, when the message is read.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from typing import Any

from pillarbox.edge.authenticate import Caller
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Denied
from pillarbox.kit.policy import Asked, Decision, Principal, decide
from pillarbox.resources import audit
from pillarbox.store.audit import AuditRow

_SENDS = frozenset({"SendEmail", "SendRawEmail", "SendTemplatedEmail", "SendBulkTemplatedEmail", "SendBulkEmail"})
_PREFIXES = {"ses": "ses", "sesv2": "ses", "sns": "SNS", "sqs": "sqs"}


def permit(caller: Caller, service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise Denied when the caller's key is not good for this; everybody may ask STS who they are."""
    prefix = _PREFIXES.get(service)
    if caller.grants is None or prefix is None or (prefix == "ses" and operation in _SENDS):
        return
    principal = Principal(caller.scope.account, caller.user_name)
    if decide([caller.grants], Asked(principal, f"{prefix}:{operation}", "*")) is Decision.ALLOWED:
        return
    action = f"{prefix}:{operation.lower() if prefix == 'sqs' else operation}"
    resource = _resource(caller, prefix, params)
    raise Denied(
        f"User: {principal.arn} is not authorized to perform: {action}"
        f"{f' on resource: {resource}' if resource else ''} because no identity-based policy allows the {action} action"
    )


def entry_of(
    caller: Caller, service: str, operation: str, params: dict[str, Any], source_ip: str, now: Millis
) -> AuditRow | None:
    """Return what the audit log says of a request, or None for one that changes nothing of note."""
    prefix = _PREFIXES.get(service)
    if prefix is None or not audit.is_change(operation):
        return None
    who = f"{caller.user_name} ({caller.key_id})" if caller.key_id else caller.user_name
    return AuditRow(now, *caller.scope, who, source_ip, f"{prefix.lower()}:{operation}", audit.subject_of(params))


def _resource(caller: Caller, prefix: str, params: dict[str, Any]) -> str:
    if prefix == "SNS":
        return str(params.get("TopicArn") or params.get("TargetArn") or params.get("ResourceArn") or "")
    if prefix == "sqs" and (url := str(params.get("QueueUrl", ""))):
        return f"arn:aws:sqs:{caller.scope.region}:{caller.scope.account}:{url.rpartition('/')[2]}"
    return str(params.get("ResourceArn", ""))
