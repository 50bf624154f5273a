"""An HTTP request and response as the AWS protocols see them: bytes and names, no sockets.

Pure values. The edge makes a `Request` from what it read and writes the
`Response` that serialize.py returns.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Request:
    """One request as it came over the wire; nothing is decoded, since signatures cover the raw form.

    `headers` has lower-case names; a repeated header is one value joined with
    commas. `target` is the undecoded path with the query string, if any.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: str = ""  # the address that it comes from

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def raw_query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(slots=True)
class Response:
    """A whole answer; the edge adds what belongs to the connection (Date, Content-Length)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
