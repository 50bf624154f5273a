"""An HTTP endpoint that takes SNS posts as a careful one does: it verifies, confirms and keeps.

Touches a port of this machine, and the certificate's URL. Used by
`pillarbox demo`.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

_HASHES = {"1": "SHA1", "2": "SHA256"}
_PATIENCE_SECONDS = 10


class Subscriber:
    """Listens on loopback while `running`; `url` is its endpoint."""

    def __init__(self) -> None:
        self._received: queue.Queue[dict[str, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/mail_events"

    @contextmanager
    def running(self) -> Iterator["Subscriber"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def next_post(self, seconds: float) -> dict[str, Any]:
        """Return the next verified post; queue.Empty when none comes in time."""
        return self._received.get(timeout=seconds)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not is_genuine(post):
                    self.send_error(403)
                    return
                if post["Type"] == "SubscriptionConfirmation":
                    _fetch(post["SubscribeURL"])
                received.put(post)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the demo says what was received."""

        return Handler


def is_genuine(post: dict[str, Any]) -> bool:
    """Say whether the post's signature was made with the key of its certificate."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(_fetch(post["SigningCertURL"])).public_key()
    assert isinstance(key, RSAPublicKey)
    algorithm: hashes.HashAlgorithm = getattr(hashes, _HASHES[post["SignatureVersion"]])()
    try:
        key.verify(base64.b64decode(post["Signature"]), signed_text(post).encode(), PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def signed_text(post: dict[str, Any]) -> str:
    """Return what a post's signature is made over."""
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    return "".join(f"{name}\n{post[name]}\n" for name in names if post.get(name) is not None)


def _fetch(url: str) -> bytes:
    with urlopen(url, timeout=_PATIENCE_SECONDS) as response:  # noqa: S310 - only URLs that our own server wrote
        content: bytes = response.read()
        return content
