"""The main road stays short: what runs between a request's bytes and its Delivery event.

Counted are the rooms where decisions are made: their modules, and the lines of the functions that run, which is what
somebody reads who follows one message. The leaves below them (kit, the AWS protocols in wire, the SQL in store) have
seams of their own and are read when one of them is the question.
"""

import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.support.server import RunningServer

SRC = Path(__file__).parents[2] / "src" / "pillarbox"
LEAVES = ("kit", "wire", "store")
# The road ends with the event on disk; what follows the log, or looks for hits, is behind it.
BEHIND_THE_ROAD = (
    *("destinations", "stats", "pubsub", "events/follow.py", "events/tail.py", "events/shapes.py"),
    *("operate", "dashboard", "edge/hit_", "upkeep", "upstream", "settings/"),
)
NOT_COUNTED = (*LEAVES, *BEHIND_THE_ROAD, "app/")
MOST_MODULES = 47
MOST_LINES = 1_750


class Trace:
    """Notes which of our functions run, in every thread, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> None:
        if self.on and event == "call":
            self.seen.add(frame.f_code)

    def road(self) -> dict[Path, int]:
        """Return the modules of the road, each with how many lines its functions have that ran."""
        lines: dict[Path, set[int]] = {}
        for code in self.seen:
            path = Path(code.co_filename)
            if path.is_relative_to(SRC) and not str(path.relative_to(SRC)).startswith(NOT_COUNTED):
                ran = lines.setdefault(path.relative_to(SRC), set())
                ran.update(line for _, _, line in code.co_lines() if line)
        return {path: max(0, len(ran)) for path, ran in lines.items()}


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
    road = trace.road()
    told = "\n".join(f"{count:5} {path}" for path, count in sorted(road.items()))
    assert len(road) <= MOST_MODULES, told
    assert sum(road.values()) <= MOST_LINES, told
