"""Queue URLs: made for the caller, and read whatever host they name.

Pure. Called by every SQS operation. The last two parts of a path tell account
and name; the region is that of the request.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from pillarbox.api.call import Call
from pillarbox.kit.clock import Millis, iso
from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Principal
from pillarbox.kit.wildcards import Context
from pillarbox.pubsub.queue_access import Asking

_PATH = re.compile(r"(?:.*/)?(\d{12})/([^/]+)/?")


class InvalidAddress(Invalid):
    """The URL names no queue."""


class NotYours(Refusal):
    """The URL names a queue of another account; whether it exists is not said."""


class Place(NamedTuple):
    """A queue, and who asks for what there."""

    scope: Scope
    name: str
    asking: Asking


def queue_url(call: Call, name: str, account: str = "") -> str:
    return f"{call.endpoint}/{account or call.scope.account}/{name}"


def queue_named_by(call: Call, url: str) -> str:
    """Return the name of the caller's queue that a URL stands for; some things only its owner may do.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    account, name = _parts(url)
    if account != call.scope.account:
        raise NotYours(f"Access to the resource {url} is denied.")
    return name


def place_named_by(call: Call, url: str, action: str) -> Place:
    """Return the queue that a URL stands for, of whichever account."""
    account, name = _parts(url)
    return Place(Scope(account, call.scope.region), name, asking(call, url, action))


def asking(call: Call, url: str, action: str) -> Asking:
    principal = Principal(call.scope.account, call.user_name)
    return Asking(principal, action, f"Access to the resource {url} is denied.", _Circumstances.of(call))


def _parts(url: str) -> tuple[str, str]:
    try:
        found = _PATH.fullmatch(urlsplit(url).path)
    except ValueError:
        found = None
    if not found:
        raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
    return found[1], found[2]


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What conditions of a policy may ask of a call.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """

    scope: Scope
    user_name: str
    source_ip: str
    is_secure: bool
    at: Millis

    @classmethod
    def of(cls, call: Call) -> "_Circumstances":
        return cls(call.scope, call.user_name, call.source_ip, call.endpoint.startswith("https:"), call.now)

    def __call__(self) -> Context:
        principal = Principal(self.scope.account, self.user_name)
        return {
            "aws:sourceip": (self.source_ip,),
            "aws:currenttime": (iso(self.at),),
            "aws:epochtime": (str(self.at // 1000),),
            "aws:requestedregion": (self.scope.region,),
            "aws:securetransport": ("true" if self.is_secure else "false",),
            "aws:username": (principal.user_name,),
            "aws:principalarn": (principal.arn,),
            "aws:principalaccount": (principal.account,),
            "aws:principaltype": ("User",),
            "aws:principalisawsservice": ("false",),
        }
