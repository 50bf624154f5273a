"""Arguments of SMTP commands: what is read, and what is not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.edge.smtp_commands import BadParameter, Malformed, decode, read_path, read_plain


@pytest.mark.parametrize(
    ("argument", "address", "size"),
    [
        ("FROM:<a@example.com>", "a@example.com", 0),
        ("from: <a@example.com> SIZE=12 BODY=8BITMIME", "a@example.com", 12),
        ("FROM:<a@example.com>  body=7bit  AUTH=<>", "a@example.com", 0),
        ('FROM:<"a b>"@example.com>', '"a b>"@example.com', 0),
        ("FROM:<>", None, 0),
        ("FROM:<nobody>", None, 0),
        ("FROM:<ä@example.com>", None, 0),
        ("FROM:<@relay.example:a@example.com>", None, 0),
    ],
)
def test_a_path_is_read(argument: str, address: str | None, size: int) -> None:
    path = read_path("FROM", argument)
    assert (path.address, path.announced_bytes) == (address, size)


@pytest.mark.parametrize(
    "argument",
    ["", "TO:<a@b.example>", "FROM:a@b.example", "FROM:<a@b.example>x", "FROM:<a@b.example", "FROM:<a<b@c.example>>"],
)
def test_a_path_of_another_form_is_refused(argument: str) -> None:
    with pytest.raises(Malformed):
        read_path("FROM", argument)


@pytest.mark.parametrize("parameter", ["SMTPUTF8", "SIZE=x", "SIZE", "BODY=BINARYMIME", "RET=FULL", "AUTH"])
def test_a_parameter_that_was_not_offered_is_refused(parameter: str) -> None:
    with pytest.raises(BadParameter):
        read_path("FROM", f"FROM:<a@b.example> {parameter}")


def test_recipients_have_no_parameters() -> None:
    with pytest.raises(BadParameter):
        read_path("TO", "TO:<a@b.example> NOTIFY=NEVER")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("acting_as", ["", "user"])
def test_a_plain_response_is_read(acting_as: str) -> None:
    assert read_plain(b64(f"{acting_as}\0user\0pass word")) == ("user", "pass word")


@pytest.mark.parametrize(
    "response", ["=", "!", b64("user\0password"), b64("boss\0user\0pass"), b64("\0a\0b\0c"), "/w=="]
)
def test_a_plain_response_of_another_form_is_refused(response: str) -> None:
    with pytest.raises(Malformed):
        read_plain(response)


def test_an_equals_sign_is_an_empty_response() -> None:
    assert decode("=") == ""


@given(st.text())
def test_nothing_else_is_raised(text: str) -> None:
    for read in (lambda: read_path("FROM", text), lambda: read_path("TO", "TO:" + text), lambda: read_plain(text)):
        try:
            read()
        except (Malformed, BadParameter):
            continue
