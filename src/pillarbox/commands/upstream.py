"""`pillarbox upstream`: other SES that mail leaves through, what they hold up, and whether what they tell arrives."""

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import moment, plain, rate_of, say, say_json, style, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.upstream import Seen
from pillarbox.operate.upstream_requests import (
    CheckUpstream,
    ExamineUpstream,
    FollowProof,
    LeastPolicy,
    ListUpstreams,
    ProveUpstream,
)

if TYPE_CHECKING:
    from pillarbox.operate.chain.link import Link

_BETWEEN_SECONDS = 0.5

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


def doctor(
    name: str,
    /,
    *,
    sender: str = "",
    repair: Annotated[bool, Parameter(negative="")] = False,
    prove: Annotated[bool, Parameter(negative="")] = False,
    seconds: float = 60.0,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Look at every link between an upstream and what it should tell here; exit with 1 when one is missing.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    sender
        An address that mail leaves from: is it a verified sender there?
    repair
        Make what is missing there: nothing that is there is taken away, and nothing that was paused is resumed.
    prove
        Send a mail from the sender to the mailbox simulator, and wait until what became of it is told here.
    seconds
        How long to wait for that.
    """
    from pillarbox.operate.chain.link import Link  # HTTP and the AWS SDK: other commands start without them

    if prove and not sender:
        raise CommandError("whose mail is to prove it? name an address with --sender")
    found = ask(place, ExamineUpstream(name, sender, repair), list[Link])
    if json:
        say_json(found)
    else:
        say_links(found)
    if not all(link.holds for link in found):
        hint = "" if repair else "; `--repair` makes what can be made"
        raise CommandError(f"the chain is not whole: what happens to mail there is not told here{hint}")
    if prove:
        _prove(name, sender, seconds, place)


def policy(name: str, /, *, repair: Annotated[bool, Parameter(negative="")] = False, place: Place = HERE) -> None:
    """Print the least IAM policy that the credentials of an upstream need.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    repair
        With what `doctor --repair` needs, too.
    """
    say_json(ask(place, LeastPolicy(name, repair), dict))


def say_links(found: "list[Link]") -> None:
    """Print the links of a chain."""
    for link in found:
        mark = style("missing", "red")
        if link.holds:
            mark = style("repaired" if link.repaired else "ok", "green")
        say(f"{mark}  " + plain(f"{link.name}: {link.found}" + (f" ({link.remedy})" if link.remedy else "")))


def _prove(name: str, sender: str, seconds: float, place: Place) -> None:
    """Follow a mail to its events, and say what has come; CommandError when nothing does in time."""
    from pillarbox.operate.chain.proof import RECIPIENT, Progress, Proof  # as above

    proof = ask(place, ProveUpstream(name, sender), Proof)
    say(f"sent to {RECIPIENT} as {proof.message_id}; its events should arrive within {seconds:g} seconds")
    begun, told = time.monotonic(), 0
    while True:
        progress = ask(place, FollowProof(name, proof.message_id, proof.sent_at), Progress)
        for kind in progress.arrived[told:]:
            say(f"{style('arrived', 'green')}  {kind} after {time.monotonic() - begun:.1f} seconds")
        told = len(progress.arrived)
        if progress.is_done:
            say("the chain is proved: what happens to mail there is told here")
            return
        if progress.unreadable:
            raise CommandError(f"something came and could not be read: {progress.unreadable[0]}")
        if time.monotonic() - begun > seconds:
            raise CommandError(
                f"{'only that it was sent' if told else 'nothing'} has arrived within {seconds:g} seconds: look for"
                " `events-in` in this server's log, and for what SNS says of its deliveries there"
            )
        time.sleep(_BETWEEN_SECONDS)


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
        rate_of(one.rate) if one.rate or known else "-",
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
