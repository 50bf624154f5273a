"""`pillarbox messages`, `history` and `tail`: what was sent and what became of it."""

import re
from typing import Annotated

import msgspec
from cyclopts import Parameter

from pillarbox.commands.printing import cut, moment, plain, say, say_json, style, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask, client_of_server
from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND, Millis, SystemClock, parse_iso
from pillarbox.operate.history import History
from pillarbox.operate.messages import Page, Recipient, Summary, Wanted
from pillarbox.operate.requests import ListMessages, ShowHistory, ShowSend
from pillarbox.operate.sends import Send
from pillarbox.operate.story import join
from pillarbox.operate.tail import Told

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
_MARKS = {"us": ">", "them": "<", "note": "*"}
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_COLOURS = {
    "accepted": "blue",
    "delayed": "yellow",
    "delivered": "green",
    "bounced": "red",
    "rejected": "red",
    "rendering-failed": "red",
    "complained": "magenta",
}
_KIND_COLOURS = {
    "Send": "blue",
    "Delivery": "green",
    "DeliveryDelay": "yellow",
    "Bounce": "red",
    "Reject": "red",
    "Rendering Failure": "red",
    "Complaint": "magenta",
}


def messages(
    *,
    to: str = "",
    from_: Annotated[str, Parameter(name="--from")] = "",
    subject: str = "",
    tag: str = "",
    status: str = "",
    since: str = "",
    until: str = "",
    account: str = "",
    limit: int = 20,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """List messages, newest first.

    Parameters
    ----------
    to
        Only to recipients whose address or domain begins with this, or a word before the @.
    from_
        Only from senders, in the same way.
    subject
        Only subjects with words that begin with these.
    tag
        Only with this message tag: NAME=VALUE, or NAME whatever its value.
    status
        Only with a recipient in this state: accepted, delayed, delivered, bounced, rejected, complained.
    since
        Only since a time (2026-01-31T12:00:00Z) or for so long (30m, 12h, 7d).
    until
        Only before a time, in the same way.
    account
        Only of this account.
    limit
        At most so many.
    """
    now = SystemClock().now()
    wanted = Wanted(
        account,
        recipient=to,
        sender=from_,
        subject=subject,
        tag=tag,
        status=status,
        since=read_since(since, now) if since else 0,
        until=read_since(until, now) if until else 0,
        limit=limit,
    )
    found, more = _list(place, wanted)
    if json:
        say_json(found)
        return
    if not found:
        say("no messages" + (" fit" if wanted != Wanted(limit=limit) else " yet"))
        return
    headings = ("TIME (UTC)", "FROM", "TO", "STATUS", "MESSAGE ID", "SUBJECT")
    say(table(headings, [_line(message) for message in found]))
    if more:
        say(style(f"older messages are left out: --limit is {limit}", "dim"))


def _list(place: Place, wanted: Wanted) -> tuple[list[Summary], bool]:
    """Return the messages, from as many pages as they are on, and whether there are more."""
    found: list[Summary] = []
    while True:
        page = ask(place, ListMessages(wanted), Page)
        found += page.messages
        if page.next is None or len(found) >= wanted.limit:
            return found[: wanted.limit], page.next is not None
        wanted = msgspec.structs.replace(wanted, after=page.next)


def history(
    message_id: str,
    /,
    *,
    after: str = "",
    conversation: Annotated[bool, Parameter(negative="")] = False,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Show what has become of one message, or of a send of several.

    Parameters
    ----------
    message_id
        The MessageId that the send was answered with, or the id of a send of several messages.
    after
        Of a send: list the messages behind this one.
    conversation
        Show what was said to mail servers, too.
    """
    for send in ask(place, ShowSend(message_id, after), list[Send]):
        if json:
            say_json(send)
        else:
            say(parts(send))
        return
    found = ask(place, ShowHistory(message_id), History)
    if json:
        say_json(found)
    else:
        say(timeline(found))
        if conversation:
            say(conversations(found))


def tail(*, account: str = "", json: _Json = False, place: Place = HERE) -> None:
    """Print events as they happen, until interrupted.

    Parameters
    ----------
    account
        Only of this account.
    """
    for told in client_of_server(place).tail(account):
        say(msgspec.json.encode(told).decode() if json else _event_line(told))


def read_since(text: str, now: Millis) -> Millis:
    """Return the time meant by `2h` (so long ago) or by a time in ISO 8601."""
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now - int(found[1]) * _UNITS[found[2]]
    try:
        return parse_iso(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither a time like 2026-01-31T12:00:00Z nor a span like 2h") from None


def timeline(found: History) -> str:
    """Return a history as a person reads it."""
    message = found.message
    how = f"{message.operation}" + (
        f", configuration set {message.configuration_set}" if message.configuration_set else ""
    )
    whole = found.send
    part_of = [f"  part of  send {whole.send_id}: {plain(_tally(whole))}"] if whole else []
    lines = [
        f"{style('Message', 'bold')}   {message.message_id}",
        f"  from     {plain(message.sender)}",
        f"  subject  {plain(message.subject)}",
        f"  accepted {moment(message.accepted_at)} UTC by {plain(how)} from {plain(found.source_ip)}",
        f"  account  {message.account} in {message.region}, user {plain(found.caller)}",
        *part_of,
        "",
        style("Recipients", "bold"),
    ]
    width = max((len(one.address) for one in message.recipients), default=0)
    lines += [f"  {plain(one.address).ljust(width)}  {_status(one)}" for one in message.recipients]
    lines += ["", style("Timeline", "bold")]
    for one in found.moments:
        kind = style(one.kind.ljust(17), _KIND_COLOURS.get(one.kind, "blue"))
        lines.append(f"  {moment(one.happened_at, millis=True)}  {kind}  {plain(one.story)}")
        if one.said:
            lines.append(" " * 46 + style(f"“{plain(one.said)}”", "dim"))
    if found.handed_on:
        lines += ["", style("Sent by another SES", "bold")]
        lines += [f"  {moment(one.at)} UTC  {plain(one.upstream)} as {plain(one.their_id)}" for one in found.handed_on]
    if found.waiting:
        lines += ["", style("Still waiting", "bold")]
        lines += [f"  {plain(join(one.recipients))}: {plain(one.why)}" for one in found.waiting]
    return "\n".join(lines)


def conversations(found: History) -> str:
    """Return what was said to mail servers as a person reads it: `>` we, `<` they."""
    if not found.conversations:
        return f"\n{style('Conversations', 'bold')}\n  none: nothing was handed to a mail server, or it is forgotten"
    lines = []
    for one in found.conversations:
        heading = f"Attempt {one.attempt} at {moment(one.began_at, millis=True)} UTC"
        lines += [
            "",
            style(heading, "bold"),
            f"  with {plain(one.peer or 'nobody')}, for {plain(join(one.recipients))}",
        ]
        lines += [f"  {spoken.after_ms:>7} ms  {_MARKS[spoken.who]} {plain(spoken.words)}" for spoken in one.lines]
    return "\n".join(lines)


def parts(send: Send) -> str:
    """Return what became of a send and each of its messages, as a person reads it."""
    width = max((len(one.address) for one in send.parts), default=0)
    lines = [
        f"{style('Send', 'bold')}      {send.send_id}",
        f"  {send.recipient_count} recipients: {plain(_tally(send))}",
        "",
        *(f"  {plain(one.address).ljust(width)}  {_coloured(one.status)}  {one.message_id}" for one in send.parts),
    ]
    if send.next:
        lines.append(style(f"there are more: --after {send.next}", "dim"))
    return "\n".join(lines)


def _tally(send: Send) -> str:
    counts = [f"{count} {state}" for state, count in send.states.items()]
    return ", ".join(counts + ([f"{send.unwritten} still to be written out"] if send.unwritten else []))


def _line(message: Summary) -> tuple[str, ...]:
    addresses = [recipient.address for recipient in message.recipients]
    to = addresses[0] + (f" +{len(addresses) - 1}" if len(addresses) > 1 else "") if addresses else "-"
    return (
        moment(message.accepted_at),
        cut(message.sender, 36),
        cut(to, 40),
        _statuses(message.recipients),
        message.message_id,
        message.subject,
    )


def _statuses(recipients: list[Recipient]) -> str:
    counts: dict[str, int] = {}
    for one in recipients:
        word = "captured" if one.captured and one.status == "delivered" else one.status
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(word if count == 1 == len(recipients) else f"{count} {word}" for word, count in counts.items())


def _status(recipient: Recipient) -> str:
    note = " (captured, not sent)" if recipient.captured else ""
    return _coloured(recipient.status) + note


def _coloured(status: str) -> str:
    return style(status, _COLOURS.get(status, "blue"))


def _event_line(told: Told) -> str:
    kind = style(told.kind.ljust(17), _KIND_COLOURS.get(told.kind, "blue"))
    said = style(f"  “{plain(told.said)}”", "dim") if told.said else ""
    return f"{moment(told.at, millis=True)[11:]}  {told.message_id}  {kind}  {plain(told.story)}{said}"
