"""Contact lists: their topics, the people on them searched and page by page, and what each of them wants.

Reads and acts through operate/contact_lists.py. Imports are in imports.py.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.imports import progress
from pillarbox.dashboard.show import Show, as_json, url, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of, whose
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate import contact_lists
from pillarbox.operate.desk import Desk
from pillarbox.resources.contact_lists import Status, Topic
from pillarbox.resources.contacts import Filter
from pillarbox.resources.users import Role

PATH = "/ui/contact-lists"
_TOPIC = "topic."


class ContactListPages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {
            "/contact-lists": self.all,
            "/contact-lists/{name}": self.one,
            "/contact-lists/{name}/contact": self.contact,
        }
        self.changes: Changes = {
            "/contact-lists": (Role.MEMBER, self.create),
            "/contact-lists/{name}/delete": (Role.MEMBER, self.delete),
            "/contact-lists/{name}/topics": (Role.MEMBER, self.put_topic),
            "/contact-lists/{name}/topics/remove": (Role.MEMBER, self.remove_topic),
            "/contact-lists/{name}/contacts": (Role.MEMBER, self.add),
            "/contact-lists/{name}/contact": (Role.MEMBER, self.update),
            "/contact-lists/{name}/contact/remove": (Role.MEMBER, self.remove),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        found = await contact_lists.list_all(self._desk, *whose(request, viewer))
        if wants_json(request):
            return as_json(found)
        scope = scope_of(request.query_params, viewer)
        return self._show.page("contact_lists.html", found=found, scope=scope, said=said(request), viewer=viewer)

    async def one(self, request: Request, viewer: Viewer) -> Response:
        """A list: its topics, and the next page of those on it who fit."""
        asked, scope, name = request.query_params, scope_of(request.query_params, viewer), request.path_params["name"]
        known = await contact_lists.get(self._desk, scope, name)
        filters = {one: asked.get(one, "").strip() for one in ("address", "status", "topic")}
        page = await contact_lists.page(self._desk, scope, name, _filter(filters), asked.get("token", ""))
        if wants_json(request):
            return as_json({"list": known, "page": page})
        kept = {**scope._asdict(), **filters}
        return self._show.page(
            "contact_list.html", found=known.contact_list, page=page, own=_path(name), scope=scope, filters=filters,
            more=url(_path(name), {**kept, "token": page.next_token}) if page.next_token else None,
            live=await progress(self._desk, self._show, scope, name), said=said(request), viewer=viewer,
        )  # fmt: skip

    async def contact(self, request: Request, viewer: Viewer) -> Response:
        """Somebody on a list, and what they want."""
        scope, name = scope_of(request.query_params, viewer), request.path_params["name"]
        found = await contact_lists.person(self._desk, scope, name, request.query_params.get("address", ""))
        if wants_json(request):
            return as_json(found)
        known = await contact_lists.get(self._desk, scope, name)
        return self._show.page(
            "contact.html", one=found, listed=known.contact_list, own=_path(name), scope=scope, said=said(request),
            viewer=viewer,
        )  # fmt: skip

    async def create(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = fields.needed("name", "how the list is called"), scope_of(fields, viewer)
        await contact_lists.create(acting(self._desk, request, viewer), scope, name, fields["description"])
        return done(request, {"name": name}, _path(name), "added", **scope._asdict())

    async def delete(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        desk, scope = acting(self._desk, request, viewer), scope_of(fields, viewer)
        await contact_lists.delete(desk, scope, request.path_params["name"])
        return done(request, None, PATH, "removed")

    async def put_topic(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Add a topic, or change the one of that name."""
        topic_name, scope = fields.needed("topic", "how the topic is called"), scope_of(fields, viewer)
        default = _status(fields["default"]) or Status.OPT_OUT
        topic = Topic(topic_name, fields["display_name"] or topic_name, default, fields["description"])
        name = request.path_params["name"]
        await contact_lists.put_topic(acting(self._desk, request, viewer), scope, name, topic)
        return done(request, topic, _path(name), "saved", **scope._asdict())

    async def remove_topic(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = request.path_params["name"], scope_of(fields, viewer)
        await contact_lists.remove_topic(acting(self._desk, request, viewer), scope, name, fields["topic"])
        return done(request, None, _path(name), "removed", **scope._asdict())

    async def add(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope, address = self._somebody(request, viewer, fields)
        await contact_lists.add(acting(self._desk, request, viewer), scope, name, address)
        kept = {"address": address, **scope._asdict()}
        return done(request, {"address": address}, f"{_path(name)}/contact", "added", **kept)

    async def update(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Change what somebody wants: what is not given about a topic has not been said."""
        name, scope, address = self._somebody(request, viewer, fields)
        given = {one.removeprefix(_TOPIC): _status(fields[one]) for one in fields.names() if one.startswith(_TOPIC)}
        preferences = {topic: status for topic, status in given.items() if status}
        desk, leaves = acting(self._desk, request, viewer), fields.is_on("unsubscribed")
        await contact_lists.update(desk, scope, name, address, preferences, leaves, fields["attributes"])
        found = await contact_lists.person(desk, scope, name, address)
        return done(request, found, f"{_path(name)}/contact", "saved", address=address, **scope._asdict())

    async def remove(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope, address = self._somebody(request, viewer, fields)
        await contact_lists.remove(acting(self._desk, request, viewer), scope, name, address)
        return done(request, None, _path(name), "removed", **scope._asdict())

    def _somebody(self, request: Request, viewer: Viewer, fields: Fields) -> tuple[str, Scope, str]:
        address = fields.needed("address", "whose address it is")
        return request.path_params["name"], scope_of(fields, viewer), address


def _filter(filters: dict[str, str]) -> Filter:
    """Return whom a list is narrowed to; of a topic, what holds counts, whether or not somebody said so."""
    return Filter(_status(filters["status"]), filters["topic"], default_counts=True, prefix=filters["address"])


def _status(text: str) -> Status | None:
    try:
        return Status(text.upper()) if text else None
    except ValueError:
        raise Invalid(f"{text} is neither {Status.OPT_IN} nor {Status.OPT_OUT}.") from None


def _path(name: str) -> str:
    return f"{PATH}/{quote(name)}"
