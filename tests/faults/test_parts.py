"""A part of the server that fails takes the server down, so that somebody starts it again."""

import asyncio
from pathlib import Path

import pytest

from pillarbox.app.server import serve
from pillarbox.pubsub.deliver import Deliverer
from pillarbox.settings import Settings


class PartFailed(Exception):
    pass


async def test_a_server_does_not_go_on_without_one_of_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = asyncio.Event()

    async def run(_self: Deliverer) -> None:
        await ready.wait()
        raise PartFailed

    monkeypatch.setattr(Deliverer, "run", run)
    settings = Settings(
        data=str(tmp_path), port=0, smtp_port=0, smtps_port=0, return_path_port=0, dev=True, log_level="error"
    )

    with pytest.raises(PartFailed):
        await asyncio.wait_for(serve(settings, asyncio.Event(), lambda _: ready.set()), 30)
