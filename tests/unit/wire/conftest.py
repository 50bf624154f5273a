"""What the wire tests share: sample values for any shape, and requests made by botocore's own client code."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from pillarbox.wire.request import Request, Response

AWKWARD = "a b&c=d%e+f<g>\"h'i/j?k#l\\m.n\u00e9\u20ac\U0001f600\r\n\tz"
WHEN = 1_700_000_000_000


class Botocore:
    """The client's side of every protocol, as SDK users run it."""

    def request(self, protocol: str, model: Any, name: str, params: dict[str, Any]) -> Request:
        """Write `params` with botocore's serializer and read the result as a server would get it."""
        description = create_serializer(protocol, include_validation=False).serialize_to_request(
            params, model.operation_model(name)
        )
        prepare_request_dict(description, "http://localhost:8025", context={})
        prepared = create_request_object(description).prepare()
        url = urlsplit(prepared.url)
        headers = {key.lower(): _text(value) for key, value in prepared.headers.items()}
        body = prepared.body or b""
        return Request(
            prepared.method,
            url.path + (f"?{url.query}" if url.query else ""),
            headers | {"host": url.netloc},
            body.encode() if isinstance(body, str) else body,
        )

    def parse(self, protocol: str, response: Response, shape: Any) -> dict[str, Any]:
        """Read our answer with botocore's parser."""
        raw = {"status_code": response.status, "headers": _headers(response), "body": response.body}
        parsed: dict[str, Any] = create_parser(protocol).parse(raw, shape)
        return parsed


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _headers(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers}


class Samples:
    """Values for a shape with every member set, as botocore spells them and as we do."""

    def pair(self, shape: Any) -> tuple[Any, Any]:
        """Return the same value twice: times as datetime and as milliseconds."""
        match shape.type_name:
            case "structure":
                members = list(shape.members.items())
                if shape.is_tagged_union:  # exactly one member may be set
                    members = members[-1:]
                pairs = {name: self.pair(member) for name, member in members}
                return self._sides(pairs)
            case "map":
                value = shape.value
                return self._sides({"k.e y&1": self.pair(value), "key/2": self.pair(value)})
            case "list":
                theirs, ours = self.pair(shape.member)
                return [theirs] * 11, [ours] * 11
            case "timestamp":
                return datetime.fromtimestamp(WHEN / 1000, UTC), WHEN
            case "string":
                return AWKWARD, AWKWARD
            case "blob":
                return b"\x00\xff binary\r\n", b"\x00\xff binary\r\n"
            case "boolean":
                return True, True
            case "integer" | "long":
                return -7, -7
            case _:
                return 200.0, 200.0

    @staticmethod
    def _sides(pairs: dict[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        return {name: pair[0] for name, pair in pairs.items()}, {name: pair[1] for name, pair in pairs.items()}


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples()


@pytest.fixture(scope="session")
def client() -> Botocore:
    return Botocore()
