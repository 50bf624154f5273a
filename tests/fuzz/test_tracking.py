"""Whatever strangers ask of the tracker, it answers, and leads only where a signed link does."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.edge.hit_files import HitFiles
from pillarbox.edge.hit_spool import FRAME, MAGIC, HitSpool
from pillarbox.edge.tracking import Tracker
from pillarbox.kit.tracking_links import LINK_PATH, PIXEL_PATH, SignatureLost, TrackingLinks
from tests.support.clock import StandingClock
from tests.support.examples import examples

MESSAGE = "010001a208f8029a-c1cde9f7-c25f-4263-80ec-0e62218f4487-000000"
LINKS = TrackingLinks({7: b"k" * 32})
TARGETS = ("https://shop.example/?a=1&b=%2525&c=d+e", "http://shop.example/a%20b/", "https://shop.example/#x")
WHOLE = [LINKS.of_copy(MESSAGE, 0).link(1, target, "k:v;").encode() for target in TARGETS]
WHOLE.append(LINKS.of_copy(MESSAGE, 0).pixel().encode())

EXAMPLES = examples(300)


class Nowhere:
    """A store that knows no link."""

    async def target(self, lost: SignatureLost) -> str | None:
        assert isinstance(lost, SignatureLost)
        return None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a link with some octets taken out, put in or exchanged."""
    octets = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(octets)))
        end = draw(st.integers(start, min(start + 8, len(octets))))
        octets[start:end] = draw(
            st.one_of(st.binary(max_size=6), st.sampled_from([b"%25", b"/", b"%2F", b"?", b"%", b"="]))
        )
    return bytes(octets)


paths = st.one_of(
    damaged(),
    st.binary(max_size=200).map(lambda octets: LINK_PATH.encode() + octets),
    st.binary(max_size=200).map(lambda octets: PIXEL_PATH.encode() + octets),
)


async def _asked(
    tracker: Tracker, path: bytes, headers: list[tuple[bytes, bytes]], method: str
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("links have no body")

    raw_path, _, query = path.partition(b"?")
    scope = {"method": method, "raw_path": raw_path, "query_string": query, "headers": headers, "scheme": "http"}
    await tracker(scope, receive, send)
    return sent


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    paths,
    st.lists(st.tuples(st.sampled_from([b"user-agent", b"purpose", b"x-moz", b"cookie"]), st.binary(max_size=40))),
    st.sampled_from(["GET", "HEAD"]),
)
def test_no_request_breaks_the_tracker_or_leads_where_no_mail_does(
    path: bytes, headers: list[tuple[bytes, bytes]], method: str
) -> None:
    async def ask() -> None:
        with tempfile.TemporaryDirectory() as folder:
            spool = HitSpool(Path(folder), 1 << 20)
            tracker = Tracker(LINKS, spool, Nowhere(), StandingClock(), region="us-east-1")  # type: ignore[arg-type]
            start, body = await _asked(tracker, path, headers, method)
            told = dict(start["headers"])
            assert start["status"] in (200, 302, 400, 404)
            if start["status"] == 302:
                assert told[b"location"].decode() in TARGETS
            assert all(b"\r" not in value and b"\n" not in value for value in told.values())
            assert int(told[b"content-length"]) == len(body["body"]) or method == "HEAD"
            answer = tracker.at_once(path, headers, "192.0.2.1")
            assert answer is None or answer.startswith((b"HTTP/1.1 302", b"HTTP/1.1 200"))
            spool.flush()
            assert len(HitFiles(Path(folder)).read()) == (start["status"] < 400) + (answer is not None)
            spool.close()

    asyncio.run(ask())


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=20).map(lambda one: FRAME.pack(len(one), 0) + one)))
)
def test_no_file_breaks_who_reads_the_spool(parts: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "00000000000000000001-00000000.hits"
        path.write_bytes(MAGIC + b"".join(parts))
        files = HitFiles(Path(folder))
        while found := files.read():
            files.let_go(found)
        assert not path.exists()
