"""A second Pillarbox, reached over HTTPS, whose SNS signs with a certificate of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import RunningServer, Server
from tests.support.tls_front import TlsFront


@contextmanager
def far_pillarbox(folder: Path, account: str) -> Iterator[tuple[Server, TlsFront]]:
    """Run it in dev mode, and return it as one account sees it, with the HTTPS before it."""
    folder.mkdir()
    with TlsFront.standing(folder) as front:
        settings = {"dev": True, "public_url": front.url, "sns_cert_url": front.url}
        with RunningServer.started(folder / "data", **settings) as running:
            front.target = running.listening.port
            yield Server(running, account), front
