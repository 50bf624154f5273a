"""What a link of the chain is, how one is looked at, and what the whole chain should be.

Pure. Used by everything in this room.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from pillarbox.delivery.transport.ses_client import Upstream

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestination.html
KINDS = frozenset(
    {
        "SEND",
        "REJECT",
        "BOUNCE",
        "COMPLAINT",
        "DELIVERY",
        "OPEN",
        "CLICK",
        "RENDERING_FAILURE",
        "DELIVERY_DELAY",
        "SUBSCRIPTION",
    }
)
_ENGAGEMENT = frozenset({"OPEN", "CLICK"})


class Link(msgspec.Struct, frozen=True):
    """One link of the chain: whether it holds, what was found, what to do when it does not, and if it was repaired."""

    name: str
    holds: bool
    found: str
    remedy: str = ""
    repaired: bool = False


Repair = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A link as it was found; `repair` is there when we can make it hold."""

    link: Link
    repair: Repair | None = None


Look = Callable[[], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Sought:
    """What the chain should be: `sender` is whom mail leaves from (or "").

    `events_url` is where posts are taken here; while it is empty, nobody is subscribed to them.
    """

    upstream: Upstream
    events_url: str
    sender: str = ""


def wanted_kinds(upstream: Upstream) -> frozenset[str]:
    """Return the events that are to be told: all, but of two trackers only one."""
    return KINDS - _ENGAGEMENT if upstream.tracks_here else KINDS


def tracked_kinds(kinds: frozenset[str]) -> frozenset[str]:
    return kinds & _ENGAGEMENT


def is_reachable_from_outside(url: str) -> bool:
    """Say whether AWS could post to a URL: over https or http to a name or address that is not this machine's own."""
    host = urlsplit(url).hostname or ""
    return "." in host and not host.startswith("127.") and not host.endswith(".localhost")
