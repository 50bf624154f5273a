"""How sending goes: the first page, and the page that explains bounces and complaints.

Reads through stats/query.py and operate/. No rule of its own: what counts is
said in stats/fold.py, which lines rates must not reach in stats/rates.py.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard import advice
from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.advice import Explained
from pillarbox.dashboard.chart import chart_of
from pillarbox.dashboard.show import Show, as_json, is_refresh, refresh, url, wants_json
from pillarbox.kit.clock import Millis
from pillarbox.operate import queue
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import Queue
from pillarbox.operate.tail import Told, told
from pillarbox.resources import account
from pillarbox.resources.account import Quota
from pillarbox.stats import query, rates
from pillarbox.stats.names import ACCOUNT
from pillarbox.stats.query import PROVIDER, Line, Statistics, Whose
from pillarbox.stats.spans import SPAN_WORDS, SPANS, Span, span_of
from pillarbox.store import events
from pillarbox.store.plan import Plan

_USUAL_SPAN = "24h"
_MOST_EVENTS = 12
# An account that is not among the newest events of all is told of none: there is no index for it alone.
_LOOKED_THROUGH = 400
_MOST_QUOTAS = 20
_MOST_PROVIDERS = 10


class Use(msgspec.Struct, frozen=True):
    """How much of its quota an account has used in 24 hours; None for no limit."""

    account: str
    region: str
    sent: int
    daily_limit: int | None
    rate: float | None


class Overview(msgspec.Struct, frozen=True):
    """All that the first page shows."""

    statistics: Statistics
    queue: Queue
    quotas: list[Use]
    events: list[Told]


class Troubles(msgspec.Struct, frozen=True):
    """All that the page of bounces and complaints shows: what happened, what it means and what to do."""

    statistics: Statistics
    explained: list[Explained]
    delays: list[Explained]
    providers: list[Line]


class OverviewPages:
    """Answers a viewer; raises Invalid or Unavailable for the guard to tell."""

    def __init__(self, desk: Desk, show: Show, quota: Quota) -> None:
        self._desk = desk
        self._show = show
        self._quota = quota

    async def overview(self, request: Request, viewer: Viewer) -> Response:
        """How sending goes now; keeps itself up to date."""
        whose, last = whose_of(request, viewer), last_of(request)
        found = await self._overview(whose, last)
        if wants_json(request):
            return as_json(found)
        here = url("/ui/", {"last": last, "account": shown_account(whose, viewer)})
        shown = self._show.live(
            "_overview.html",
            here,
            found=found,
            chart=chart_of(found.statistics),
            last=last,
            words=SPAN_WORDS[last],
            rates=rates,
            viewer=viewer,
        )
        if is_refresh(request):
            return refresh(request, shown)
        return self._show.page("overview.html", live=shown, last=last, spans=SPAN_WORDS, whose=whose, viewer=viewer)

    async def bounces(self, request: Request, viewer: Viewer) -> Response:
        """Why mail did not arrive or was not wanted, and what to do."""
        whose, last = whose_of(request, viewer), last_of(request, "30d")
        span = span_of(last, self._desk.clock.now())
        found = await self._troubles(whose, span)
        if wants_json(request):
            return as_json(found)
        return self._show.page(
            "bounces.html",
            found=found,
            rates=rates,
            last=last,
            spans=SPAN_WORDS,
            whose=whose,
            viewer=viewer,
        )

    async def statistics(self, request: Request, viewer: Viewer) -> Response:
        """One member of a dimension over a span, for programs."""
        asked, span = request.query_params, span_of(last_of(request), self._desk.clock.now())
        one = (whose_of(request, viewer), span, asked.get("by", ACCOUNT), asked.get("only", ""))
        found = await self._desk.store.read(lambda: query.statistics(*one, with_captured=self._desk.dev))
        return as_json(found)

    async def _troubles(self, whose: Whose, span: Span) -> Troubles:
        found = await self._desk.store.read(query.statistics, whose, span)
        providers = await self._desk.store.read(
            lambda: query.members(whose, PROVIDER, span, most=_MOST_PROVIDERS, with_captured=self._desk.dev)
        )
        return Troubles(
            found,
            advice.explain(found.totals),
            advice.explain_delays(found.totals),
            [one for one in providers if advice.bounces_of(one.totals) or one.rates.complaint],
        )

    async def _overview(self, whose: Whose, last: str) -> Overview:
        now, store = self._desk.clock.now(), self._desk.store
        span = span_of(last, now)
        waiting = await queue.show(self._desk, whose.account)
        paused = [one for one in waiting.paused if whose.account in ("", one.what.account) or not one.what.account]
        return Overview(
            await store.read(lambda: query.statistics(whose, span, with_captured=self._desk.dev)),
            Queue(waiting.lanes, paused),
            await store.read(_uses, whose, self._quota, now),
            await store.read(_newest, whose.account),
        )


def whose_of(request: Request, viewer: Viewer) -> Whose:
    """Return whose statistics are shown: who sees one account only cannot ask for another."""
    asked = request.query_params
    return Whose(viewer.account or asked.get("account", ""), asked.get("region", ""))


def last_of(request: Request, usual: str = _USUAL_SPAN) -> str:
    """Return how far back is asked for."""
    asked = request.query_params.get("last", usual)
    return asked if asked in SPANS or wants_json(request) else usual


def shown_account(whose: Whose, viewer: Viewer) -> str:
    """Return the account for links, which need not name a viewer's own."""
    return "" if viewer.account else whose.account


def _uses(whose: Whose, quota: Quota, now: Millis) -> Plan[list[Use]]:
    uses = []
    for scope in (yield from query.scopes_of(whose))[:_MOST_QUOTAS]:
        standing, sent = yield from account.standing(scope, now)
        own = quota.of(standing.quota, standing.has_left_sandbox)
        uses.append(Use(*scope, sent, own.daily_limit, own.rate))
    return uses


def _newest(of_account: str) -> Plan[list[Told]]:
    rows = yield from events.newest(_LOOKED_THROUGH)
    mine = [row for row in rows if of_account in ("", row.account)]
    return [told(row) for row in mine[:_MOST_EVENTS]]
