"""Custom verification templates: an account's own mail that asks somebody to confirm their address.

Plans, and the rules of what such a mail may say. Called by api/ for both
spellings, by sending/verification_mail.py and by the page behind the link,
which leads on to the template's URLs and to no others.
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#send-email-verify-address-custom
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from pillarbox.kit.addresses import InvalidAddress, parse_mailbox
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources import identities, pages, tags
from pillarbox.resources.identity_names import covering_names
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

KIND = "custom-verification-email-template"
MOST_TEMPLATES = 50
LARGEST_BYTES = 10 * 1024 * 1024
LONGEST_PAGE = 50
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]*)")
_URL = re.compile(r"[!-~]{1,2048}")
# The one link of the mail is the one that we put there.
_LINKS = frozenset(("a", "area", "base", "link"))
_ACTIVE = frozenset(("applet", "embed", "object", "script"))


class CustomTemplateExists(Duplicate):
    """The account has a custom verification template of that name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Custom verification email template {name} already exists.")
        self.members = {"CustomVerificationEmailTemplateName": name}


class CustomTemplateMissing(NotFound):
    """The account has no such custom verification template in this region."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Custom verification email template {name} does not exist.")
        self.members = {"CustomVerificationEmailTemplateName": name}


class FromNotVerified(NotFound):
    """No verified identity covers the address that the mail would come from."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Email address {address} is not verified.")
        self.members = {"FromEmailAddress": address}


class InvalidContent(Invalid):
    """The content is too large, or has something in it that such a mail may not have."""


class CustomTemplate(msgspec.Struct, frozen=True):
    """One template; the URLs are where the page behind the link leads to."""

    name: str
    sender: str
    subject: str
    content: str
    success_url: str
    failure_url: str
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Changes(NamedTuple):
    """What is to become of a template; None leaves a part as it is."""

    sender: str | None = None
    subject: str | None = None
    content: str | None = None
    success_url: str | None = None
    failure_url: str | None = None


class Page(NamedTuple):
    templates: list[CustomTemplate]
    next_token: str | None


_read = msgspec.json.Decoder(CustomTemplate).decode


def get(scope: Scope, name: str) -> Plan[CustomTemplate | None]:
    noun = yield from nouns.get(scope, KIND, name)
    return _read(noun.document) if noun else None


def existing(scope: Scope, name: str) -> Plan[CustomTemplate]:
    """Return a template, or raise CustomTemplateMissing."""
    found = yield from get(scope, name)
    if found is None:
        raise CustomTemplateMissing(name)
    return found


def sendable(scope: Scope, name: str) -> Plan[CustomTemplate]:
    """Return a template that mail may be made of now, or raise CustomTemplateMissing or FromNotVerified."""
    template = yield from existing(scope, name)
    yield from check_sender(scope, template.sender)
    return template


def list_page(scope: Scope, token: str | None, size: int | None) -> Plan[Page]:
    """Return templates by name, at most 50 on a page."""
    page = yield from pages.page_of(scope, KIND, token, min(pages.checked_size(size), LONGEST_PAGE))
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def create(
    scope: Scope, template: CustomTemplate, now: Millis, tag_pairs: Iterable[tuple[str, str]] = ()
) -> Plan[None]:
    """Keep a template whose content has passed `check_content`."""
    if not _NAME.fullmatch(template.name):
        raise Invalid(
            f"Invalid template name <{template.name}>: "
            "only 1 to 64 alphanumeric ASCII characters, '_', '-' are allowed."
        )
    yield from _check(scope, template)
    made = msgspec.structs.replace(template, tags=tags.checked(tag_pairs))
    if not (yield from nouns.create(scope, KIND, template.name, _write(made), now)):
        raise CustomTemplateExists(template.name)
    if (yield from nouns.count(scope, KIND)) > MOST_TEMPLATES:
        raise LimitReached(
            f"You have reached the maximum of {MOST_TEMPLATES} custom verification email templates in this region."
        )


def update(scope: Scope, name: str, changes: Changes, now: Millis) -> Plan[None]:
    """Change those parts of a template that are given; a content has passed `check_content`."""
    given = {part: value for part, value in changes._asdict().items() if value is not None}
    changed = msgspec.structs.replace((yield from existing(scope, name)), **given)
    yield from _check(scope, changed)
    yield from nouns.change(scope, KIND, name, lambda _: _write(changed), now)


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a template; one that is not there is no error (v1)."""
    yield from nouns.delete(scope, KIND, name)


def delete_existing(scope: Scope, name: str) -> Plan[None]:
    """Delete a template, or raise CustomTemplateMissing (v2)."""
    if not (yield from nouns.delete(scope, KIND, name)):
        raise CustomTemplateMissing(name)


def check_sender(scope: Scope, sender: str) -> Plan[None]:
    """Pass when mail may come from `sender`, or raise Invalid or FromNotVerified."""
    try:
        address = parse_mailbox(sender).address
    except InvalidAddress as error:
        raise Invalid(f"Invalid value for FromEmailAddress: {error}") from None
    for name in covering_names(address):
        identity = yield from identities.get(scope, name)
        if identity is not None and identity.verified:
            return
    raise FromNotVerified(sender)


def check_content(content: str) -> None:
    """Raise InvalidContent for what SES does not take into such a mail. Large content takes a while: off the loop.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#send-email-verify-address-custom-faq
    """
    if not content.strip():
        raise InvalidContent("The template content must be specified.")
    if len(content.encode()) > LARGEST_BYTES:
        raise InvalidContent(f"The template content is larger than {LARGEST_BYTES // (1024 * 1024)} MB.")
    if "<!--" in content:
        raise InvalidContent("The template content contains a comment.")
    for found in _TAG.finditer(content):
        tag = found[1].lower()
        if tag in _LINKS:
            raise InvalidContent(f"The template content contains a link (<{tag}>): the service adds the only one.")
        if tag in _ACTIVE:
            raise InvalidContent(f"The template content contains the unsupported tag <{tag}>.")


def _check(scope: Scope, template: CustomTemplate) -> Plan[None]:
    if not template.subject.strip() or _CONTROL.search(template.subject):
        raise Invalid("The template subject must be specified, without line breaks.")
    _check_url("SuccessRedirectionURL", template.success_url)
    _check_url("FailureRedirectionURL", template.failure_url)
    yield from check_sender(scope, template.sender)


def _check_url(member: str, url: str) -> None:
    """A browser is led there, so nothing but a whole address on the web will do."""
    try:
        parts = urlsplit(url) if _URL.fullmatch(url) else None
        is_one = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        is_one = False
    if not is_one or "\\" in url:
        raise Invalid(f"Invalid value for {member}: {url} is not an http or https URL.")


def _write(template: CustomTemplate) -> str:
    return msgspec.json.encode(template).decode()
