"""Requests put together and signed by hand, so that each part of them can be wrong."""

import http.client
from typing import Any
from urllib.parse import urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.server import Server

FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Answer:
    """What came back: status, headers and the whole body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")


def send(endpoint: str, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """Send exactly these bytes over a connection of its own."""
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, target, body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def signed(
    server: Server,
    body: bytes,
    *,
    service: str = "ses",
    method: str = "POST",
    target: str = "/",
    region: str = "us-east-1",
    headers: dict[str, str] | None = None,
    key_id: str | None = None,
    secret: str | None = None,
) -> dict[str, str]:
    """Return the headers of a request signed as botocore signs it."""
    request = AWSRequest(method, server.endpoint + target, headers or {"Content-Type": FORM}, body)
    credentials = Credentials(key_id or server.key_id, secret or server.secret)
    SigV4Auth(credentials, service, region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def form(**params: Any) -> bytes:
    return urlencode(params).encode()
