"""Frames between processes, in whatever pieces the stream gives them."""

import asyncio
import random
from typing import Any

import pytest

from pillarbox.store.channel import Channel


class Stream(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


async def said(*turns: list[Any]) -> bytes:
    """Return what a channel writes when each of these lists is said in one turn of the loop."""
    stream, channel = Stream(), Channel(heard=print, stuck=print, lost=print)
    channel.connection_made(stream)
    for values in turns:
        for value in values:
            channel.say(value)
        await asyncio.sleep(0)
    return stream.written


def give(channel: Channel, data: bytes, most: int) -> None:
    """Give a channel what arrives, at most so many bytes at once, as an event loop does."""
    while data:
        room = channel.get_buffer(-1)
        count = min(len(room), len(data), most)
        assert count, "an event loop has to be given room"
        room[:count] = data[:count]
        data = data[count:]
        channel.buffer_updated(count)


@pytest.mark.parametrize("most", [1, 7, 4096, 1 << 30])
async def test_frames_arrive_whole_however_the_stream_is_cut(most: int) -> None:
    turns: list[list[Any]] = [["a", ("b", 1)], [b"x" * 300], ["c"]]
    heard: list[Any] = []
    give(Channel(heard.append, stuck=print, lost=print), await said(*turns), most)
    assert heard == turns


async def test_frames_that_are_longer_than_the_buffer_arrive_between_short_ones() -> None:
    dice = random.Random(5)
    turns = [[dice.randbytes(dice.choice([10, 1000, 300_000, 900_000]))] for _ in range(20)]
    heard: list[Any] = []
    give(Channel(heard.append, stuck=print, lost=print), await said(*turns), 65_536)
    assert heard == turns


async def test_what_cannot_travel_is_told_and_the_rest_of_its_frame_arrives() -> None:
    stuck: list[Any] = []
    stream, heard = Stream(), list[Any]()
    channel = Channel(print, lambda value, error: stuck.append((value[0], str(error))), print)
    channel.connection_made(stream)
    for value in ((1, "a"), (2, lambda: None), (3, "c")):
        channel.say(value)
    await asyncio.sleep(0)
    give(Channel(heard.append, print, print), stream.written, 1 << 20)
    assert heard == [[(1, "a"), (3, "c")]]
    assert [number for number, why in stuck if "lambda" in why] == [2]
