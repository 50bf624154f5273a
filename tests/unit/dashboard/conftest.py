"""The pages over a real store, asked in this process."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pillarbox.dashboard.app import build
from pillarbox.edge.failures import Failures
from pillarbox.kit.secrets import Keyring
from pillarbox.operate.desk import Desk
from pillarbox.resources.account import Quota
from pillarbox.store.sqlite import SqliteStore
from tests.support.asgi import Answer, get
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom

QUOTA = Quota(50_000.0, 14.0, sandbox=False)


class Dashboard:
    """The pages, and the mailroom that fills their store."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.room = Mailroom(store)
        self.clock = StandingClock(NOON + 2_000)
        self.keyring = Keyring({"1": bytes(32)})
        self.application = self.built(dev=True)

    def built(self, *, dev: bool, hosts: frozenset[str] = frozenset()) -> object:
        self.desk = Desk(self.store, self.keyring, self.clock, "http://localhost:8025", dev)
        self.application = build(self.desk, quota=QUOTA, failures=Failures(self.clock), hosts=hosts)
        return self.application

    async def get(self, target: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        return await get(self.application, target, headers, **more)


@pytest.fixture
async def dashboard(tmp_path: Path) -> AsyncIterator[Dashboard]:
    store = await SqliteStore.open(tmp_path)
    yield Dashboard(store)
    await store.close()
