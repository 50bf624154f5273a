"""What was acknowledged survives a power cut; and this test would notice if it did not."""

import asyncio
import random
from pathlib import Path

import apsw
import pytest

from pillarbox.sending.accept import keep_promises
from pillarbox.store import messages, outgoing
from pillarbox.store.sqlite import SqliteStore
from tests.support.power import FragileDisk, FragileVfs
from tests.support.promises import draft, promise

NOON = 1_790_000_000_000


async def _promises_that_survive(
    folder: Path, seed: int, *, synchronous: bool
) -> tuple[list[str], dict[str, bytes], Path]:
    """Accept until the power goes at a random moment; return the acknowledged, their bodies and the rest."""
    chance = random.Random(seed)
    disk = FragileDisk()
    name = f"fragile-{seed}-{synchronous}"
    vfs = FragileVfs(name, disk)
    running = folder / "running"
    store = await SqliteStore.open(running, vfs=name, disk=disk, synchronous=synchronous)
    acknowledged: list[str] = []
    bodies: dict[str, bytes] = {}

    async def client(number: int) -> None:
        for turn in range(20):
            asked = draft(f"someone-{number}-{turn}@example.net", text=f"{number} {turn} " * chance.randint(1, 900))
            promised = promise(asked, NOON)
            await store.commit(keep_promises, promised)
            acknowledged.append(promised.message.message_id)
            bodies[promised.message.message_id] = promised.body

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    enough = chance.randint(1, 120)
    while len(acknowledged) < enough:
        await asyncio.sleep(0)
    survivors = folder / "survivors"
    survivors.mkdir()
    with disk.lock:
        told = list(acknowledged)
        disk.cut(running, survivors, chance)
    for task in clients:
        task.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    await store.close()
    del vfs
    return told, bodies, survivors


async def _lost(told: list[str], bodies: dict[str, bytes], survivors: Path) -> int:
    try:
        store = await SqliteStore.open(survivors)
    except apsw.Error:
        return len(told)
    lost = 0
    try:
        for message_id in told:
            try:
                message = await store.read(messages.get, message_id)
                waiting = await store.read(outgoing.of_message, message_id)
                kept = message is not None and bool(waiting)
                lost += not (kept and await store.body(message.body) == bodies[message_id])
            except Exception:
                lost += 1
    finally:
        await store.close()
    return lost


@pytest.mark.parametrize("seed", range(12))
async def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    told, bodies, survivors = await _promises_that_survive(tmp_path, seed, synchronous=True)

    assert told
    assert await _lost(told, bodies, survivors) == 0


async def test_without_syncing_a_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    lost = 0
    for seed in range(4):
        folder = tmp_path / str(seed)
        told, bodies, survivors = await _promises_that_survive(folder, seed, synchronous=False)
        lost += await _lost(told, bodies, survivors)

    assert lost > 0
