"""Links lead where the mail said, whatever mail clients did to them, and nowhere else."""

import re
import tomllib
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.kit.tracking_links import EVERYONE, Link, Pixel, SignatureLost, TrackingLinks

ID = "010001816026a82e-ed8bf730-9218-4bda-b6f6-f4cee9b40211-000111"
LINKS = TrackingLinks({55: b"o" * 32, 56: b"n" * 32})
OTHERS = TrackingLinks({56: b"x" * 32})
TABLE = tomllib.loads((Path(__file__).parents[2] / "data" / "tracking" / "manglings.toml").read_text())["mangling"]
PLACES = re.compile(r"/CL0/(.*)/(\d+)/([0-9a-f-]{60,})/([A-Za-z0-9_-]+)=(\d+)")

paths = st.text(st.sampled_from("abcXYZ019-._~/:@!$&'()*+,;=%"), max_size=60).map(
    lambda text: re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
)
urls = st.builds(lambda scheme, path: f"{scheme}://www.example.com/{path}", st.sampled_from(("http", "https")), paths)


def asked(mangling: dict[str, Any]) -> bytes:
    link = LINKS.of_copy(ID, 0).link(1, mangling["url"])
    found = PLACES.fullmatch(link)
    assert found
    text: str = mangling["asked"].format(link=link, id=ID, sig=found[4], key=found[5])
    return text.encode()


@pytest.mark.parametrize("mangling", TABLE, ids=lambda mangling: mangling["name"])
def test_a_mangled_link_leads_where_it_did_or_nowhere(mangling: dict[str, Any]) -> None:
    read = LINKS.read(asked(mangling))

    if mangling["answer"] == "whole":
        assert read == Link(ID, 0, 1, mangling["url"], "")
    elif mangling["answer"] == "lost":
        assert isinstance(read, SignatureLost)
        assert (read.message_id, read.number) == (ID, 1)
        assert mangling["url"] in read.urls
    else:
        assert read is None


@given(urls, st.integers(0, EVERYONE), st.integers(1, 250), st.sampled_from(("", "a:b;", "k-1:v_1;k2:v2;")))
def test_a_link_says_all_that_was_put_in_it(url: str, recipient: int, number: int, tags: str) -> None:
    link = LINKS.of_copy(ID, recipient).link(number, url, tags)

    assert PLACES.fullmatch(link)
    assert not set(link) & set("\"'<>&` \t\n")
    assert LINKS.read(link.encode()) == Link(ID, recipient, number, url, tags)


@given(urls)
def test_a_link_that_was_decoded_once_leads_to_the_same_place(url: str) -> None:
    tail = LINKS.of_copy(ID, 3).link(1, url).split(f"/1/{ID}/")[1]

    assert LINKS.read(f"/CL0/{url}/1/{ID}/{tail}".encode()) == Link(ID, 3, 1, url, "")


@given(urls, urls)
def test_the_signature_of_one_target_is_none_for_another(url: str, other: str) -> None:
    tail = LINKS.of_copy(ID, 0).link(1, url).split(f"/1/{ID}/")[1]
    read = LINKS.read(f"/CL0/{other}/1/{ID}/{tail}".encode())

    assert read is None or (isinstance(read, Link) and read.url == url)


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from((b"/CL0/", b"/CI0/", b"/", b"")))
def test_no_request_is_too_odd_to_be_read(tail: bytes, front: bytes) -> None:
    assert not isinstance(LINKS.read(front + tail), Link | Pixel)


def test_a_pixel_says_whose_it_is() -> None:
    path = LINKS.of_copy(ID, 7).pixel()

    assert re.fullmatch(rf"/CI0/{ID}/[A-Za-z0-9_-]{{43}}=56", path)
    for odd in (path, path.replace("=", "%3D"), path.removesuffix("=56"), path + "?x=1", path.replace("=", "")):
        assert LINKS.read(odd.encode()) == Pixel(ID, 7)
    assert LINKS.read(path.replace("000111", "000112").encode()) is None
    assert LINKS.read(path[:-20].encode()) is None


def test_a_pixel_is_no_link_and_a_link_no_pixel() -> None:
    signature = LINKS.of_copy(ID, 0).pixel().rpartition("/")[2]

    assert LINKS.read(f"/CL0/https:%2F%2Fwww.example.com/1/{ID}/{signature}".encode()) is None


def test_the_signature_has_the_length_of_those_of_the_real_service() -> None:
    found = PLACES.fullmatch(LINKS.of_copy(ID, 0).link(1, "https://www.example.com/"))

    assert found and len(found[4]) == 43


def test_links_of_older_keys_are_read_and_those_of_strangers_are_not() -> None:
    older = TrackingLinks({55: b"o" * 32})

    assert LINKS.read(older.of_copy(ID, 1).link(1, "https://a.example/").encode()) == Link(
        ID, 1, 1, "https://a.example/", ""
    )
    assert LINKS.read(OTHERS.of_copy(ID, 1).link(1, "https://a.example/").encode()) is None
    assert LINKS.read(OTHERS.of_copy(ID, 1).pixel().encode()) is None


def test_tags_cannot_be_changed() -> None:
    link = LINKS.of_copy(ID, 0).link(1, "https://a.example/", "k1:v1;k2:v2;")

    assert LINKS.read(link.encode()) == Link(ID, 0, 1, "https://a.example/", "k1:v1;k2:v2;")
    assert LINKS.read(link.replace("=56", "AAAA=56").encode()) is None


def test_a_request_that_is_longer_than_any_link_is_not_looked_at() -> None:
    assert LINKS.read(LINKS.of_copy(ID, 0).link(1, "https://a.example/" + "a" * 9000).encode()) is None


@pytest.mark.parametrize("filling", ["%20+", "https:/", f"/1/{ID}/", "%25", "?=&amp;", "\u00e9 "])
def test_a_request_made_to_cost_much_costs_little(filling: str) -> None:
    target = f"/CL0/https://{filling * 8000}".encode()[:7900] + f"/1/{ID}/{'A' * 43}".encode()
    began = perf_counter()
    LINKS.read(target)

    assert perf_counter() - began < 0.5
