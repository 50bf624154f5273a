"""What is written to a connection in one turn of the loop leaves in one piece, and none of it is lost."""

import asyncio
from typing import Any

from pillarbox.edge.connection import JoinedWrites


class Wire:
    """Stands where the socket is."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_head_and_body_leave_in_one_piece() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"head")
    transport.write(b"body")
    assert wire.calls == []
    await asyncio.sleep(0)
    assert wire.calls == [b"headbody"]


async def test_what_is_written_later_leaves_later() -> None:
    wire = Wire()
    transport = joined(wire)
    for part in (b"one", b"two"):
        transport.write(part)
        await asyncio.sleep(0)
    assert wire.calls == [b"one", b"two"]


async def test_what_was_written_leaves_before_the_connection_is_closed() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert wire.calls == [b"last words", "closed"]
    assert transport.is_closing()
