"""Speaks the older query protocol to SQS, which no SDK of today does any more."""

import re
from typing import Any
from xml.etree import ElementTree

from tests.support.server import Server
from tests.support.signing import form, send, signed


class FormAnswer:
    """The XML that came back, without its namespace."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.root = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text))

    def texts(self, path: str) -> list[str]:
        """Return the text of every element there, anywhere below the root."""
        return [element.text or "" for element in self.root.findall(f".//{path}")]

    def text(self, path: str) -> str:
        (only,) = self.texts(path)
        return only

    @property
    def error(self) -> tuple[int, str, str]:
        return self.status, self.text("Error/Code"), self.text("Error/Message")


def ask(server: Server, action: str, *, target: str = "/", region: str = "us-east-1", **params: Any) -> FormAnswer:
    """Send one signed form; a dot in a parameter's name is written as two underscores."""
    named = {name.replace("__", "."): value for name, value in params.items()}
    body = form(Action=action, Version="2012-11-05", **named)
    headers = signed(server, body, service="sqs", target=target, region=region)
    answer = send(server.endpoint, "POST", target, headers, body)
    return FormAnswer(answer.status, answer.text)
