"""Lists of SNS come a hundred at a time, with a token for the rest.

Pure. A token is the last name of the page before. Called by topics.py and
subscriptions.py here.
"""

import base64
import binascii
from collections.abc import Sequence

from pillarbox.api.call import Params
from pillarbox.pubsub.refusals import InvalidParameter

LENGTH = 100


def start_of(params: Params) -> str:
    """Return the name behind which the page begins."""
    try:
        return base64.b64decode(params.get("NextToken") or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidParameter("NextToken") from None


def rest_after(names: Sequence[str]) -> dict[str, str]:
    """Return the token for what follows a page, when more than a page was found."""
    if len(names) <= LENGTH:
        return {}
    return {"NextToken": base64.urlsafe_b64encode(names[LENGTH - 1].encode()).decode()}
