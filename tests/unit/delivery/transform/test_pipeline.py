"""What leaves is what was promised, but for the headers of delivery."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.delivery.transform.pipeline import TRANSFORMS, transform
from pillarbox.kit.headers import list_headers, split

FACTS = TransformFacts("id-1", "eu-west-1", "mail.example.org", 1_476_421_336_645, {"ses:from-domain": ["b.example"]})
OURS = {"message-id", "date", "feedback-id"}

LINES = st.lists(
    st.sampled_from(
        [
            b"From: a@b.example",
            b"Bcc: x@y.example",
            b" folded",
            b"Date: old",
            b"X-SES-A: 1",
            b"X: \xff",
            b"",
            b"no header",
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
)


def test_an_ordinary_message_leaves_with_three_headers_more() -> None:
    raw = b"From: a@b.example\r\nBcc: x@y.example\r\nSubject: s\r\n\r\nbody \xff\n"
    left = transform(raw, FACTS)
    assert left.endswith(b"From: a@b.example\r\nSubject: s\r\n\r\nbody \xff\n")
    assert [name for name, _ in list_headers(left)] == ["Message-ID", "Date", "Feedback-ID", "From", "Subject"]


def test_the_steps_are_a_list_with_names() -> None:
    assert [name for name, _ in TRANSFORMS] == ["headers"]


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from([b"\r\n", b"\n"]))
def test_all_other_bytes_stay_in_their_order(lines: list[bytes], line_break: bytes) -> None:
    raw = line_break.join(lines)
    before, left = split(raw), transform(raw, FACTS)
    after = split(left)
    assert left[after.body :] == raw[before.body :]
    kept = [
        raw[field.start : field.end].rstrip(b"\r\n")
        for field in before.fields
        if field.name not in OURS | {"bcc", "return-path"} and not field.name.startswith(("x-ses-", "x-pillarbox-"))
    ]
    others = [field for field in after.fields if field.name not in OURS]
    assert [left[field.start : field.end].rstrip(b"\r\n") for field in others] == kept
    assert sorted(field.name for field in after.fields if field.name in OURS) == sorted(OURS)
    assert after.separated
    assert transform(left, FACTS) == left
