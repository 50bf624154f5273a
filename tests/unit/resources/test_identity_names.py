"""What an identity may be called, and who covers whom."""

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.resources import identity_names
from pillarbox.resources.identity_names import InvalidIdentity, covering_names, read_arn


def test_an_address_is_covered_by_itself_then_its_domain_then_the_parents() -> None:
    assert covering_names("Jo+news@Mail.Example.COM") == (
        "Jo+news@mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    )


def test_a_domain_has_one_spelling() -> None:
    assert identity_names.checked("Example.COM") == "example.com"


def test_the_local_part_of_an_address_keeps_its_case_and_its_domain_does_not() -> None:
    assert identity_names.checked("Jo@Example.COM") == "Jo@example.com"


@pytest.mark.parametrize(
    "name",
    ["", "localhost", "example..com", "-a.example", "a-.example", "ex ample.com", "example.com.", "ä.example", "a.b/c"],
)
def test_what_is_no_domain_is_refused(name: str) -> None:
    with pytest.raises(InvalidIdentity, match=r"^Invalid domain name"):
        identity_names.checked_domain(name)


def test_a_domain_of_more_than_253_characters_is_refused() -> None:
    assert identity_names.checked_domain("a." * 125 + "com") == "a." * 125 + "com"
    with pytest.raises(InvalidIdentity):
        identity_names.checked_domain("a." * 126 + "com")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "jo",
        "jo@",
        "@example.com",
        "jo@localhost",
        "Jo <jo@example.com>",
        " jo@example.com",
        "jo@example.com\r\nBcc: x@y",
    ],
)
def test_what_is_no_bare_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidIdentity) as refused:
        identity_names.checked_address(name)
    assert str(refused.value) == f"Invalid email address<{name}>."


def test_an_arn_is_taken_apart() -> None:
    arn = read_arn("arn:aws:sns:eu-west-1:123456789012:topic")
    assert arn is not None
    assert arn == ("sns", Scope("123456789012", "eu-west-1"), "topic")


@pytest.mark.parametrize("text", ["", "topic", "arn:aws:sns:eu-west-1:123456789012", "arn:aws:sns::123456789012:topic"])
def test_what_is_no_arn_of_a_scoped_resource_is_none(text: str) -> None:
    assert read_arn(text) is None
