"""The operations that work without a signature: links in posts that SNS sends.

Pure. Read by edge/gateway.py. A token, or the wish to stop, is all that such a
link carries; its scope is told by the ARN in it.
https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
"""

from collections.abc import Mapping

from pillarbox.kit.ids import Scope
from pillarbox.wire.faults import Fault

UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
ANONYMOUS = "anonymous"  # the user name of who follows such a link


def scope_of(query: Mapping[str, str]) -> Scope:
    """Return the account and region that the link's ARN names."""
    arn = query.get("TopicArn") or query.get("SubscriptionArn") or ""
    parts = arn.split(":")
    if len(parts) < 6 or parts[:3] != ["arn", "aws", "sns"]:
        raise Fault("InvalidParameter", "Invalid parameter: TopicArn")
    return Scope(parts[4], parts[3])
