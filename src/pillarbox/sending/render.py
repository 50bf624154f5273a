"""The subject, text and HTML of one templated message.

Pure, but for a cache of compiled templates. Large templates and data take
milliseconds: call it off the loop. Called by api/ (to check a template, to
preview one) and by accept, for templated sends.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.sending.handlebars.compiler import Template, compile_template
from pillarbox.sending.handlebars.errors import MissingAttribute, RenderingError, TemplateError
from pillarbox.sending.handlebars.extent import longest, together

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Template.html
LONGEST_DATA = 262_144
_LARGEST_CACHED = 64 * 1024
_EXACT_DIGITS = 15


@dataclass(slots=True, frozen=True)
class TemplateParts:
    """A template as it is stored. None is a part that the message will not have."""

    name: str
    subject: str
    text: str | None = None
    html: str | None = None


@dataclass(slots=True, frozen=True)
class Rendered:
    subject: str
    text: str | None
    html: str | None


class Foreseen(NamedTuple):
    """What is known of a message before it is rendered: its subject, and how many bytes all parts have at most."""

    subject: str
    longest: int


class InvalidTemplateData(Invalid):
    """The data is not a JSON object, or too long."""


class RenderingFailure(Refusal):
    """The template cannot be filled with this data; `missing` names the variable, when that is why."""

    def __init__(self, template_name: str, message: str, missing: str | None = None) -> None:
        super().__init__(message)
        self.template_name = template_name
        self.message = message
        self.missing = missing


def render(template: TemplateParts, data_json: str) -> Rendered:
    """Fill in the parts, or raise TemplateError, InvalidTemplateData or RenderingFailure."""
    subject, text, html = compiled_parts(template)
    data = template_data(data_json)
    try:
        return Rendered(
            subject=subject.render(data),
            text=text.render(data) if text else None,
            html=html.render(data) if html else None,
        )
    except RenderingError as error:
        missing = error.name if isinstance(error, MissingAttribute) else None
        raise RenderingFailure(template.name, str(error), missing) from error


class Foresight:
    """Tells what a template will make of data, for much less than it costs to render it. Raises TemplateError."""

    def __init__(self, template: TemplateParts) -> None:
        parts = [part for part in compiled_parts(template) if part]
        self._subject = parts[0]
        self._extent = together([part.extent for part in parts])

    def of(self, data_json: str) -> Foreseen | None:
        """Return what is known; None for what only rendering can tell. Raises InvalidTemplateData."""
        if self._extent is None:
            return None
        data = template_data(data_json)
        try:
            subject = self._subject.render(data)
        except RenderingError:
            return None
        return Foreseen(subject, longest(self._extent, data_json))


def compiled_parts(template: TemplateParts) -> tuple[Template, Template | None, Template | None]:
    """Compile each part by itself, so that none sees the partials of another, or raise TemplateError."""
    return (
        _compiled(template.subject),
        None if template.text is None else _compiled(template.text),
        None if template.html is None else _compiled(template.html),
    )


def template_data(data_json: str) -> Mapping[str, object]:
    """Parse what the caller sent as TemplateData, or raise InvalidTemplateData."""
    if len(data_json) > LONGEST_DATA:
        raise InvalidTemplateData(f"Template data is longer than {LONGEST_DATA} characters.")
    try:
        data = _read_json(data_json)
    except RecursionError:
        raise InvalidTemplateData("Template data is nested too deep.") from None
    except ValueError as error:
        raise InvalidTemplateData(f"Template data is not valid JSON: {error}.") from None
    if not isinstance(data, dict):
        raise InvalidTemplateData("Template data must be a JSON object.")
    return data


def _compiled(source: str) -> Template:
    template = _cached(source) if len(source) <= _LARGEST_CACHED else compile_template(source)
    # https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html#sending-metric-faqs
    if template.open_trackers > 1:
        raise TemplateError("A template can contain {{ses:openTracker}} only once", 1)
    return template


_cached = lru_cache(maxsize=256)(compile_template)


def _number(digits: str) -> int | float:
    """Read as JavaScript does, for which a large integer is an inexact one."""
    return int(digits) if len(digits) <= _EXACT_DIGITS else float(digits)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


_read_json = json.JSONDecoder(parse_int=_number, parse_constant=_refuse).decode
