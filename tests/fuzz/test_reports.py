"""Whatever comes to a return path is read, in bounded time, and is never more than it says."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.reports.notice import take_apart
from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import DeliveryReport, Reading
from tests.support.examples import examples

DATA = Path(__file__).parents[1] / "data" / "feedback"
SAMPLES = [path.read_bytes() for path in sorted(DATA.glob("*.eml"))]

PIECES = [
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    b"Content-Type: message/delivery-status\r\n", b"Content-Type: message/feedback-report\n",
    b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=gb18030\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Subject: failure notice\r\n", b"From: mailer-daemon@x.example\n",
    b"X-Failed-Recipients: a@b.example,,c@\n", b"Final-Recipient: rfc822; a@b.example\r\n", b"Final-Recipient:\n",
    b"Status: 5.1.1\n", b"Status: 5.999.9999\n", b"Action: failed\r\n", b"Diagnostic-Code: smtp; 550\r\n x\r\n",
    b"Will-Retry-Until: Mon, 99 Foo 99999 99:99:99 +9999\n", b"Date: Mon, 12 Oct 2026 08:15:42 -0000\n",
    b"Date: 1 Jan 0001 00:00:00 +2359\n", b"Arrival-Date: \xff\n", b"Feedback-Type: abuse\n", b"--b\r\n", b"--b--\r\n",
    b"\r\n", b"\n", b"<a@b.example>:\n", b"550 5.1.1 no such user\n", b"a@b.example 452 full\n",
    b"<", b">", b"@", b"\x00", b"=?utf-16?b?w6k=?=", b"\xe9\x80\x80\xe4\xbf\xa1",
    b"--- Below this line is a copy of the message.\n",
]  # fmt: skip
ANYTHING = st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=40).map(b"".join)

some = settings(max_examples=examples(150), deadline=None)


def _check(raw: bytes) -> None:
    reading = read(raw)
    assert isinstance(reading, Reading)
    assert len(reading.times) <= 8
    if isinstance(reading.report, DeliveryReport):
        assert 1 <= len(reading.report.fates) <= 100
        for fate in reading.report.fates:
            assert len(fate.reply or "") <= 1_000
            assert all(len(address) <= 320 for address in fate.addresses)


@some
@given(ANYTHING)
def test_any_bytes_are_read(raw: bytes) -> None:
    _check(raw)


@some
@given(st.sampled_from(SAMPLES), st.data())
def test_a_report_with_something_missing_doubled_or_put_in_is_read(sample: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, len(sample)))
    put_in = data.draw(st.sampled_from([b"", sample[start:end] * 2, *PIECES]))

    _check(sample[:start] + put_in + sample[end:])


@pytest.mark.parametrize(
    "unit",
    [*PIECES, b"a", b"a@", b"550 ", b"5.", b"<style", b"&lt;", b"a@b.example ", b"mailbox ", b"exceed a ", b"> ", b"-"],
    ids=repr,
)
def test_what_is_repeated_without_end_takes_no_time(unit: bytes) -> None:
    head = b"From: mailer-daemon@x.example\r\nContent-Type: text/html\r\n\r\n"
    for raw in (head + unit * (300_000 // len(unit)), unit * (300_000 // len(unit))):
        began = time.process_time()
        _check(raw)
        assert time.process_time() - began < 1.5


def test_only_the_beginning_of_a_large_mail_is_looked_at() -> None:
    report = SAMPLES[0]

    assert read(report + b"x" * 10_000_000) == read(report + b"x" * 300_000)
    assert len(take_apart(b"Subject: x\n\n" + b"y" * 10_000_000).text) < 100_000
