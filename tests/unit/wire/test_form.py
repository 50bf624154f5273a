"""The form decoder against urllib.parse, and where it is stricter."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.wire.faults import Fault
from pillarbox.wire.form import MAX_PARAMETERS, _decode_exactly, _decode_fast, decode, decode_pairs

NAMES = st.text(min_size=1, max_size=20)
VALUES = st.text(max_size=60)
SYNTAX = st.text(alphabet="a=%&+4Zé1\r\n\x1e\x1f _.", max_size=40).map(str.encode)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_what_urllib_encodes_is_decoded_equal(pairs):
    encoded = urlencode([(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in pairs])
    assert decode_pairs(encoded.encode()) == parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(pairs))


@given(SYNTAX | st.binary(max_size=40))
def test_both_roads_agree_or_the_fast_one_declines(raw):
    try:
        fast = _decode_fast(raw)
    except ValueError:
        return
    assert fast == _decode_exactly(raw)


@given(SYNTAX)
def test_tidy_and_untidy_forms_alike_read_as_urllib_reads_them(raw):
    try:
        pairs = decode_pairs(raw)
    except Fault as fault:
        assert fault.code == "MalformedQueryString"
        return
    assert pairs == parse_qsl(raw.decode(), keep_blank_values=True)


@pytest.mark.parametrize(
    "raw, expected",
    [
        (b"", {}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a", {"a": ""}),
        (b"&&a=1&", {"a": "1"}),
        (b"a=b=c==", {"a": "b=c=="}),
        (b"a=1\r\n2%3D", {"a": "1\r\n2="}),
        (b"a=x%0D%0A=y", {"a": "x\r\n=y"}),
        (b"a%2Eb=%E2%82%AC+%2B", {"a.b": "€ +"}),
        ("a=é".encode(), {"a": "é"}),
        (b"a=%1e%1F&b=1", {"a": "\x1e\x1f", "b": "1"}),
        (b"a=\x1f&b=\x1e", {"a": "\x1f", "b": "\x1e"}),
    ],
)
def test_untidy_forms_have_one_exact_reading(raw, expected):
    assert decode(raw) == expected


@pytest.mark.parametrize("raw", [b"a=%", b"a=%4", b"a=%zz", b"a=100%&b=1", b"a=%%41", b"%=1", b"a=%\n41"])
def test_a_broken_escape_is_refused(raw):
    with pytest.raises(Fault) as refused:
        decode(raw)
    assert (refused.value.code, refused.value.status) == ("MalformedQueryString", 404)


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=\xff", b"%C3=1", b"a=%ED%A0%80"])
def test_what_is_not_utf_8_is_refused(raw):
    with pytest.raises(Fault) as refused:
        decode(raw)
    assert refused.value.code == "MalformedQueryString"


def test_the_number_of_parameters_is_bounded():
    assert len(decode_pairs(b"a=1&" * (MAX_PARAMETERS - 1) + b"a=1")) == MAX_PARAMETERS
    with pytest.raises(Fault):
        decode_pairs(b"a=1&" * MAX_PARAMETERS)
