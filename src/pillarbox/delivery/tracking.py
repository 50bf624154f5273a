"""What of a message is told to its sender when it is opened or clicked, and where its links lead for that.

Plans over the store, and pure decisions. Asked by prepare.py for each attempt;
the rewriting itself is transform/tracking.py.
https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html
"""

from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.events.types import Kind
from pillarbox.kit.ids import Scope
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.resources import configuration_sets, event_destinations
from pillarbox.resources.configuration_set_options import Tracking as Options
from pillarbox.store.plan import Plan


class Wanted(NamedTuple):
    """What the sender wants to be told of, and how the links are to look."""

    opens: bool
    clicks: bool
    options: Options


@dataclass(frozen=True, slots=True)
class Tracking:
    """How one copy of a message is tracked.

    `recipient` is the place of its only recipient in the message's list, or EVERYONE. `pixels`, `http` and `https` are
    the URLs that the pixel, and links to targets of either scheme, lead to.
    """

    links: TrackingLinks
    recipient: int
    opens: bool
    clicks: bool
    pixels: str
    http: str
    https: str


class Marks(NamedTuple):
    """What a copy carries by which its sender learns that it was opened, or that its links were followed."""

    pixel: bool = False
    links: bool = False


UNMARKED = Marks()


class Tracker:
    """Says how copies are tracked; `url` is where links lead when the configuration set names no domain."""

    def __init__(self, links: TrackingLinks, url: str) -> None:
        self._links = links
        self._url = url.rstrip("/")

    def tracking(self, wanted: Wanted, recipient: int) -> Tracking:
        pixels, http, https = self._bases(wanted.options)
        return Tracking(self._links, recipient, wanted.opens, wanted.clicks, pixels, http, https)

    def _bases(self, options: Options) -> tuple[str, str, str]:
        """Return what the pixel and links to http and to https begin with.

        The server's own URL is used as the operator gave it: what it can speak is for them to say.
        """
        domain = options.custom_redirect_domain
        if not domain:
            return self._url, self._url, self._url
        plain, safe = f"http://{domain}", f"https://{domain}"
        if options.https_policy == "REQUIRE":
            return safe, safe, safe
        return (safe if options.https_policy == "REQUIRE_OPEN_ONLY" else plain), plain, safe


def wanted(scope: Scope, set_name: str, opens: bool | None = None, clicks: bool | None = None) -> Plan[Wanted | None]:
    """Return what is wanted for a message, or None when its mail stays as it is.

    That is what the destinations of its configuration set ask for, unless its sender has said of this one message
    whether `opens` and `clicks` are tracked. Where they have said that neither is, what stands in the mail for tracking
    alone is taken out of it.
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ConfigurationOverrides.html
    """
    is_said = opens is not None or clicks is not None
    destinations = (yield from event_destinations.of_set(scope, set_name)) if set_name else []
    kinds = {kind for one in destinations if one.enabled for kind in one.event_types}
    opens = Kind.OPEN.value in kinds if opens is None else opens
    clicks = Kind.CLICK.value in kinds if clicks is None else clicks
    if not (opens or clicks or is_said):
        return None
    found = (yield from configuration_sets.get(scope, set_name)) if set_name else None
    return Wanted(opens, clicks, (found.tracking if found else None) or Options())
