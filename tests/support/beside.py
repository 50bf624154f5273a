"""The embedded store twice: as the process that holds it has it, and as one beside it does."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from pillarbox.kit.courtesy import Courtesy
from pillarbox.store.keeper import Keeper
from pillarbox.store.shared import SharedStore
from pillarbox.store.sqlite import SqliteStore


class Both(NamedTuple):
    """The process that holds the store, and one beside it."""

    holder: SqliteStore
    keeper: Keeper
    beside: SharedStore
    courtesy: Courtesy

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path) -> "AsyncIterator[Both]":
        holder = await SqliteStore.open(folder)
        ours, theirs = socket.socketpair()
        courtesy = Courtesy()
        keeper = await Keeper.serving(holder, ours, courtesy)
        beside = await SharedStore.open(folder, theirs)
        yield cls(holder, keeper, beside, courtesy)
        await beside.close()
        await keeper.all_heard()
        await holder.close()
