"""Queue URLs: made for the caller, and read whatever host they name.

Pure. Called by every SQS operation. The last two parts of a path tell account
and name; the region is that of the request.
"""

import re
from urllib.parse import urlsplit

from pillarbox.api.call import Call
from pillarbox.kit.errors import Invalid, Refusal

_PATH = re.compile(r"(?:.*/)?(\d{12})/([^/]+)/?")


class InvalidAddress(Invalid):
    """The URL names no queue."""


class NotYours(Refusal):
    """The URL names a queue of another account; whether it exists is not said."""


def queue_url(call: Call, name: str) -> str:
    return f"{call.endpoint}/{call.scope.account}/{name}"


def queue_named_by(call: Call, url: str) -> str:
    """Return the name of the caller's queue that a URL stands for."""
    try:
        found = _PATH.fullmatch(urlsplit(url).path)
    except ValueError:
        found = None
    if not found:
        raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
    account, name = found.groups()
    if account != call.scope.account:
        raise NotYours(f"Access to the resource {url} is denied.")
    return name
