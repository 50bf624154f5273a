"""`pillarbox tracking`: domains for tracked links, and the keys for who stands in for this server."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import plain, say, say_json, style
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.requests import CheckTracking, ShowTrackingKeys
from pillarbox.operate.tracking import DomainReport

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def check(domain: str, /, *, json: _Json = False, place: Place = HERE) -> None:
    """Look at a domain for tracked links: whether it leads to this server, by http and by https.

    Parameters
    ----------
    domain
        The redirect domain of a configuration set.
    """
    report = ask(place, CheckTracking(domain), DomainReport)
    if json:
        say_json(report)
        return
    for one in report.findings:
        mark = style("ok  ", "green") if one.works else style("no  ", "red")
        say(f"{mark}{plain(one.about)}: {plain(one.found)}")
    say(f"HttpsPolicy can be: {', '.join(report.https_policies) or 'none yet'}")


def keys(*, place: Place = HERE) -> None:
    """Print the keys that verify tracked links, as JSON for the nginx that stands in for this server.

    Whoever has them can make links that lead anywhere: keep the file from everybody but nginx.
    """
    say_json(ask(place, ShowTrackingKeys(), dict[str, str]))
