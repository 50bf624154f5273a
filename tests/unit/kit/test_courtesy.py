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

    async def rest_at(at: float, waiting: int = 8) -> float:
        nonlocal now
        now = at
        with courtesy.waiting(waiting):
            return await seconds_given(courtesy, monkeypatch)

    in_the_burst = {await rest_at(at) for at in range(60)}
    assert len(in_the_burst) == 1
    assert await rest_at(61, waiting=0) == 0, "all are answered for a moment"
    assert 0 < await rest_at(62) < min(in_the_burst)
    assert await rest_at(80) in in_the_burst


@pytest.mark.parametrize(
    ("waiting", "is_cut_short"),
    [((20,), False), ((20, 0), True), ((0,), True), ((0, 20), False), ((20, 0, 0, 0, 20, 0, 20), False)],
)
async def test_a_rest_ends_soon_after_the_burst_and_not_while_all_are_answered_at_once(
    waiting: tuple[int, ...], is_cut_short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    courtesy, rests = Courtesy(), []
    courtesy.came(20)

    async def rest(seconds: float) -> None:
        """Let those wait that are to be seen after this look; as many as at the last one for ever after."""
        courtesy.went(courtesy._waiting)
        courtesy.came(waiting[min(len(rests), len(waiting) - 1)])
        rests.append(seconds)

    seen = SimpleNamespace(sleep=rest, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("pillarbox.kit.courtesy.asyncio", seen)
    await courtesy.give_way()

    assert (sum(rests) < 0.5) is is_cut_short


def test_a_burst_is_a_crowd_that_has_not_lasted_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    courtesy, now = Courtesy(), 1_000.0
    monkeypatch.setattr("pillarbox.kit.courtesy.time", SimpleNamespace(monotonic=lambda: now))

    def is_burst_at(at: float, waiting: int) -> bool:
        nonlocal now
        now = at
        with courtesy.waiting(waiting):
            return courtesy.is_burst

    assert not is_burst_at(1_000.0, 15)
    assert is_burst_at(1_000.1, 16)
    assert is_burst_at(1_000.15, 0), "all are answered for a moment"
    assert not is_burst_at(1_000.25, 1)
    assert all(is_burst_at(1_001.0 + at, 50) for at in range(59))
    assert not is_burst_at(1_060.2, 50), "a load that lasts is none"
    assert not is_burst_at(1_064.0, 50)
    assert is_burst_at(1_070.0, 50), "the next one is"
