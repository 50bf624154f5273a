"""What leaves is what was promised, but for the headers of delivery."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.delivery.transform.dkim import SigningKey
from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.delivery.transform.pipeline import TRANSFORMS, transform
from pillarbox.kit.headers import list_headers, split
from pillarbox.kit.mime import in_crlf_lines
from tests.support.dkim import verifies, zone_of

KEY = SigningKey("b.example", "s1", Ed25519PrivateKey.generate())
TAGS = {"ses:from-domain": ["b.example"]}
FACTS = TransformFacts("id-1", "eu-west-1", "mail.example.org", "mta.example.org", 1_476_421_336_645, TAGS, (KEY,))
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


def test_an_ordinary_message_leaves_with_five_headers_more() -> None:
    raw = b"From: a@b.example\r\nBcc: x@y.example\r\nSubject: s\r\n\r\nbody \xff\n"
    left = transform(raw, FACTS).data
    assert left.endswith(b"From: a@b.example\r\nSubject: s\r\n\r\nbody \xff\r\n")
    names = [name for name, _ in list_headers(left)]
    assert names == ["DKIM-Signature", "Received", "Message-ID", "Date", "Feedback-ID", "From", "Subject"]


def test_the_steps_are_a_list_with_names_and_dkim_is_the_last() -> None:
    names = [name for name, _ in TRANSFORMS]
    assert names[-1] == "dkim"
    assert len({*names}) == len(names)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_all_other_bytes_stay_in_their_order(lines: list[bytes], line_break: bytes) -> None:
    raw = in_crlf_lines(line_break.join(lines))
    before, left = split(raw), transform(line_break.join(lines), FACTS).data
    after = split(left)
    assert left[after.body :] == raw[before.body :]
    kept = [
        raw[field.start : field.end]
        for field in before.fields
        if field.name not in OURS | {"bcc", "return-path"} and not field.name.startswith(("x-ses-", "x-pillarbox-"))
    ]
    assert [field.name for field in after.fields[:2]] == ["dkim-signature", "received"]
    others = [field for field in after.fields[2:] if field.name not in OURS]
    assert [left[field.start : field.end] for field in others] == kept
    assert sorted(field.name for field in after.fields if field.name in OURS) == sorted(OURS)
    assert after.separated
    assert left == in_crlf_lines(left)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"From: a@b.example", b" folded", b"X: \xff", b"\tx", b"Subject:"]), max_size=8), LINES
)
def test_whatever_leaves_is_signed_as_it_leaves(head: list[bytes], body: list[bytes]) -> None:
    raw = b"\n".join([b"To: x@y.example", *head, b"", *body])
    assert verifies(transform(raw, FACTS).data, zone_of(KEY))
