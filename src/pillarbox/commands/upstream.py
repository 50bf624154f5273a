"""`pillarbox upstream`: other SES that mail leaves through, their quotas, and what they hold up."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, say, say_json, style, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.requests import CheckUpstream, ExamineUpstream, ListUpstreams
from pillarbox.operate.upstream import Seen

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def list_(*, json: _Json = False, place: Place = HERE) -> None:
    """Show every upstream with its quota, its pace, and what it holds up."""
    found = ask(place, ListUpstreams(), list[Seen])
    if json:
        say_json(found)
    elif found:
        _say(found)
    else:
        say("there are no upstreams: a table [[upstreams]] in the settings of the running server makes one")


def check(name: str, /, *, json: _Json = False, place: Place = HERE) -> None:
    """Ask an upstream for its quota now, and show what follows from it.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    """
    seen = ask(place, CheckUpstream(name), Seen)
    if json:
        say_json(seen)
    else:
        _say([seen])


def doctor(name: str, /, *, sender: str = "", json: _Json = False, place: Place = HERE) -> None:
    """Look at every link between an upstream and what it should tell here; exit with 1 when one is missing.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    sender
        An address that mail leaves from: is it a verified sender there?
    """
    from pillarbox.operate.upstream_doctor import Link  # HTTP and the AWS SDK: other commands start without them

    found = ask(place, ExamineUpstream(name, sender), list[Link])
    if json:
        say_json(found)
    else:
        for link in found:
            mark = style("ok", "green") if link.holds else style("missing", "red")
            say(f"{mark}  {link.name}: {link.found}" + (f" ({link.remedy})" if link.remedy else ""))
    if not all(link.holds for link in found):
        raise CommandError("the chain is not whole: what happens to mail there is not told here")


def _say(found: list[Seen]) -> None:
    headings = ("NAME", "REGION", "RATE", "LAST 24 HOURS", "WAITING", "SUPPRESSED", "LOOKED AT (UTC)")
    say(table(headings, [_row(one) for one in found]))
    for one in found:
        for what in _matters(one):
            say(style(f"{one.name}: {what}", "yellow"))


def _row(one: Seen) -> tuple[str, ...]:
    known = bool(one.max_send_rate)
    sent, most = one.sent_last_24_hours, one.max_24_hour_send
    day = f"{sent:.0f}, without a quota" if most < 0 else f"{sent:.0f} of {most:.0f}"
    return (
        one.name,
        one.region,
        f"{one.rate:g}/s" if one.rate else "-",
        day if known else "not known yet",
        str(one.waiting),
        str(one.suppressed) if one.account else "-",
        moment(one.looked_at) if one.looked_at else "never",
    )


def _matters(one: Seen) -> list[str]:
    """Say what an operator may have to do something about."""
    said = [f"held {one.held}"] if one.held else []
    if not one.sending_enabled:
        said.append("its account may not send: sending is paused or was taken away there")
    if not one.production:
        said.append("its account is in the sandbox: only verified recipients get mail")
    return [*said, *one.failures]
