"""Customers side by side, and each on a page of its own.

A customer is a tenant, or a value of a message tag that the account counts by.
Everything else that mail is counted by is compared in the same way. Reads
through stats/query.py alone.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard import advice
from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.chart import chart_of
from pillarbox.dashboard.overview import last_of, shown_account, whose_of
from pillarbox.dashboard.show import Show, as_json, is_refresh, refresh, url, wants_json
from pillarbox.kit.errors import NotFound
from pillarbox.operate.desk import Desk
from pillarbox.stats import query, rates
from pillarbox.stats.names import CONFIGURATION_SET, IDENTITY, LINK, OTHER, TEMPLATE, TENANT, tag_dimension, tag_of
from pillarbox.stats.providers import isp_name
from pillarbox.stats.query import PROVIDER, Line, Whose
from pillarbox.stats.spans import SPAN_WORDS, Span, span_of
from pillarbox.store.plan import Plan

_MOST = 200
# With a thousand customers a page costs a sixth of a second.
_AGAIN_SECONDS = 10
_WORDS = {
    TENANT: "Tenants",
    CONFIGURATION_SET: "Configuration sets",
    IDENTITY: "Identities",
    PROVIDER: "Recipient providers",
    TEMPLATE: "Templates",
    LINK: "Links",
}


class Customers(msgspec.Struct, frozen=True):
    """The members of a dimension, the largest first, and what else mail can be compared by."""

    by: str
    members: list[Line]
    dimensions: list[str]


class CustomerPages:
    """Answers a viewer; raises NotFound, Invalid or Unavailable for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show

    async def customers(self, request: Request, viewer: Viewer) -> Response:
        """Rates side by side."""
        whose, last = whose_of(request, viewer), last_of(request, "30d")
        span = span_of(last, self._desk.clock.now())
        by = request.query_params.get("by", "")
        found = await self._desk.store.read(_customers, whose, by, span, self._desk.dev)
        if wants_json(request):
            return as_json(found)
        kept = {"last": last, "account": shown_account(whose, viewer)}
        shown = self._show.live(
            "_customers.html",
            url("/ui/customers", {"by": found.by, **kept}),
            seconds=_AGAIN_SECONDS,
            found=found,
            whose=whose,
            kept=kept,
            heading=heading_of(found.by),
            name_of=lambda member: name_of(found.by, member),
            rates=rates,
        )
        if is_refresh(request):
            return refresh(request, shown)
        choices = [(dimension, heading_of(dimension)) for dimension in found.dimensions]
        return self._show.page(
            "customers.html", live=shown, by=found.by, choices=choices, kept=kept, spans=SPAN_WORDS, viewer=viewer
        )

    async def customer(self, request: Request, viewer: Viewer) -> Response:
        """One of them: its chart, its rates, and why its mail did not arrive."""
        whose, last = whose_of(request, viewer), last_of(request, "30d")
        asked = request.query_params
        by, member = asked.get("by", TENANT), asked.get("only", "")
        if not member:
            raise NotFound("say with `only` whose page it is")
        span = span_of(last, self._desk.clock.now())
        one = (whose, span, by, member)
        found = await self._desk.store.read(lambda: query.statistics(*one, with_captured=self._desk.dev))
        kept = {"last": last, "account": shown_account(whose, viewer)}
        shown = self._show.live(
            "_customer.html",
            url("/ui/customer", {"by": by, "only": member, **kept}),
            seconds=_AGAIN_SECONDS,
            found=found,
            chart=chart_of(found),
            explained=advice.explain(found.totals),
            words=SPAN_WORDS[last],
            rates=rates,
        )
        if is_refresh(request):
            return refresh(request, shown)
        return self._show.page(
            "customer.html",
            live=shown,
            by=by,
            member=member,
            name=name_of(by, member),
            heading=heading_of(by),
            kept=kept,
            spans=SPAN_WORDS,
            viewer=viewer,
        )


def heading_of(dimension: str) -> str:
    """Return what people call a dimension."""
    tag = tag_of(dimension)
    return f"Tag {tag}" if tag else _WORDS.get(dimension, dimension)


def name_of(dimension: str, member: str) -> str:
    """Return what people call a member."""
    if member == OTHER:
        return "all others"
    return isp_name(member) if dimension == PROVIDER else member


def _customers(whose: Whose, by: str, span: Span, with_captured: bool) -> Plan[Customers]:
    tags = [tag_dimension(tag) for tag in (yield from query.tag_dimensions(whose))]
    lines = yield from query.members(whose, by or TENANT, span, most=_MOST, with_captured=with_captured)
    if not by and not lines and tags:  # customers are told by a tag here
        lines = yield from query.members(whose, tags[0], span, most=_MOST, with_captured=with_captured)
        by = tags[0]
    return Customers(by or TENANT, lines, [TENANT, *tags, *(one for one in _WORDS if one != TENANT)])
