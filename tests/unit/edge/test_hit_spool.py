"""What is recorded is read again, whole and in order, through kills, full disks and torn ends."""

import asyncio
import os
from pathlib import Path

import pytest

from pillarbox.edge.hit_files import HitFiles, Spooled
from pillarbox.edge.hit_spool import Hit, HitSpool
from tests.support.clock import NOON

PLENTY = 1 << 20


def hit(number: int, **told: object) -> Hit:
    return Hit(NOON + number, f"message-{number}", "192.0.2.1", "Mozilla/5.0 (X11)", **told)  # type: ignore[arg-type]


def written(folder: Path, *hits: Hit, limit: int = PLENTY, **options: int) -> HitSpool:
    """Return a spool that has hits recorded and written, as after a turn of the loop."""
    spool = HitSpool(folder, limit, **options)
    spool._gathered = list(hits)
    spool.flush()
    return spool


def everything(files: HitFiles) -> list[Spooled]:
    found: list[Spooled] = []
    while some := files.read():
        found += some
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_hits_of_one_turn_of_the_loop_are_written_before_anything_that_is_called_after_it(tmp_path: Path) -> None:
    spool = HitSpool(tmp_path, PLENTY)
    seen: list[list[Hit]] = []
    for number in range(3):
        spool.record(hit(number))
    asyncio.get_running_loop().call_soon(lambda: seen.append([one.hit for one in HitFiles(tmp_path).read()]))
    await asyncio.sleep(0)

    assert seen == [[hit(0), hit(1), hit(2)]]


def test_a_hit_is_read_as_it_was_recorded(tmp_path: Path) -> None:
    told = hit(1, manner="HEAD", link="https://shop.example/?a=1", tags={"k": ["v", "w"]}, recipient=4)
    written(tmp_path, told)

    assert [one.hit for one in everything(HitFiles(tmp_path))] == [told]


def test_what_is_not_let_go_is_read_again_after_a_restart_and_is_the_same_hit(tmp_path: Path) -> None:
    written(tmp_path, hit(1), hit(2))

    before, after = everything(HitFiles(tmp_path)), everything(HitFiles(tmp_path))

    assert [one.hit for one in before] == [hit(1), hit(2)]
    assert [one.key for one in before] == [one.key for one in after]
    assert len({one.key for one in before}) == 2


def test_a_file_is_kept_while_somebody_writes_to_it_and_deleted_when_all_of_it_is_let_go(tmp_path: Path) -> None:
    spool, files = written(tmp_path, hit(1), hit(2)), HitFiles(tmp_path)
    found = everything(files)
    files.let_go(found)
    files.read()
    assert len(names(tmp_path)) == 1

    spool.close()
    files.read()

    assert names(tmp_path) == []


def test_a_file_is_kept_until_the_last_hit_is_let_go(tmp_path: Path) -> None:
    written(tmp_path, hit(1), hit(2)).close()
    files = HitFiles(tmp_path)
    first, second = everything(files)

    files.let_go([first])
    files.read()
    assert len(names(tmp_path)) == 1
    files.let_go([second])
    files.read()

    assert names(tmp_path) == []


async def test_a_file_at_rest_is_left_so_that_it_can_go(tmp_path: Path) -> None:
    spool, files = written(tmp_path, hit(1)), HitFiles(tmp_path)
    files.let_go(everything(files))

    await spool.sync()  # what was written comes to the disk
    await spool.sync()  # and nothing was written since
    files.read()

    assert names(tmp_path) == []


def test_files_are_ended_when_they_are_long_and_read_one_after_the_other(tmp_path: Path) -> None:
    spool = HitSpool(tmp_path, PLENTY, file_bytes=1)
    for number in range(5):
        spool._gathered = [hit(number)]
        spool.flush()

    assert len(names(tmp_path)) == 5
    assert [one.hit for one in everything(HitFiles(tmp_path))] == [hit(number) for number in range(5)]


def test_what_several_processes_write_is_all_read(tmp_path: Path) -> None:
    first, second = written(tmp_path, hit(1)), written(tmp_path, hit(2))

    assert [one.hit for one in everything(HitFiles(tmp_path))] == [hit(1), hit(2)]
    first.close()
    second.close()


def test_a_spool_grows_to_its_limit_and_not_beyond_it(tmp_path: Path) -> None:
    spool = HitSpool(tmp_path, 1_000)
    for number in range(100):
        spool._gathered = [hit(number)]
        spool.flush()

    kept = [one.hit for one in everything(HitFiles(tmp_path))]
    assert 0 < len(kept) < 100 and kept == [hit(number) for number in range(len(kept))]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000


async def test_a_full_spool_takes_hits_again_when_others_were_recorded(tmp_path: Path) -> None:
    spool, files = written(tmp_path, *map(hit, range(5)), limit=500), HitFiles(tmp_path)
    files.let_go(everything(files))
    await spool.sync()
    await spool.sync()
    files.read()
    await spool.sync()

    spool._gathered = [hit(9)]
    spool.flush()

    assert [one.hit for one in everything(files)] == [hit(9)]


@pytest.mark.parametrize("torn", [1, 7, 20])
def test_a_torn_end_loses_nothing_that_stands_before_it(tmp_path: Path, torn: int) -> None:
    written(tmp_path, hit(1), hit(2)).close()
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-torn])
    files = HitFiles(tmp_path)

    found = everything(files)

    assert [one.hit for one in found] == [hit(1)]
    files.let_go(found)
    files.read()
    assert names(tmp_path) == []


def test_a_file_that_ends_in_zeros_is_read_up_to_them(tmp_path: Path) -> None:
    written(tmp_path, hit(1)).close()
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + bytes(4096))

    assert [one.hit for one in everything(HitFiles(tmp_path))] == [hit(1)]


def test_a_damaged_file_does_not_stand_in_the_way_of_others(tmp_path: Path) -> None:
    written(tmp_path, hit(1)).close()
    [path] = tmp_path.iterdir()
    path.write_bytes(b"\x00" * path.stat().st_size)
    written(tmp_path, hit(2)).close()

    assert [one.hit for one in everything(HitFiles(tmp_path))] == [hit(2)]


def test_a_disk_that_takes_half_a_hit_keeps_those_before_it_and_takes_those_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = written(tmp_path, hit(1))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, content: write(handle, content[:10]))
        spool._gathered = [hit(2)]
        spool.flush()
    spool._gathered = [hit(3)]
    spool.flush()

    assert [one.hit for one in everything(HitFiles(tmp_path))] == [hit(1), hit(3)]
