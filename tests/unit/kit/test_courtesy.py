"""What works behind the doors rests only while many wait before them."""

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from pillarbox.kit.courtesy import Courtesy


async def seconds_given(courtesy: Courtesy, monkeypatch: pytest.MonkeyPatch) -> float:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    # Only there: a server that another test left running sleeps too.
    seen = SimpleNamespace(sleep=rest, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("pillarbox.kit.courtesy.asyncio", seen)
    await courtesy.give_way()
    return sum(rests)


@pytest.mark.parametrize(("waiting", "rests"), [(0, False), (7, False), (8, True), (500, True)])
async def test_one_gives_way_while_many_wait(waiting: int, rests: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy = Courtesy()
    with ExitStack() as doors:
        for _ in range(waiting):
            doors.enter_context(courtesy.waiting())
        assert (await seconds_given(courtesy, monkeypatch) > 0) is rests


async def test_whoever_was_answered_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy = Courtesy()
    for _ in range(20):
        with pytest.raises(OSError), courtesy.waiting():
            raise OSError
    assert await seconds_given(courtesy, monkeypatch) == 0


async def test_a_call_with_many_messages_is_as_many_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy = Courtesy()
    with courtesy.waiting(50):
        assert await seconds_given(courtesy, monkeypatch) > 0
    assert await seconds_given(courtesy, monkeypatch) == 0


async def test_a_load_that_lasts_is_shared_and_the_next_burst_goes_first_again(monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy, now = Courtesy(), 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    with courtesy.waiting(8):
        at_first = await seconds_given(courtesy, monkeypatch)
        now = 59.0
        assert await seconds_given(courtesy, monkeypatch) == at_first
        now = 61.0
        assert 0 < await seconds_given(courtesy, monkeypatch) < at_first
    assert await seconds_given(courtesy, monkeypatch) == 0
    with courtesy.waiting(8):
        assert await seconds_given(courtesy, monkeypatch) == at_first
