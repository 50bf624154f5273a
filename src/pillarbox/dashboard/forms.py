"""What a page is sent: the fields of a form with its files, the members of a JSON object, or a file.

Touches the body of the request. Called by the guard of every page that changes
something.
"""

from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from pillarbox.dashboard.access import Denied
from pillarbox.kit.errors import Invalid

# A template may have 500 KB, and each of its bytes can take three in a form.
LONGEST = 2 * 1024 * 1024
# A hundred thousand addresses, or a million of which little is known, in one file.
LONGEST_FILE = 32 * 1024 * 1024
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
FORM_WITH_FILES = "multipart/form-data"
# A file by itself, by which suffix its kind is known; no form of another site can send it.
FILES = {"text/csv": ".csv", "application/x-ndjson": ".ndjson"}
# Browsers say nothing of a box that is not ticked.
_ON, _OFF = frozenset({"on", "true"}), frozenset({"", "off", "false"})


class File(NamedTuple):
    """A file that came along, and what it is called where it is from."""

    name: str
    content: bytes


class Fields:
    """What was filled in, every value a text without spaces around it; what is not there is empty."""

    def __init__(self, given: Mapping[str, list[str]], file: File | None = None) -> None:
        self._given = given
        self.file = file

    def __getitem__(self, name: str) -> str:
        values = self._given.get(name)
        return values[-1] if values else ""

    def names(self) -> list[str]:
        """Return the names that anything was given for."""
        return list(self._given)

    def every(self, name: str) -> list[str]:
        """Return all values of a name: of several boxes that are ticked, or a list."""
        return self._given.get(name, [])

    def is_on(self, name: str) -> bool:
        """Say whether a box is ticked, or a program says true; raise Invalid for what is neither yes nor no."""
        value = self[name].lower()
        if value not in _ON | _OFF:
            raise Invalid(f"{name} is true or false, and not {self[name]!r}.")
        return value in _ON

    def needed(self, name: str, what: str) -> str:
        """Return a value that has to be there, or raise Invalid."""
        if not self[name]:
            raise Invalid(f"Say {what}.")
        return self[name]


async def read_fields(request: Request, *, takes_files: bool = False) -> Fields:
    """Return what was sent, or raise Denied for what is too long or in no known form."""
    kind = content_type(request)
    has_file = takes_files and (kind == FORM_WITH_FILES or kind in FILES)
    body = await _body(request, LONGEST_FILE if has_file else LONGEST)
    if has_file and kind in FILES:
        return Fields({name: [value] for name, value in request.query_params.items()}, File(FILES[kind], body))
    if has_file:
        return _of_parts(body, _header("content-type", request.headers["content-type"], "boundary"))
    if kind == JSON:
        return Fields(_of_json(body))
    if kind != FORM:
        raise Denied(415, f"Send {FORM} or {JSON}.")
    return _of_form(body)


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Denied(413, "That is too long.")
    return bytes(body)


def _of_form(body: bytes) -> Fields:
    fields: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000):
            fields.setdefault(name, []).append(value.replace("\r\n", "\n").strip())
    except ValueError:
        raise Invalid("The form cannot be read.") from None
    return Fields(fields)


def _of_parts(body: bytes, boundary: str) -> Fields:
    """Read a form with a file.

    https://www.rfc-editor.org/rfc/rfc7578
    """
    fields: dict[str, list[str]] = {}
    file = None
    if not boundary:
        raise Invalid("The form cannot be read: it names no boundary.")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
        disposition = next((value for name, _, value in lines if name.lower() == "content-disposition"), "")
        if filename := _header("content-disposition", disposition, "filename"):
            file = File(filename, content)
        elif name := _header("content-disposition", disposition, "name"):
            fields.setdefault(name, []).append(content.decode("utf-8", "replace").strip())
    return Fields(fields, file)


def _header(name: str, value: str, parameter: str) -> str:
    message = Message()
    message[name] = value.strip()
    return str(message.get_param(parameter, "", header=name))


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
        return ["on" if value else "off"]
    return [str(value).strip()]
