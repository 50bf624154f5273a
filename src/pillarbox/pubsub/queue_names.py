"""Names of queues: which are allowed, and their ARNs.

Pure. Called by pubsub/queues.py and api/sqs/.
"""

import re

from pillarbox.kit.ids import Scope
from pillarbox.pubsub.queue_errors import InvalidParameter

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO = ".fifo"
_ARN = re.compile(r"arn:aws[a-z-]*:sqs:([^:]*):([^:]*):([^:]+)")


def check_name(name: str, *, is_fifo: bool) -> None:
    """Refuse a name that no queue of this kind can have."""
    if not is_fifo and not _NAME.fullmatch(name):
        raise InvalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
    # The suffix counts.
    if is_fifo and not (name.endswith(_FIFO) and len(name) <= 80 and _NAME.fullmatch(name.removesuffix(_FIFO))):
        raise InvalidParameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with"
            " .fifo suffix and be 1 to 80 in length"
        )


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:sqs:{scope.region}:{scope.account}:{name}"


def place_of_arn(arn: str) -> tuple[Scope, str] | None:
    """Return the scope and name that a queue's ARN names, or None when it is no such ARN."""
    found = _ARN.fullmatch(arn)
    return (Scope(found[2], found[1]), found[3]) if found else None
