"""Files of addresses: what is taken from each line, and what is told of a bad one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.resources.contact_lists import Status
from pillarbox.resources.import_files import (
    BadRecord,
    ContactRecord,
    SuppressedRecord,
    read_contacts,
    read_suppressed,
)
from pillarbox.resources.suppression_reasons import Reason


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("a@example.net,BOUNCE\n", SuppressedRecord(1, "a@example.net", Reason.BOUNCE)),
        (" a@example.net , complaint\r\n", SuppressedRecord(1, "a@example.net", Reason.COMPLAINT)),
        ('"a@example.net"', SuppressedRecord(1, "a@example.net")),
        ("a@example.net,SPAM\n", BadRecord(1, "the reason 'SPAM' is neither BOUNCE nor COMPLAINT")),
    ],
)
def test_a_line_of_csv_is_an_address_and_a_reason(line: str, read: object) -> None:
    assert list(read_suppressed([line], as_json=False)) == [read]


def test_headings_and_empty_lines_are_passed_over_and_lines_keep_their_numbers() -> None:
    lines = ["\ufeffemailAddress,reason\n", "\n", "a@example.net,BOUNCE\n", " , \n", "b@example.net\n"]
    assert [record.line for record in read_suppressed(lines, as_json=False)] == [3, 5]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ("{}", "there is no emailAddress"),
        ('{"emailAddress": 1}', "there is no emailAddress"),
        ('{"emailAddress": "a@b", "topicPreferences": {"a": 1}}', "topicPreferences is no list"),
        ('{"emailAddress": "a@b", "topicPreferences": [{"topicName": "a"}]}', "topicPreferences is no list"),
        ('{"emailAddress": "a@b", "unsubscribeAll": "maybe"}', "unsubscribeAll is 'maybe'"),
        ("[" * 100_000, "no JSON object"),
    ],
)
def test_a_bad_line_of_json_is_told_and_the_next_is_read(line: str, why: str) -> None:
    bad, good = read_contacts([line + "\n", '{"EmailAddress": "a@b", "UnsubscribeAll": true}'], as_json=True)
    assert isinstance(bad, BadRecord)
    assert bad.why.startswith(why)
    assert good == ContactRecord(2, "a@b", unsubscribed=True)


def test_columns_of_contacts_come_in_any_order_and_may_be_empty() -> None:
    lines = ["emailAddress,topicPreferences.news,unsubscribeAll\n", "a@b,opt_out,\n", "c@d\n"]
    assert list(read_contacts(lines, as_json=False)) == [
        ContactRecord(2, "a@b", {"news": Status.OPT_OUT}),
        ContactRecord(3, "c@d"),
    ]


@given(st.lists(st.text(max_size=60), max_size=8), st.booleans(), st.booleans())
def test_no_file_is_too_odd_to_be_read(lines: list[str], contacts: bool, as_json: bool) -> None:
    read = read_contacts if contacts else read_suppressed
    assert all(
        0 < record.line <= len(lines) + sum(line.count("\n") + line.count("\r") for line in lines)
        for record in read(lines, as_json=as_json)
    )


@given(
    st.dictionaries(
        st.sampled_from(["emailAddress", "reason", "topicPreferences", "attributesData"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
        ),
    )
)
def test_no_object_is_too_odd_to_be_read(found: dict[str, object]) -> None:
    for read in (read_contacts, read_suppressed):
        assert len(list(read([json.dumps(found)], as_json=True))) == 1
