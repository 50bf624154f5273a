"""What every place for bodies promises: a folder, and a bucket of an S3-compatible service."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.s3 import Objects
from pillarbox.store.places import BucketPlace, FolderPlace, Place
from tests.support.bucket import KEY, Bucket

_prefixes = itertools.count()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with Bucket.made("bodies") as made:
        yield made


@pytest.fixture(params=["folder", "bucket", "whole bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return FolderPlace(tmp_path)
    bucket: Bucket = request.getfixturevalue("bucket")
    name = bucket.name
    if request.param == "whole bucket":
        name = f"bodies-{next(_prefixes)}"
        bucket.client().create_bucket(Bucket=name)
    prefix = "" if request.param == "whole bucket" else f"mail/{next(_prefixes)}"
    return BucketPlace(Objects(bucket.endpoint, "us-east-1", *KEY.values()), name, prefix)


def test_a_piece_is_read_as_a_whole_and_in_parts(place: Place) -> None:
    place.put("2026-11-23/1/09-a", b"0123456789")

    assert place.get("2026-11-23/1/09-a", 0, 10) == b"0123456789"
    assert place.get("2026-11-23/1/09-a", 3, 4) == b"3456"


def test_a_piece_that_is_not_there_is_none(place: Place) -> None:
    assert place.get("2026-11-23/1/09-a", 0, 10) is None


def test_names_are_found_folder_by_folder(place: Place) -> None:
    names = ["2026-11-22/1/23-a", "2026-11-23/1/09-a", "2026-11-23/1/09-b", "2026-11-23/1/10-a", "2026-11-23/2/09-a"]
    for name in names:
        place.put(name, b"x")
    place.put("owner", b"x")

    assert place.folders("") == ["2026-11-22", "2026-11-23"]
    assert place.folders("2026-11-23/") == ["1", "2"]
    assert place.names("2026-11-23/1/09-") == names[1:3]
    assert place.names("2026-11-23/1/") == names[1:4]
    assert place.folders("2026-11-24/") == place.names("2026-11-24/1/09-") == []


def test_what_is_removed_is_gone_and_the_rest_stays(place: Place) -> None:
    for name in ("2026-11-22/1/23-a", "2026-11-23/1/09-a", "2026-11-23/1/09-b"):
        place.put(name, b"x")

    place.remove(["2026-11-22/1/23-a", "2026-11-23/1/09-a"])
    place.remove(["2026-11-22/1/23-a"])

    assert place.folders("") == ["2026-11-23"]
    assert place.get("2026-11-23/1/09-b", 0, 1) == b"x"


def test_a_piece_and_every_name_on_the_way_to_it_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = list[Path](), os.fsync

    def watched(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    place, account = FolderPlace(tmp_path), tmp_path / "2026-11-23" / "1"
    place.put("2026-11-23/1/09-a", b"x")
    place.put("2026-11-23/1/09-b", b"x")

    assert synced[:4] == [tmp_path, account.parent, account / ".09-a", account]
    assert synced[4:] == [account / ".09-b", account]


def test_a_folder_that_is_away_is_not_made_anew_and_serves_again_when_it_is_back(tmp_path: Path) -> None:
    there, away = tmp_path / "there", tmp_path / "away"
    there.mkdir()
    place = FolderPlace(there)
    place.put("2026-11-23/1/09-a", b"x")
    there.rename(away)

    for work in (
        lambda: place.put("2026-11-23/1/09-b", b"x"),
        lambda: place.get("2026-11-23/1/09-a", 0, 1),
        lambda: place.folders(""),
        lambda: place.names("2026-11-23/1/"),
        lambda: place.remove(["2026-11-23/1/09-a"]),
    ):
        with pytest.raises(Unavailable):
            work()
    assert not there.exists()

    away.rename(there)
    place.put("2026-11-23/1/09-b", b"y")
    assert place.get("2026-11-23/1/09-b", 0, 1) == b"y"


def test_a_service_that_is_away_or_refuses_is_unavailable(bucket: Bucket) -> None:
    nowhere = BucketPlace(Objects("http://127.0.0.1:1", "us-east-1", *KEY.values()), "bodies", "")
    no_bucket = BucketPlace(Objects(bucket.endpoint, "us-east-1", *KEY.values()), "no-such-bucket", "")
    for place in (nowhere, no_bucket):
        with pytest.raises(Unavailable):
            place.put("a", b"x")
        with pytest.raises(Unavailable):
            place.get("a", 0, 1)
        with pytest.raises(Unavailable):
            place.folders("")
        with pytest.raises(Unavailable):
            place.remove(["a"])
