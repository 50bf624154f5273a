"""Templates on their way to a message: can it be filled in at all, what would come out, what is to be sent.

Pure but for the cache of compiled templates and the random parts of a preview.
Large templates take milliseconds: `check` and `preview` belong off the loop.
Called by api/ for both spellings of the template operations and the sends.
"""

from datetime import UTC, datetime
from email.utils import format_datetime

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope, message_id_header, new_message_id
from pillarbox.resources.templates import Template, check_parts
from pillarbox.sending.compose import compose_unaddressed
from pillarbox.sending.draft import Attachment, Templated
from pillarbox.sending.envelope import simple_of
from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.render import InvalidTemplateData, RenderingFailure, TemplateParts, compiled_parts, render


class InvalidTemplate(Invalid):
    """The template is not written as templates are; the message names the line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Template {name} is invalid: {why}.")
        self.members = {"TemplateName": name}


class InvalidRendering(Invalid):
    """A preview cannot be made of this template and this data."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.members = {"TemplateName": name}


class MissingRenderingAttribute(InvalidRendering):
    """The data lacks something that the template prints."""


def check(template: Template) -> None:
    """Pass when the template has its parts and all can be read, or raise Invalid or InvalidTemplate."""
    check_parts(template)
    try:
        compiled_parts(_parts(template))
    except TemplateError as error:
        raise InvalidTemplate(template.name, str(error)) from None


def preview(template: Template, data: str, scope: Scope, service_domain: str, now: Millis) -> str:
    """Return the message that the template makes of the data, without sender and recipients.

    https://docs.aws.amazon.com/ses/latest/APIReference/API_TestRenderTemplate.html
    """
    try:
        rendered = render(_parts(template), data)
    except InvalidTemplateData as error:
        raise InvalidRendering(template.name, str(error)) from None
    except RenderingFailure as error:
        kind = InvalidRendering if error.missing is None else MissingRenderingAttribute
        raise kind(template.name, error.message) from None
    headers = [
        ("Date", format_datetime(datetime.fromtimestamp(now // SECOND, UTC))),
        ("Message-ID", message_id_header(new_message_id(scope, now), scope.region, service_domain)),
    ]
    return compose_unaddressed(simple_of(templated(template, data), rendered), headers).raw.decode("ascii")


def templated(
    template: Template,
    data: str,
    headers: tuple[tuple[str, str], ...] = (),
    attachments: tuple[Attachment, ...] = (),
) -> Templated:
    """Return what a send with this template asks for."""
    parts = _parts(template)
    return Templated(parts.name, parts.subject, parts.text, parts.html, data, headers, attachments)


def _parts(template: Template) -> TemplateParts:
    """An empty part is as good as none: nobody wants to read an empty text beside the HTML."""
    return TemplateParts(template.name, template.subject, template.text or None, template.html or None)
