"""How a command gets its answer: from the running server, or from the store where none runs.

Touches the admin socket, or opens the store. Called by every command but `serve`.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.operate.client import Client, NoServer
from pillarbox.operate.requests import CreateKey, Request, Status, Vouch
from pillarbox.settings import Settings, from_process

T = TypeVar("T")
# What an operator may want before the server has ever started.
_MAY_BEGIN = (CreateKey, Vouch)


class CommandError(Exception):
    """The command cannot do what it was asked; the message is one line that says what to do."""


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Which server or store a command is about."""

    data: Annotated[str | None, Parameter(help="The data folder.", env_var="PILLARBOX_DATA")] = None
    config: Annotated[Path | None, Parameter(help="A settings file (TOML); see docs/settings.md.")] = None

    def settings(self) -> Settings:
        return from_process(self.config, data=self.data)


HERE = Place()


def ask(place: Place, request: Request, kind: type[T]) -> T:
    """Return the answer to a request; raise Refusal or Unavailable with the reason."""
    settings = place.settings()
    try:
        return Client(settings.socket_path).ask(request, kind)
    except NoServer:
        answered: T = asyncio.run(_ask_the_store(settings, request))
        return answered


def client_of_server(place: Place, flags: str = "") -> Client:
    """Return a client whose server answers, or raise how to start one, with these flags."""
    settings = place.settings()
    client = Client(settings.socket_path)
    try:
        client.ask(Status(), dict)
    except NoServer:
        raise CommandError(
            f"no server runs on {settings.folder}: start one with `pillarbox serve {flags}--data {settings.folder}`"
        ) from None
    return client


async def _ask_the_store(settings: Settings, request: Request) -> Any:
    from pillarbox.app.egress import hosts
    from pillarbox.app.opening import open_as_set, open_keyring
    from pillarbox.app.premises import premises
    from pillarbox.kit.clock import SystemClock
    from pillarbox.kit.dns import Names
    from pillarbox.operate.desk import Desk
    from pillarbox.operate.requests import answer

    if not settings.folder.is_dir() and settings.database == "sqlite:" and not isinstance(request, _MAY_BEGIN):
        raise CommandError(f"there is no Pillarbox data in {settings.folder}: name its folder with --data")
    keyring = open_keyring(settings)
    store = await open_as_set(settings)
    try:
        names = Names(settings.nameservers, validates=settings.dns_validates)
        desk = Desk(
            store,
            keyring,
            SystemClock(),
            service_domain=settings.service_domain,
            names=names,
            hosts=hosts(settings),
            premises=premises(settings),
        )
        return await answer(desk, request)
    finally:
        await store.close()


EXPECTED = (CommandError, Refusal, Unavailable)
