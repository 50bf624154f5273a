"""What an SDK says of a call in its headers: which one it is, and which try.

Pure. Called by the gateway for each request.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

import re
from collections.abc import Mapping

from pillarbox.sending.draft import Invocation

_ATTEMPT = re.compile(r"\battempt=(\d{1,4})")
_MOST = re.compile(r"\bmax=(\d{1,4})")


def invocation_of(headers: Mapping[str, str], key_id: str) -> Invocation | None:
    """Return the invocation of a request, by lower-case header names; None when its client does not number them.

    An SDK that says nothing of its tries may be at any of them.
    """
    invocation_id = headers.get("amz-sdk-invocation-id")
    if not invocation_id:
        return None
    said = headers.get("amz-sdk-request", "")
    attempt, most = _ATTEMPT.search(said), _MOST.search(said)
    is_again = attempt is None or int(attempt[1]) > 1
    ends_here = attempt is not None and most is not None and int(attempt[1]) >= int(most[1])
    return Invocation(f"{key_id} {invocation_id}", is_again, ends_here)
