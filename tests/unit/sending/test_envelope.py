"""Who speaks in a message, and so must be verified."""

from pillarbox.kit.ids import Scope
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Simple, Text
from pillarbox.sending.envelope import read_envelope


def test_a_sender_given_as_a_custom_header_must_be_verified_too() -> None:
    draft = Draft(
        Scope("123456789012", "us-east-1"),
        "SendEmail",
        "root",
        "192.0.2.1",
        Simple(Text("s"), Text("t"), headers=(("sender", "Desk <desk@other.example>"),)),
        V2_SIZE_LIMIT,
        sender="shop@example.com",
        to=("jane@example.net",),
    )
    must = read_envelope(draft).prepared.must_be_verified
    assert list(must) == ["shop@example.com", "Desk <desk@other.example>"]
    assert "other.example" in must["Desk <desk@other.example>"]
