"""Another SES as tests want it: it throttles, fails half-way, answers late, and counts how fast mail comes.

It speaks as much of the SES v2 API as a far side is asked for. `script` holds
what the next sends are answered; what is left out is taken and answered 200.
"""

import base64
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

_PATIENCE_SECONDS = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds, and fail when it does not within half a minute."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)


class Said(NamedTuple):
    """How a send is answered: with an error, after `late_seconds`, or (`breaks`) by hanging up after taking it."""

    status: int = 200
    code: str = ""
    message: str = ""
    late_seconds: float = 0.0
    breaks: bool = False


TOO_FAST = Said(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
DAY_USED_UP = Said(429, "TooManyRequestsException", "Daily message quota exceeded.")


class Taken(NamedTuple):
    """One send that was taken, and when (time.monotonic)."""

    their_id: str
    recipients: tuple[str, ...]
    raw: bytes
    asked: dict[str, Any]
    headers: dict[str, str]
    at: float


class FarSes(ThreadingHTTPServer):
    """`taken` is what was taken; `asked` the paths of every request; `quota` what GetAccount tells."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.script: deque[Said] = deque()
        self.taken: list[Taken] = []
        self.asked: list[str] = []
        self.quota = {"MaxSendRate": 1000.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 0.0}
        self.suppressed: dict[str, str] = {}
        self.page_size = 2
        self.lock = threading.Lock()
        self._numbers = itertools.count(1)

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator["FarSes"]:
        with cls() as far:
            serving = threading.Thread(target=far.serve_forever, args=(0.02,), daemon=True)
            serving.start()
            try:
                yield far
            finally:
                far.shutdown()
                serving.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for_mail(self, count: int) -> list[Taken]:
        wait_until(lambda: len(self.taken) >= count)
        return self.taken

    def new_id(self) -> str:
        return f"0102018f00000000-00000000-0000-4000-8000-{next(self._numbers):012x}-000000"

    def sends(self) -> int:
        return sum(path.endswith("/outbound-emails") for path in self.asked)

    def fastest(self, rate: float, slack_seconds: float) -> float:
        """Return by how many recipients a sliding window ever held more than rate·(T + slack) + 1; 0 or less is fine.

        `slack_seconds` is what the way from a turn to this server may take.
        """
        beyond = 0.0
        for first, start in enumerate(self.taken):
            count = 0
            for taken in self.taken[first:]:
                beyond = max(beyond, count + 1 - (rate * (taken.at - start.at + slack_seconds) + 1))
                count += len(taken.recipients)
        return beyond

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed hangs up: that is for the test to see."""


class _Answering(BaseHTTPRequestHandler):
    server: FarSes
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        at = time.monotonic()
        path = urlsplit(self.path)
        with self.server.lock:
            self.server.asked.append(path.path)
        if "Signature=" not in self.headers.get("Authorization", ""):
            self._error(Said(403, "MissingAuthenticationTokenException", "Missing Authentication Token"))
        elif path.path == "/v2/email/account":
            self._answer(200, {"SendQuota": self.server.quota, "SendingEnabled": True, "ProductionAccessEnabled": True})
        elif path.path == "/v2/email/suppression/addresses":
            self._answer(200, self._page(int(parse_qs(path.query).get("NextToken", ["0"])[0])))
        else:
            self._error(Said(404, "NotFoundException", f"no {path.path} at {at}"))

    def do_POST(self) -> None:
        at = time.monotonic()
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(self.path)
            said = self.server.script.popleft() if self.server.script else Said()
        if said.status != 200:
            self._error(said)
            return
        taken = Taken(
            self.server.new_id(),
            tuple(content["Destination"]["ToAddresses"]),
            base64.b64decode(content["Content"]["Raw"]["Data"]),
            content,
            {name.lower(): value for name, value in self.headers.items()},
            at,
        )
        with self.server.lock:
            self.server.taken.append(taken)
        time.sleep(said.late_seconds)  # a late answer is what the test asks for
        if said.breaks:
            self.close_connection = True
            return
        self._answer(200, {"MessageId": taken.their_id})

    def _page(self, start: int) -> dict[str, Any]:
        listed = sorted(self.server.suppressed.items())
        page = [
            {"EmailAddress": address, "Reason": reason, "LastUpdateTime": 1_790_000_000.0}
            for address, reason in listed[start : start + self.server.page_size]
        ]
        after = start + self.server.page_size
        more = {"NextToken": str(after)} if after < len(listed) else {}
        return {"SuppressedDestinationSummaries": page, **more}

    def _error(self, said: Said) -> None:
        self._answer(said.status, {"message": said.message}, {"x-amzn-ErrorType": said.code})

    def _answer(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests say what went wrong themselves."""
