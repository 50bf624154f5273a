"""Configuration sets: what is set, who is told of their events, and what could not be told, to be delivered again.

Reads and acts through operate/.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pillarbox.dashboard.access import Viewer
from pillarbox.dashboard.forms import Fields
from pillarbox.dashboard.show import Show, as_json, wants_json
from pillarbox.dashboard.work import Changes, Pages, acting, done, said, scope_of, whose
from pillarbox.kit.errors import Invalid
from pillarbox.operate import configuration_sets, dead_letters, doctor_events
from pillarbox.operate.configuration_sets import Known
from pillarbox.operate.dead_letters import DeadLetter
from pillarbox.operate.desk import Desk
from pillarbox.resources.event_destinations import EVENT_TYPES, Wanted
from pillarbox.resources.users import Role

PATH = "/ui/sets"
_MOST_LETTERS = 50


class ConfigurationSetPages:
    """Answers a viewer; raises a Refusal for the guard to tell."""

    def __init__(self, desk: Desk, show: Show) -> None:
        self._desk = desk
        self._show = show
        self.pages: Pages = {"/sets": self.all, "/sets/{name}": self.one, "/dead-letters": self.letters}
        self.changes: Changes = {
            "/sets": (Role.MEMBER, self.create),
            "/sets/{name}/sending": (Role.MEMBER, self.switch),
            "/sets/{name}/destinations": (Role.MEMBER, self.add_destination),
            "/sets/{name}/destinations/{destination}": (Role.MEMBER, self.change_destination),
            "/sets/{name}/destinations/{destination}/delete": (Role.MEMBER, self.delete_destination),
            "/sets/{name}/test": (Role.MEMBER, self.test),
            "/dead-letters/replay": (Role.MEMBER, self.replay),
        }

    async def all(self, request: Request, viewer: Viewer) -> Response:
        found = await configuration_sets.list_all(self._desk, *whose(request, viewer))
        if wants_json(request):
            return as_json(found)
        return self._show.page(
            "sets.html", found=found, scope=scope_of(request.query_params, viewer), said=said(request), viewer=viewer
        )

    async def one(self, request: Request, viewer: Viewer) -> Response:
        """One set with its event destinations, and the notifications to them that were given up."""
        scope = scope_of(request.query_params, viewer)
        found = await configuration_sets.get(self._desk, scope, request.path_params["name"])
        letters = await self._letters_of(found)
        if wants_json(request):
            return as_json({"set": found, "dead_letters": letters})
        return self._show.page(
            "set.html", found=found, options=found.options, letters=letters, own=_path(found.options.name),
            topics=await configuration_sets.topics_of(self._desk, scope), kinds=EVENT_TYPES, fates=doctor_events.FATES,
            scope=scope, said=said(request), viewer=viewer,
        )  # fmt: skip

    async def letters(self, request: Request, viewer: Viewer) -> Response:
        """Everything that could not be told to anybody."""
        account, _ = whose(request, viewer)
        topic = request.query_params.get("topic", "")
        found = await dead_letters.list_all(self._desk, account, topic, _MOST_LETTERS)
        if wants_json(request):
            return as_json(found)
        return self._show.page("dead_letters.html", letters=found, topic=topic, said=said(request), viewer=viewer)

    async def create(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = fields.needed("name", "how the configuration set is called"), scope_of(fields, viewer)
        await configuration_sets.create(acting(self._desk, request, viewer), scope, name)
        return done(request, {"name": name}, _path(name), "added", **scope._asdict())

    async def switch(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Let the set's mail be sent, or refuse it."""
        name, scope = request.path_params["name"], scope_of(fields, viewer)
        fields.needed("enabled", "whether its mail is sent: true or false")
        enabled = fields.is_on("enabled")
        await configuration_sets.set_sending(acting(self._desk, request, viewer), scope, name, enabled=enabled)
        what = "sending-on" if enabled else "sending-off"
        return done(request, {"sending_enabled": enabled}, _path(name), what, **scope._asdict())

    async def add_destination(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        destination = fields.needed("name", "how the event destination is called")
        return await self._put_destination(request, viewer, fields, destination, is_new=True)

    async def change_destination(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        destination = request.path_params["destination"]
        return await self._put_destination(request, viewer, fields, destination, is_new=False)

    async def delete_destination(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        name, scope = request.path_params["name"], scope_of(fields, viewer)
        desk = acting(self._desk, request, viewer)
        await configuration_sets.delete_destination(desk, scope, name, request.path_params["destination"])
        return done(request, None, _path(name), "removed", **scope._asdict())

    async def test(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Send a mail to the mailbox simulator whose events are told like all others, and lead to it."""
        sender, fate = fields.needed("from", "who the mail is from"), fields["fate"] or doctor_events.FATES[0]
        if fate not in doctor_events.FATES:
            raise Invalid(f"What can become of it is {', '.join(doctor_events.FATES)}.")
        name, scope = request.path_params["name"], scope_of(fields, viewer)
        await configuration_sets.get(self._desk, scope, name)
        proof = await doctor_events.prove(acting(self._desk, request, viewer), scope, sender, name, fate)
        if wants_json(request):
            return as_json(proof)
        return RedirectResponse(f"/ui/messages/{quote(proof.message_id)}", 303)

    async def replay(self, request: Request, viewer: Viewer, fields: Fields) -> Response:
        """Deliver one notification again, or all of a topic."""
        account, topic = viewer.account or fields["account"], fields["topic"]
        desk = acting(self._desk, request, viewer)
        count = await dead_letters.replay(desk, fields["notification_id"], account, topic)
        return done(request, {"replayed": count}, "/ui/dead-letters", "replayed", count=count)

    async def _put_destination(
        self, request: Request, viewer: Viewer, fields: Fields, destination: str, *, is_new: bool
    ) -> Response:
        name, scope = request.path_params["name"], scope_of(fields, viewer)
        arn = configuration_sets.topic_arn(scope, fields.needed("topic", "which topic is told"))
        wanted = Wanted(destination, fields.is_on("enabled"), fields.every("event_types"), ["SNS"], arn)
        desk = acting(self._desk, request, viewer)
        made = await configuration_sets.put_destination(desk, scope, name, wanted, is_new=is_new)
        return done(request, made, _path(name), "added" if is_new else "saved", **scope._asdict())

    async def _letters_of(self, found: Known) -> list[DeadLetter]:
        topics = sorted({one.topic_arn.rpartition(":")[2] for one in found.destinations})
        letters = [await dead_letters.list_all(self._desk, found.account, topic, _MOST_LETTERS) for topic in topics]
        return [letter for of_topic in letters for letter in of_topic if letter.region == found.region][:_MOST_LETTERS]


def _path(name: str) -> str:
    return f"{PATH}/{quote(name)}"
