"""How to log in, by what is offered."""

import base64

import pytest

from pillarbox.delivery.transport.smtp_login import NoWay, way_to_log_in


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


@pytest.mark.parametrize(
    ("offered", "name"),
    [
        ("PLAIN LOGIN", "PLAIN"),
        ("CRAM-MD5 login plain", "PLAIN"),
        ("CRAM-MD5 LOGIN", "LOGIN"),
        ("GSSAPI CRAM-MD5", "CRAM-MD5"),
    ],
)
def test_the_simplest_way_is_taken(offered: str, name: str) -> None:
    assert way_to_log_in(offered, "user", "secret").name == name


def test_plain_says_it_all_at_once() -> None:
    way = way_to_log_in("PLAIN", "jé", "sécret")

    assert way.first.startswith("AUTH PLAIN ") and decoded(way.first.split()[2]) == "\0jé\0sécret"
    assert not way.answers


def test_cram_md5_answers_as_the_rfc_has_it() -> None:
    """https://www.rfc-editor.org/rfc/rfc2195#section-2"""
    way = way_to_log_in("CRAM-MD5", "tim", "tanstaaftanstaaf")
    (answer,) = way.answers
    challenge = base64.b64encode(b"<1896.697170952@postoffice.reston.mci.net>").decode()

    assert decoded(answer(challenge)) == "tim b913a602c7eda7a495b4e6e7334d3890"
    assert answer("not base64!") == "*"


@pytest.mark.parametrize("offered", ["", "GSSAPI NTLM"])
def test_without_a_way_that_is_known_nothing_is_said(offered: str) -> None:
    with pytest.raises(NoWay):
        way_to_log_in(offered, "user", "secret")
