"""Times are written as AWS writes them, and an unreadable one is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.clock import iso, parse_iso


@given(st.integers(0, 4_102_444_800_000))
def test_what_is_written_is_read_back(at: int) -> None:
    assert parse_iso(iso(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2016-10-14T05:02:16.645Z", 1_476_421_336_645),
        ("2016-10-14T05:02:16Z", 1_476_421_336_000),
        ("2016-10-14 05:02:16 Z", None),
        ("2016-10-14T00:02:16-05:00", 1_476_421_336_000),
        ("2016-10-14T07:02:16.6459+0200", 1_476_421_336_645),
        ("2016-10-14T05:02:16", None),
        ("yesterday", None),
        ("2016-13-14T05:02:16Z", None),
    ],
)
def test_times_need_an_offset(text: str, at: int | None) -> None:
    if at is None:
        with pytest.raises(ValueError):
            parse_iso(text)
    else:
        assert parse_iso(text) == at
