"""Templates: a subject and one or two bodies with places to be filled in when a message is sent.

Plans. Called by api/ for both spellings of the operations and for the sends
that name a template. What the places mean is decided in sending/render.py.
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import pages, tags, tenant_resources
from pillarbox.resources.identity_names import read_arn
from pillarbox.resources.unsupported import Unsupported
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

KIND = "template"
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_TEMPLATES = 20_000
LARGEST_BYTES = 500 * 1024
# https://docs.aws.amazon.com/ses/latest/APIReference/API_ListTemplates.html
LONGEST_PAGE = 100
USUAL_PAGE = 10
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESOURCE = "template/"


class TemplateExists(Duplicate):
    """The account has a template of that name already."""

    def __init__(self, scope: Scope, name: str) -> None:
        super().__init__(f"Template {name} already exists for account id {scope.account}")
        self.members = {"Name": name}


class TemplateMissing(NotFound):
    """The account has no such template in this region."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Template {name} does not exist.")
        self.members = {"TemplateName": name}


class Template(msgspec.Struct, frozen=True):
    """One template; `name` is empty for one that is not stored. None is a part that was not given."""

    name: str
    subject: str
    text: str | None = None
    html: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Listed(NamedTuple):
    name: str
    created_at: Millis


class Page(NamedTuple):
    templates: list[Listed]
    next_token: str | None


_read = msgspec.json.Decoder(Template).decode


def existing(scope: Scope, name: str) -> Plan[Template]:
    """Return a template, or raise TemplateMissing."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        raise TemplateMissing(name)
    return _read(noun.document)


def named(scope: Scope, name: str | None, arn: str | None) -> Plan[Template]:
    """Return the template that a send names by its name, its ARN or both, or raise why there is none."""
    if not arn:
        return (yield from existing(scope, name or ""))
    parts = read_arn(arn)
    if parts is None or parts.service != "ses" or not parts.resource.startswith(_RESOURCE):
        raise Invalid(f"Invalid value for TemplateArn: {arn} is not the ARN of a template.")
    if parts.scope.account != scope.account:
        raise Unsupported(f"Templates of other accounts are not supported: TemplateArn names {arn}.")
    found = parts.resource.removeprefix(_RESOURCE)
    if name and name != found:
        raise Invalid(f"TemplateArn names the template {found}, but the template {name} was asked for.")
    if parts.scope != scope:
        raise TemplateMissing(found)
    return (yield from existing(scope, found))


def unstored(subject: str, text: str | None, html: str | None) -> Template:
    """Return a template that comes with the call that uses it, or raise Invalid."""
    made = Template("", subject, text, html)
    check_parts(made)
    return made


def list_page(scope: Scope, token: str | None, size: int | None) -> Plan[Page]:
    """Return names in order; a page has 10 of them unless another size (of 100 at the most) is asked for."""
    if size is not None and size < 1:
        raise Invalid(f"The page size {size} is invalid: it must be between 1 and {LONGEST_PAGE}.")
    page = yield from pages.page_of(scope, KIND, token, min(size or USUAL_PAGE, LONGEST_PAGE))
    return Page([Listed(noun.name, noun.created_at) for noun in page.rows], page.next_token)


def create(scope: Scope, template: Template, now: Millis, tag_pairs: Iterable[tuple[str, str]] = ()) -> Plan[None]:
    check_parts(template)
    if not _NAME.fullmatch(template.name):
        raise Invalid(
            f"Invalid template name <{template.name}>: "
            "only 1 to 64 alphanumeric ASCII characters, '_', '-' are allowed."
        )
    made = msgspec.structs.replace(template, tags=tags.checked(tag_pairs))
    if not (yield from nouns.create(scope, KIND, template.name, _write(made), now)):
        raise TemplateExists(scope, template.name)
    if (yield from nouns.count(scope, KIND)) > MOST_TEMPLATES:
        raise LimitReached(f"You have reached the maximum of {MOST_TEMPLATES} templates in this region.")


def update(scope: Scope, template: Template, now: Millis) -> Plan[None]:
    """Replace a template as a whole but for its tags: a part that is not given is gone."""
    check_parts(template)

    def edit(document: str) -> str:
        return _write(msgspec.structs.replace(template, tags=_read(document).tags))

    if not (yield from nouns.change(scope, KIND, template.name, edit, now)):
        raise TemplateMissing(template.name)


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a template; one that is not there is no error."""
    yield from tenant_resources.check_unused(scope, tenant_resources.TEMPLATE, name)
    yield from nouns.delete(scope, KIND, name)


def delete_existing(scope: Scope, name: str) -> Plan[None]:
    """Delete a template, or raise TemplateMissing."""
    yield from tenant_resources.check_unused(scope, tenant_resources.TEMPLATE, name)
    if not (yield from nouns.delete(scope, KIND, name)):
        raise TemplateMissing(name)


def check_parts(template: Template) -> None:
    """Raise Invalid for a template that no message can be made of, or that is too large."""
    if not template.subject:
        raise Invalid("The subject must be specified.")
    if not template.text and not template.html:
        raise Invalid("The text part or the HTML part must be specified.")
    parts = (template.subject, template.text or "", template.html or "")
    if sum(len(part.encode()) for part in parts) > LARGEST_BYTES:
        raise Invalid(f"The template is larger than {LARGEST_BYTES // 1024} KB.")


def _write(template: Template) -> str:
    return msgspec.json.encode(template).decode()
