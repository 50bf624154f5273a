"""An SQS queue that tests hold by the hand: it says when it is asked to delete, and does so only if it is let."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FarQueue:
    """Gives every message that was not deleted to whoever asks, at once; `refuses` makes it fail at deleting.

    It gives nothing while `gives` is clear, and answers to a deletion only when `holds` is set.
    """

    def __init__(self, bodies: Sequence[str]) -> None:
        self.left = {f"receipt-{number}": body for number, body in enumerate(bodies)}
        self.refuses = False
        self.gives = threading.Event()
        self.gives.set()
        self.holds = threading.Event()
        self.holds.set()
        self.asked_to_delete = threading.Event()
        self.url = ""

    @classmethod
    @contextmanager
    def standing(cls, *bodies: str) -> Iterator["FarQueue"]:
        queue = cls(bodies)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                status, answer = queue.answer(operation, asked)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                return None

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_args: Any) -> None:
                """Whoever asked was killed."""

        with Server(("127.0.0.1", 0), Handler) as server:
            queue.url = f"http://127.0.0.1:{server.server_address[1]}/1/events"
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield queue
            queue.holds.set()
            server.shutdown()

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if operation == "ReceiveMessage":
            if not self.gives.wait(0.2):
                return 200, {}
            some = list(self.left.items())[: asked["MaxNumberOfMessages"]]
            told = [{"MessageId": f"m-{receipt}", "ReceiptHandle": receipt, "Body": body} for receipt, body in some]
            return 200, {"Messages": told} if told else {}
        refuses = self.refuses
        self.asked_to_delete.set()
        self.holds.wait(30)
        if refuses:
            return 500, {"__type": "InternalError"}
        for entry in asked["Entries"]:
            self.left.pop(entry["ReceiptHandle"], None)
        return 200, {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]]}
