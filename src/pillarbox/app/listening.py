"""Where a server listens, and what each of its processes has at hand.

Touches sockets, which are bound before anything else so that a port in use is
told at once, or come from the service manager, which keeps them open while one
process follows another. Used by app/server.py, and by app/worker.py on sockets
that it inherits.
"""

import gc
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.app.opening import open_keyring
from pillarbox.delivery.provider_book import ProviderBook
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.kit.clock import Clock
from pillarbox.kit.courtesy import Courtesy
from pillarbox.kit.dns import Names
from pillarbox.kit.secrets import Keyring
from pillarbox.resources.dedicated_ips import Pools
from pillarbox.settings import Settings, SettingsError
from pillarbox.store.engine import Store


class CannotListen(OSError):
    """An address is in use, or is none of this machine's; `setting` is the one that names the port."""

    def __init__(self, host: str, port: int, setting: str, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.address = f"{host}:{port}"
        self.setting = setting


class Sockets(NamedTuple):
    """What a server listens on; None where it is switched off."""

    http: socket.socket
    smtp: socket.socket | None
    smtps: socket.socket | None
    return_path: socket.socket | None
    https: socket.socket | None

    @classmethod
    def bound(cls, settings: Settings) -> "Sockets":
        """Bind what the settings ask for and nobody has bound for us, or raise CannotListen and leave nothing bound."""
        given = _handed_over()
        made: list[socket.socket | None] = []
        try:
            made.append(given.pop(settings.port, None) or _listen(settings.host, settings.port, "port"))
            takes_mail = "smtp" in settings.roles
            for name, port in (
                ("smtp_port", settings.smtp_port * takes_mail),
                ("smtps_port", settings.smtps_port * takes_mail),
                ("return_path_port", settings.return_path_port * takes_mail),
                ("https_port", settings.https_port),
            ):
                made.append((given.pop(port, None) or _listen(settings.host, max(port, 0), name)) if port else None)
            if given:
                raise SettingsError(f"settings: the service manager listens on {min(given)}, and no setting names it")
        except (OSError, SettingsError):
            for one in filter(None, (*made, *given.values())):
                one.close()
            raise
        return cls.of(made)

    @classmethod
    def of(cls, sockets: Sequence[socket.socket | None]) -> "Sockets":
        http, *others = sockets
        assert http is not None
        return cls(http, *others)

    def close(self) -> None:
        for one in filter(None, self):
            one.close()


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that is ready: where it listens, and its parts for those who look inside.

    The ports of SMTP (with STARTTLS, and with TLS from the first byte), of the return path and of HTTPS are 0 where
    it is switched off.
    """

    settings: Settings
    port: int
    public_url: str
    store: Store
    keyring: Keyring
    smtp_port: int
    smtps_port: int
    return_path_port: int
    https_port: int
    names: Names
    book: ProviderBook
    courtesy: Courtesy

    @classmethod
    def on(cls, sockets: Sockets, settings: Settings, store: Store, keyring: Keyring, clock: Clock) -> "Listening":
        port, smtp_port, smtps_port, return_path_port, https_port = (
            one.getsockname()[1] if one else 0 for one in sockets
        )
        names = Names(settings.nameservers, validates=settings.dns_validates)
        return cls(
            settings,
            port,
            settings.public_url.rstrip("/") or f"http://localhost:{port}",
            store,
            keyring,
            smtp_port,
            smtps_port,
            return_path_port,
            https_port,
            names,
            ProviderBook(store, names, clock),
            Courtesy(),
        )

    @property
    def tracking_url(self) -> str:
        """Where tracked links lead when the configuration set names no domain of its own."""
        return self.settings.tracking_url.rstrip("/") or self.public_url

    @property
    def pools(self) -> Pools:
        """The addresses that mail may leave from, by the names that the settings give them."""
        given = self.settings.pools.items()
        return Pools({name: tuple(filter(None, (pool.source_ipv4, pool.source_ipv6))) for name, pool in given})

    def routes(self) -> RouteTable:
        """Return which transport serves which mail, as the settings say."""
        given = self.settings.routes
        rules = [
            Rule(route.transport, route.account, route.configuration_set, route.domain, route.upstream, route.pool)
            for route in given
        ]
        return RouteTable(rules, self.book.known)


def open_folder(settings: Settings) -> Keyring:
    """Make the data folder, which holds the keyring and the admin socket whatever the store is."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_keyring(settings)


def settle_memory() -> None:
    """Spare the garbage collector what was built at the start: it lives as long as the process.

    For processes that do nothing but serve. A request makes some hundred objects and hardly a cycle, so the
    collector may also look less often than by default.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _handed_over() -> dict[int, socket.socket]:
    """Return the sockets that the service manager has bound for this process, by their ports."""
    # https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    given = [socket.socket(fileno=3 + number) for number in range(int(os.environ.get("LISTEN_FDS", "0")))]
    for one in given:
        one.setblocking(False)
    return {one.getsockname()[1]: one for one in given}


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), backlog=2048, family=family)
    except OSError as error:
        raise CannotListen(host, port, setting, error) from None
    listener.setblocking(False)
    return listener
