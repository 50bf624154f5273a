"""Runs a whole Pillarbox in a thread, and looks at it as its users do."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import boto3
import uvloop
from botocore.config import Config

from pillarbox.app.listening import Listening
from pillarbox.app.server import serve
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import credentials, identities
from pillarbox.settings import Settings
from pillarbox.store import events
from pillarbox.store.plan import Plan, Rows
from tests.support import engine

T = TypeVar("T")

_accounts = itertools.count(100_000_000_001)
_SETTLED_SECONDS = 30.0
_ANY_PORTS: dict[str, Any] = {"port": 0, "smtp_port": -1, "smtps_port": -1, "return_path_port": -1}


class RunningServer:
    """A server on a free port, in a thread with a loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.listening: Listening
        self._thread = threading.Thread(target=self._main, name="pillarbox", daemon=True)

    @classmethod
    @contextmanager
    def started(cls, folder: Path, **settings: Any) -> Iterator["RunningServer"]:
        usual = {**_ANY_PORTS, "log_level": "warning", "database": engine.database_of(folder)}
        running = cls(Settings(data=str(folder), **{**usual, **settings}))
        running._thread.start()
        assert running._ready.wait(30), "the server did not start within 30 seconds"
        if running._failure is not None:
            raise running._failure
        try:
            yield running
        finally:
            running.stop()
            running._thread.join(30)

    @property
    def endpoint(self) -> str:
        return f"http://localhost:{self.listening.port}"

    def stop(self) -> None:
        """Ask the server to stop; leaving the block waits for it."""
        with suppress(RuntimeError):  # its loop has ended already
            self._loop.call_soon_threadsafe(self._stop.set)

    def for_new_account(self) -> "Server":
        return Server(self, str(next(_accounts)))

    def for_new_key(self) -> "Server":
        """Return the server as seen with a real key of a new account."""
        account = str(next(_accounts))
        store, keyring = self.listening.store, self.listening.keyring
        key = self.run(store.write(credentials.create, account, "tester", keyring, SystemClock().now()))
        return Server(self, account, key.key_id, key.secret)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def settle(self, account: str = "") -> None:
        """Return when an account (or every one) waits for nothing: mail attempted, events followed, posts made."""
        self.run(asyncio.wait_for(_settle(self.listening, account), _SETTLED_SECONDS))

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        await serve(self._settings, self._stop, self._announce)

    def _announce(self, listening: Listening) -> None:
        self.listening = listening
        self._ready.set()


class Server:
    """A running server as one account sees it."""

    def __init__(self, running: RunningServer, account: str, key_id: str = "", secret: str = "any") -> None:
        self.running = running
        self.account = account
        self.key_id = key_id or account
        self.secret = secret
        self.endpoint = running.endpoint

    def client(self, service: str, *, region: str = "us-east-1", account: str | None = None, **config: Any) -> Any:
        """Return a boto3 client of this account (or another) that does not retry."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=account or self.key_id,
            aws_secret_access_key=self.secret,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def settle(self) -> None:
        self.running.settle(self.account)  # what others left to be tried again is not ours to wait for

    def vouch(self, name: str, region: str = "us-east-1") -> None:
        """Vouch for a sender, as the operator does."""
        scope = Scope(self.account, region)
        self.running.run(self.running.listening.store.write(identities.vouch, scope, name, SystemClock().now()))

    def read(self, planner: Callable[..., Plan[T]], *args: Any) -> T:
        """Read from the store that the server has open."""
        return self.running.run(self.running.listening.store.read(planner, *args))


async def _settle(listening: Listening, account: str) -> None:
    quiet = 0
    while quiet < 2:  # what one stage finishes may wake the next one
        busy = await listening.store.read(_busy, account) or any(listening.settings.hits_folder.iterdir())
        quiet = 0 if busy else quiet + 1
        await asyncio.sleep(0.005)


def _busy(account: str) -> Plan[bool]:
    outgoing = yield Rows("SELECT count(*) FROM outgoing WHERE ? IN ('', account)", (account,))
    posts = yield Rows(
        "SELECT count(*) FROM notification_deliveries WHERE state = 'due' AND ? IN ('', account)", (account,)
    )
    unwritten = yield Rows(
        "SELECT count(*) FROM (SELECT account FROM large_sends UNION ALL SELECT account FROM bulk_sends) AS sends"
        " WHERE ? IN ('', account)",
        (account,),
    )
    moves = yield Rows(
        "SELECT count(*) FROM nouns WHERE account = '' AND region = ''"
        " AND kind IN ('queue-move-active', 'topic-replay-active') AND name LIKE ?",
        (f"{account}%",),
    )
    told = yield Rows("SELECT count(*) FROM waiting_posts WHERE ? IN ('', account)", (account,))
    last = yield from events.last_position()
    behind = yield Rows("SELECT count(*) FROM cursors WHERE (tx, seq) < (?, ?)", last)
    waiting = (outgoing, unwritten, posts, moves, told, behind)
    return any(rows[0][0] for rows in waiting)
