"""The main road stays short: the modules that run between a request's bytes and its Delivery event.

Counted are the rooms where decisions are made. The leaves below them (kit, the AWS protocols in wire, the SQL in
store) have seams of their own and are read when one of them is the question.
"""

import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from tests.support.server import RunningServer

SRC = Path(__file__).parents[2] / "src" / "pillarbox"
LEAVES = ("kit", "wire", "store")
# The road ends with the event on disk; what follows the log is behind it.
BEHIND_THE_ROAD = ("destinations", "stats", "pubsub", "events/follow.py", "events/shapes.py", "operate", "dashboard")
NOT_COUNTED = (*LEAVES, *BEHIND_THE_ROAD, "app.py")
MOST_MODULES = 32
MOST_LINES = 4_000


class Trace:
    """Notes which of our modules run, in every thread, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> None:
        if self.on and event == "call":
            self.seen.add(frame.f_code.co_filename)


def test_the_main_road_is_short(tmp_path: Path) -> None:
    trace = Trace()
    threading.setprofile(trace)
    try:
        with RunningServer.started(tmp_path, dev=True) as running:
            server = running.for_new_account()
            ses = server.client("ses")
            ses.verify_email_identity(EmailAddress="a@example.com")
            message: dict[str, Any] = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
            send = {"Source": "a@example.com", "Destination": {"ToAddresses": ["b@example.net"]}, "Message": message}
            ses.send_email(**send)
            server.settle()
            trace.on = True
            ses.send_email(**send)
            server.settle()
            trace.on = False
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
        sys.setprofile(None)
    road = sorted(
        path.relative_to(SRC)
        for path in map(Path, trace.seen)
        if path.is_relative_to(SRC) and not str(path.relative_to(SRC)).startswith(NOT_COUNTED)
    )
    lines = sum((SRC / path).read_text().count("\n") for path in road)
    told = "\n".join(f"{(SRC / path).read_text().count(chr(10)):5} {path}" for path in road)
    assert len(road) <= MOST_MODULES, told
    assert lines <= MOST_LINES, told
