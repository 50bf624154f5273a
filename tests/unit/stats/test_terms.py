"""What a message is found by."""

import msgspec
import pytest

from pillarbox.stats import terms
from pillarbox.stats.terms import Needle
from tests.unit.events.examples import FACTS, message

MESSAGE = message(
    msgspec.structs.replace(
        FACTS,
        sender_address="Ann@Shop.Example",
        recipients=["Bob.van-Dyke+news@Mail.example"],
        tags={"ses:operation": ["SendEmail"], "pillarbox-x": ["1"], "Customer": ["7"]},
        tenant="acme",
    )
)._replace(subject="=?UTF-8?Q?Gr=C3=B6=C3=9Fe_off?= 100% off_er")


def test_a_message_has_terms_of_its_addresses_words_tags_and_tenant() -> None:
    assert terms.terms_of(MESSAGE) == {
        "f:ann@shop.example",
        "f:@shop.example",
        "r:bob.van-dyke+news@mail.example",
        "r:@mail.example",
        "r:van",
        "r:dyke",
        "r:news",
        "s:grösse",
        "s:off",
        "s:100",
        "s:er",
        "t:Customer=7",
        "n:acme",
    }


@pytest.mark.parametrize(
    "needles, fits",
    [
        (terms.to_needles("BOB"), True),
        (terms.to_needles("bob.van-dyke+news@mail.example"), True),
        (terms.to_needles("bob.van-dyke@"), False),
        (terms.to_needles("@mail"), True),
        (terms.to_needles("mail.exa dyke"), True),
        (terms.to_needles("mail.exa smith"), False),
        (terms.to_needles("yke"), False),
        (terms.from_needles("ann@shop.example"), True),
        (terms.from_needles("shop"), True),
        (terms.from_needles("bob"), False),
        (terms.subject_needles("größe, OFF!"), True),
        (terms.subject_needles("% OFF_"), True),
        (terms.subject_needles("size"), False),
        (terms.subject_needles("_%_"), False),
        (terms.tag_needles("Customer=7"), True),
        (terms.tag_needles("Customer"), True),
        (terms.tag_needles("Customer="), False),
        (terms.tag_needles("Cust"), False),
        (terms.tag_needles("ses:operation"), False),
        (terms.tenant_needles("acme"), True),
        (terms.tenant_needles("ac"), False),
    ],
)
def test_needles_fit_what_begins_as_they_do(needles: list[Needle], fits: bool) -> None:
    assert all(needle.fits(terms.terms_of(MESSAGE)) for needle in needles) is fits


def test_terms_have_an_end_and_no_characters_that_no_store_takes() -> None:
    long = message(FACTS)._replace(subject="x" * 5_000 + " a\0b")

    found = terms.terms_of(long)

    assert max(map(len, found)) == 200
    assert not any("\0" in term for term in found)
