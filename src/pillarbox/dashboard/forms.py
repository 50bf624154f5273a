"""What a page is sent: the fields of a form, or the members of a JSON object.

Touches the body of the request. Called by the guard of every page that changes
something.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from pillarbox.dashboard.access import Denied
from pillarbox.kit.errors import Invalid

# A template may have 500 KB, and each of its bytes can take three in a form.
LONGEST = 2 * 1024 * 1024
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Fields:
    """What was filled in, every value a text without spaces around it; what is not there is empty."""

    def __init__(self, given: Mapping[str, list[str]]) -> None:
        self._given = given

    def __getitem__(self, name: str) -> str:
        values = self._given.get(name)
        return values[-1] if values else ""

    def every(self, name: str) -> list[str]:
        """Return all values of a name: of several boxes that are ticked, or a list."""
        return self._given.get(name, [])

    def needed(self, name: str, what: str) -> str:
        """Return a value that has to be there, or raise Invalid."""
        if not self[name]:
            raise Invalid(f"Say {what}.")
        return self[name]


async def read_fields(request: Request) -> Fields:
    """Return what was sent, or raise Denied for what is too long or in no known form."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise Denied(413, "That is too long.")
    kind = content_type(request)
    if kind == JSON:
        return Fields(_of_json(body))
    if kind != FORM:
        raise Denied(415, f"Send {FORM} or {JSON}.")
    fields: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000):
            fields.setdefault(name, []).append(value.replace("\r\n", "\n").strip())
    except ValueError:
        raise Invalid("The form cannot be read.") from None
    return Fields(fields)


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _of_json(body: bytes) -> dict[str, list[str]]:
    try:
        given = msgspec.json.decode(body or b"{}", type=dict[str, str | int | float | bool | list[str] | None])
    except msgspec.DecodeError as error:
        raise Invalid(f"The body is not an object of texts: {error}") from None
    return {name: _texts(value) for name, value in given.items() if value is not None}


def _texts(value: str | float | bool | list[str]) -> list[str]:
    if isinstance(value, list):
        return value
    if isinstance(value, bool):
        return ["on"] if value else []
    return [str(value).strip()]
