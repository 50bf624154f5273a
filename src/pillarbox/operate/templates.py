"""Templates, as somebody writes them, looks at what comes out and sends one to try.

Touches the store. Called by the dashboard. What a template means is decided in
sending/, as for callers of the API.
"""

import asyncio

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import templates
from pillarbox.resources.templates import LONGEST_PAGE, Template
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft
from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.render import RenderingFailure, TemplateParts, render
from pillarbox.sending.templates import InvalidRendering, check, templated
from pillarbox.store import nouns
from pillarbox.store.plan import Plan


class Named(msgspec.Struct, frozen=True):
    """A template as it is listed."""

    name: str
    account: str
    region: str
    created_at: Millis


class Preview(msgspec.Struct, frozen=True):
    """What a template makes of data; None is a part that the template does not have."""

    subject: str
    text: str | None
    html: str | None


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Named]:
    """Return the templates of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def get(desk: Desk, scope: Scope, name: str) -> Template:
    """Return a template, or raise NotFound."""
    return await desk.store.read(templates.existing, scope, name)


async def create(desk: Desk, scope: Scope, template: Template) -> None:
    """Make a template; Invalid names the line that cannot be read."""
    await asyncio.to_thread(check, template)
    args = (scope, template, desk.clock.now())
    await audit.write(desk, "templates.create", template.name, scope, templates.create, *args)


async def update(desk: Desk, scope: Scope, template: Template) -> None:
    """Replace a template as a whole but for its tags."""
    await asyncio.to_thread(check, template)
    args = (scope, template, desk.clock.now())
    await audit.write(desk, "templates.update", template.name, scope, templates.update, *args)


async def delete(desk: Desk, scope: Scope, name: str) -> None:
    await audit.write(desk, "templates.delete", name, scope, templates.delete_existing, scope, name)


async def preview(desk: Desk, scope: Scope, name: str, data: str) -> Preview:
    """Return what a template makes of data, or raise InvalidRendering with the reason."""
    found = await get(desk, scope, name)
    parts = TemplateParts(found.name, found.subject, found.text or None, found.html or None)
    try:
        made = await asyncio.to_thread(render, parts, data or "{}")
    except (RenderingFailure, TemplateError) as error:
        raise InvalidRendering(name, str(error)) from None
    return Preview(made.subject, made.text, made.html)


async def send_test(desk: Desk, scope: Scope, name: str, data: str, addresses: tuple[str, str]) -> str:
    """Send a template to one recipient by the rules of every send, and return the message's id.

    `addresses` are those of the sender and the recipient.
    """
    if desk.sender is None:
        raise Unavailable("no server runs here that could send")
    content = templated(await get(desk, scope, name), data or "{}")
    await preview(desk, scope, name, data)  # what cannot be filled in is told here, not by an event later on
    draft = Draft(
        scope=scope,
        operation="SendEmail",
        caller_identity=desk.who,
        source_ip=desk.source,
        content=content,
        size_limit=V2_SIZE_LIMIT,
        sender=addresses[0],
        to=(addresses[1],),
    )
    return await desk.sender.send(draft, desk.clock.now())


def _list(account: str, region: str) -> Plan[list[Named]]:
    found = []
    for scope in (yield from nouns.scopes()):
        if account not in ("", scope.account) or region not in ("", scope.region):
            continue
        token: str | None = None
        while True:
            page = yield from templates.list_page(scope, token, LONGEST_PAGE)
            found += [Named(one.name, *scope, one.created_at) for one in page.templates]
            token = page.next_token
            if token is None:
                break
    return found
