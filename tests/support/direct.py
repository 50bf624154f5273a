"""The transport `mx`, built from settings as the server builds it, and what it meets: policy hosts and certificates."""

import http.server
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.app.transports import mx_transport
from pillarbox.delivery.transport.mx import MxTransport
from pillarbox.kit.clock import Clock, SystemClock
from pillarbox.settings import MxSetting, Settings
from pillarbox.store.engine import Store
from tests.support.https_front import make_certificate
from tests.support.name_server import NameServer

OUR_NAME = "mta.mail.example.org"
SERVICE_DOMAIN = "mail.example.org"


@asynccontextmanager
async def sending_directly(
    zone: NameServer, port: int, store: Store, *, clock: Clock | None = None, policy_port: int = 443, **settings: Any
) -> AsyncIterator[MxTransport]:
    """Send to the mail servers that `zone` names, on a port of this machine, until the block is left."""
    names = zone.names(timeout_seconds=2.0)
    setting = MxSetting(**{"port": port, "private_addresses": True, **settings})
    built = Settings(service_domain=SERVICE_DOMAIN, dns_validates=zone.signed, mx=setting)
    async with mx_transport(built, names, store, clock or SystemClock(), policy_port=policy_port) as transport:
        yield transport


class Certificate(NamedTuple):
    """A certificate that a server can show, with its authority behind it; `chain` is the file with its key and both."""

    own: bytes
    authority: bytes
    authority_file: Path
    chain: Path
    tls: ssl.SSLContext


def certificate_for(name: str, folder: Path) -> Certificate:
    authority, server = folder / f"{name}-authority.pem", folder / f"{name}.pem"
    make_certificate(name, authority, server)
    own = ssl.PEM_cert_to_DER_cert(server.read_text()[server.read_text().index("-----BEGIN CERT") :])
    server.write_text(server.read_text() + authority.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return Certificate(own, ssl.PEM_cert_to_DER_cert(authority.read_text()), authority, server, context)


class PolicyHost(http.server.ThreadingHTTPServer):
    """Serves one MTA-STS policy over HTTPS; `asked` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.policy = ""
        self.status = 200
        self.content_type = "text/plain"
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    @classmethod
    @contextmanager
    def listening(cls, tls: ssl.SSLContext) -> Iterator["PolicyHost"]:
        with cls(tls) as host:
            serving = threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True)
            serving.start()
            try:
                yield host
            finally:
                host.shutdown()
                serving.join(10)

    def announce(self, mode: str, *mx: str, max_age_seconds: int = 86_400) -> None:
        names = "".join(f"mx: {one}\r\n" for one in mx)
        self.policy = f"version: STSv1\r\nmode: {mode}\r\n{names}max_age: {max_age_seconds}\r\n"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate ends the handshake: that is for the test to see."""


class _Answering(http.server.BaseHTTPRequestHandler):
    server: PolicyHost

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.policy.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests say what went wrong themselves."""
