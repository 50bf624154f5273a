"""Signed SendEmail requests as the AWS SDK for Python makes them, ready to be sent as bytes."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

SENDER = "sender@example.com"


def html_of(size: int) -> str:
    """Return HTML of about so many bytes, of the kind that newsletters are made of."""
    link = '<a href="https://www.example.com/offer?id=%d">a link</a>'
    row = f'<tr><td style="padding:8px">A line with {link} & more</td></tr>\n'
    rows, number = [], 0
    while sum(map(len, rows)) < size - 60:
        rows.append(row % number)
        number += 1
    return f"<html><body><table>{''.join(rows)}</table></body></html>"


def letter_of(size: int) -> str:
    """Return HTML of about so many bytes, of the kind that people are told things by: text with some links."""
    line = "<p>What there is to say about number %d goes on for a line or two, as it does in most mail.</p>\n"
    link = '<p><a href="https://www.example.com/offer?id=%d">More about it</a></p>\n'
    lines: list[str] = []
    while sum(map(len, lines)) < size - 60:
        lines.append((link if len(lines) % 8 == 4 else line) % len(lines))
    return f"<html><body>{''.join(lines)}</body></html>"


def signed_requests(
    endpoint: str, key_id: str, secret: str, html: str, count: int, configuration_set: str | None = None
) -> list[bytes]:
    """Return `count` requests to as many recipients; each is a whole HTTP/1.1 request."""
    model = ServiceModel(Loader().load_service_model("ses", "service-2"), "ses")
    serializer = create_serializer("query")
    signer = SigV4Auth(Credentials(key_id, secret), "ses", "us-east-1")
    operation = model.operation_model("SendEmail")
    made = []
    for number in range(count):
        params: dict[str, Any] = {
            "Source": SENDER,
            "Destination": {"ToAddresses": [f"recipient-{number}@example.net"]},
            "Message": {
                "Subject": {"Data": "A subject", "Charset": "UTF-8"},
                "Body": {"Html": {"Data": html, "Charset": "UTF-8"}},
            },
        }
        if configuration_set:
            params["ConfigurationSetName"] = configuration_set
        wire = serializer.serialize_to_request(params, operation)
        request = AWSRequest("POST", endpoint + "/", wire["headers"], wire["body"])
        prepared = request.prepare()
        request = AWSRequest("POST", endpoint + "/", dict(prepared.headers), prepared.body)
        signer.add_auth(request)
        made.append(as_bytes(endpoint, request.prepare()))
    return made


def as_bytes(endpoint: str, prepared: object) -> bytes:
    """Return a prepared request as a whole HTTP/1.1 request."""
    body: bytes = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()  # type: ignore[attr-defined]
    host = endpoint.removeprefix("http://")
    headers = {name.title(): value for name, value in prepared.headers.items()}  # type: ignore[attr-defined]
    headers |= {"Host": host, "Content-Length": str(len(body))}
    head = "".join(
        f"{name}: {value if isinstance(value, str) else value.decode()}\r\n" for name, value in headers.items()
    )
    path = urlsplit(str(prepared.url)).path or "/"  # type: ignore[attr-defined]
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def write_file(path: Path, requests: list[bytes]) -> None:
    path.write_text(json.dumps([request.decode("latin-1") for request in requests]))


def read_file(path: Path) -> list[bytes]:
    return [request.encode("latin-1") for request in json.loads(path.read_text())]
