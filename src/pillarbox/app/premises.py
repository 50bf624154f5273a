"""What the settings say of the machine, for the doctor and other operators.

Pure. Called where a desk is built: with the ports that a running server has,
and without one with those that it would have.
"""

from urllib.parse import urlsplit

from pillarbox.app.listening import Listening
from pillarbox.operate.desk import Door, Premises
from pillarbox.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask where that is listened on


def premises(settings: Settings, running: Listening | None = None) -> Premises:
    """Return where the server listens, what it needs and what it shows."""
    of = running or settings
    ports = {
        "http": of.port,
        "https": of.https_port,
        "smtp": of.smtp_port,
        "smtps": of.smtps_port,
        "return path": of.return_path_port,
    }
    host = _EVERYWHERE.get(settings.host, settings.host)
    return Premises(
        folder=settings.data,
        least_free_bytes=settings.least_free_bytes,
        doors=tuple(Door(service, host, port) for service, port in ports.items() if port > 0),
        certificate=settings.tls_certificate,
        sends_itself=any(route.transport == "mx" for route in settings.routes),
        links_host=urlsplit(settings.tracking_url or settings.public_url).hostname or "",
    )
