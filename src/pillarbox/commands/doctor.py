"""`pillarbox doctor`: what is wrong with this server and its surroundings, and how it is repaired."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import plain, say, say_json, style
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.finding import OK, UNKNOWN, WARNING, WRONG, Finding
from pillarbox.operate.keys import FIRST_ACCOUNT

if TYPE_CHECKING:
    from pillarbox.operate.doctor_events import Progress, Told

_COLOURS = {OK: "green", UNKNOWN: "dim", WARNING: "yellow", WRONG: "red"}
_BETWEEN_SECONDS = 0.2


def doctor(
    *,
    prove: str = "",
    configuration_set: Annotated[str, Parameter(name="--set")] = "",
    account: Annotated[str, Parameter(help="With --prove: the sender's account, of 12 digits.")] = FIRST_ACCOUNT,
    region: Annotated[str, Parameter(help="With --prove: the sender's region.")] = "us-east-1",
    seconds: float = 60.0,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")] = False,
    place: Place = HERE,
) -> None:
    """Look at clock, disk, ports, certificate, DNS, events and upstreams; exit with 1 when something is wrong.

    Parameters
    ----------
    prove
        A sender, from whom a mail goes to the mailbox simulator: wait until everybody is told of it who should be.
    configuration_set
        With --prove: the configuration set of that mail.
    seconds
        With --prove: how long to wait.
    """
    from pillarbox.operate.doctor import PARTS  # HTTP and certificates: other commands start without them

    findings = []
    for part in PARTS:
        found = _examined(part, place)
        findings += found
        if not json:
            _say(found)
    if prove:
        found = [_proved(prove, configuration_set, (account, region), seconds, place)]
        findings += found
        if not json:
            _say(found)
    if json:
        say_json(findings)
    if wrong := sum(one.state == WRONG for one in findings):
        raise CommandError(f"{wrong} of {len(findings)} findings are wrong; each says how it is repaired")


def _examined(part: str, place: Place) -> list[Finding]:
    from pillarbox.operate.doctor_requests import Examine

    if sys.stderr.isatty():  # a part may take most of a minute where name servers are silent
        print(style(f"looking at {part} …", "dim"), end="\r", file=sys.stderr, flush=True)
    try:
        return ask(place, Examine(part), list[Finding])
    finally:
        if sys.stderr.isatty():
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)


def _proved(sender: str, configuration_set: str, of: tuple[str, str], seconds: float, place: Place) -> Finding:
    """Follow a mail to those who are told of it."""
    from pillarbox.operate.doctor_events import Progress, Proof
    from pillarbox.operate.doctor_requests import FollowEvents, ProveEvents

    proof = ask(place, ProveEvents(*of, sender, configuration_set), Proof)
    until = time.monotonic() + seconds
    while True:
        progress = ask(place, FollowEvents(proof.message_id), Progress)
        if progress.is_done or time.monotonic() > until:
            return _verdict(progress, proof.message_id, seconds)
        time.sleep(_BETWEEN_SECONDS)


def _verdict(progress: "Progress", message_id: str, seconds: float) -> Finding:
    about = f"proof {message_id}"
    if not progress.is_done and not set(progress.recorded) - {"Send"}:
        why = f"nothing became of it within {seconds:g} seconds"
        return Finding(about, WRONG, why, f"see `pillarbox history {message_id}` and `pillarbox queue`")
    failed = [one for one in progress.told if one.state != "done"]
    if failed:
        remedy = "let the endpoint answer; `pillarbox dead-letters replay` tells it again"
        return Finding(about, WRONG, "; ".join(map(_told, failed)), remedy)
    kinds = ", ".join(progress.recorded)
    if not progress.told:
        return Finding(about, WARNING, f"{kinds}: nobody is to be told", "name a set with --set that tells somebody")
    return Finding(about, OK, f"{kinds}: told to {', '.join(sorted({one.endpoint for one in progress.told}))}")


def _told(one: "Told") -> str:
    return f"{one.kind} to {one.endpoint}: {one.why or 'not yet'}"


def _say(found: list[Finding]) -> None:
    for one in found:
        mark = style(f"{one.state:<7}", _COLOURS[one.state])
        say(f"{mark}  {plain(f'{one.about}: {one.found}')}")
        if one.remedy:
            say(f"         {style('do', 'bold')}: {plain(one.remedy)}")
