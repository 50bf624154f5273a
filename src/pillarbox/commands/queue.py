"""`pillarbox queue`, `pace`, `pause`, `resume` and `retry`: the operator's hands on the delivery queue."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import cut, moment, rate_of, say, say_json, style, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.delivery.lanes import UNSORTED, Hop
from pillarbox.kit.clock import Millis, SystemClock
from pillarbox.operate.queue import Pace, Paused, Queue, Waiting, What
from pillarbox.operate.requests import ListPaces, PauseMail, ResumeMail, RetryMail, SetPace, ShowQueue
from pillarbox.operate.story import span

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
_Set = Annotated[str, Parameter(name="--set", help="The configuration set.")]
_Message = Annotated[str, Parameter(name="--message", help="The MessageId that the send was answered with.")]


def queue(*, account: str = "", json: _Json = False, place: Place = HERE) -> None:
    """Show what waits for each provider, why, and when it goes on.

    Parameters
    ----------
    account
        Only of this account.
    """
    found = ask(place, ShowQueue(account), Queue)
    if json:
        say_json(found)
        return
    now = SystemClock().now()
    if found.lanes:
        headings = ("ACCOUNT", "REGION", "BY", "WAITING", "IN HAND", "OLDEST", "NEXT", "WHY")
        say(table(headings, [_lane(one, now) for one in found.lanes]))
    else:
        say("nothing waits")
    for one in found.paused:
        say(style(f"paused since {moment(one.at)} UTC: {_words(one)}", "yellow") + (f" ({one.why})" if one.why else ""))


def pace(
    hop: str = "",
    /,
    *,
    rate: float | None = None,
    connections: int | None = None,
    forget: Annotated[bool, Parameter(negative="")] = False,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Show how fast providers are sent to where something limits that, or set limits.

    Parameters
    ----------
    hop
        The pace to change, as shown: mx/google, or smtp for the smarthost.
    rate
        At most so many messages a second (0: no such limit).
    connections
        At most so many connections (0: no such limit).
    forget
        Forget what was learned.
    """
    if hop:
        if rate is None and connections is None and not forget:
            raise CommandError("say what to change: --rate, --connections or --forget")
        _check_not_negative(rate, connections)
        shown = [ask(place, SetPace(hop, rate, connections, forget), Pace)]
    elif rate is not None or connections is not None or forget:
        raise CommandError("name the pace to change, such as mx/google")
    else:
        shown = ask(place, ListPaces(), list[Pace])
    if json:
        say_json(shown)
    elif shown:
        now = SystemClock().now()
        headings = ("BY", "RATE", "CONNECTIONS", "SET BY HAND", "TODAY", "GOES ON", "WHY")
        say(table(headings, [_pace(one, now) for one in shown]))
    else:
        say("nothing limits the pace")


def pause(
    *,
    account: str = "",
    configuration_set: _Set = "",
    provider: str = "",
    message: _Message = "",
    why: str = "",
    place: Place = HERE,
) -> None:
    """Let no mail go out of an account, configuration set or provider, or not a message; what is accepted waits.

    Parameters
    ----------
    account
        Of this account; alone, or together with a set or provider.
    provider
        To this provider: google, mx/google, or smtp for the smarthost.
    why
        The reason, for whoever looks at the queue.
    """
    count = ask(place, PauseMail(What(account, configuration_set, provider, message), why), int)
    say(f"paused; {_rows(count)} held")


def resume(
    *,
    account: str = "",
    configuration_set: _Set = "",
    provider: str = "",
    message: _Message = "",
    place: Place = HERE,
) -> None:
    """Let mail go out again that was paused in the same words.

    Parameters
    ----------
    account
        Of this account.
    provider
        To this provider.
    """
    count = ask(place, ResumeMail(What(account, configuration_set, provider, message)), int)
    say(f"resumed; {_rows(count)} going on")


def retry(
    *,
    account: str = "",
    configuration_set: _Set = "",
    provider: str = "",
    message: _Message = "",
    place: Place = HERE,
) -> None:
    """Try now what waits for another try.

    Parameters
    ----------
    account
        Of this account.
    provider
        To this provider, even if it asked for a rest.
    """
    count = ask(place, RetryMail(What(account, configuration_set, provider, message)), int)
    say(f"{_rows(count)} tried now")


def _check_not_negative(rate: float | None, connections: int | None) -> None:
    if (rate or 0) < 0 or (connections or 0) < 0:
        raise CommandError("a limit is 0 (none) or more")


def _lane(one: Waiting, now: Millis) -> tuple[str, ...]:
    hop = "mx (provider not known yet)" if one.provider == UNSORTED else str(Hop(one.egress, one.provider))
    reasons = "; ".join(f"{reason.rows}× {cut(reason.why, 120)}" for reason in one.reasons)
    return (
        one.account,
        one.region,
        hop,
        str(one.rows - one.in_hand),
        str(one.in_hand),
        span(max(0, now - one.oldest_at)),
        _until(one.next_at, now),
        "; ".join(filter(None, (one.closed, reasons))),
    )


def _until(at: Millis | None, now: Millis) -> str:
    return "paused" if at is None else "now" if at <= now else f"in {span(at - now)}"


def _pace(one: Pace, now: Millis) -> tuple[str, ...]:
    by_hand = [rate_of(one.most_rate)] if one.most_rate else []
    by_hand += [f"{one.most_connections} connections"] if one.most_connections else []
    return (
        str(Hop(one.egress, one.provider)),
        rate_of(one.rate),
        str(one.connections or "no limit"),
        ", ".join(by_hand) or "-",
        f"{one.day_used} of {one.day_most}" if one.day_most else "-",
        _until(one.not_before, now),
        one.why,
    )


def _words(one: Paused) -> str:
    what = one.what
    named = (
        ("account", what.account),
        ("configuration set", what.configuration_set),
        ("provider", what.provider),
        ("message", what.message_id),
    )
    return ", ".join(f"{name} {value}" for name, value in named if value)


def _rows(count: int) -> str:
    return "1 delivery is" if count == 1 else f"{count} deliveries are"
