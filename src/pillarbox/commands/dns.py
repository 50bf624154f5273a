"""`pillarbox dns`: what the operator's own domain is to say."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import plain, say, say_json
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.commands.zone_text import zone_line
from pillarbox.operate.dns_zone import Zone
from pillarbox.operate.requests import ShowZone

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def zone(*, json: _Json = False, place: Place = HERE) -> None:
    """Print the records to publish in the zone of the service domain, as a zone file."""
    found = ask(place, ShowZone(), Zone)
    if json:
        say_json(found)
        return
    for record in found.records:
        say(f"; {plain(record.about)}")
        line = zone_line(record.name, record.type, record.value or "<address>")
        say(line if record.value else f"; {line}")
