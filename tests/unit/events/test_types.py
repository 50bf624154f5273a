"""Facts survive being stored, and every kind has one spelling."""

import msgspec
import pytest

from pillarbox.events.types import STATE_AFTER, Fact, Kind, fact_from_json, fact_to_json, kind_of, recipients_of
from tests.unit.events.examples import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_a_stored_fact_is_read_as_it_was(name: str) -> None:
    assert fact_from_json(fact_to_json(KINDS[name])) == KINDS[name]


def test_every_kind_has_one_fact() -> None:
    assert {kind_of(fact) for fact in KINDS.values()} == set(Kind)
    assert len({type(fact) for fact in KINDS.values()}) == len(Kind)


def test_a_fact_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        fact_from_json('{"type":"Teleport"}')


@pytest.mark.parametrize(
    "name, recipients",
    [
        ("delivery", ["bob@example.net"]),
        ("bounce", ["bob@example.net"]),
        ("complaint", ["carol@example.org"]),
        ("delivery-delay", ["bob@example.net"]),
        ("send", None),
        ("reject", None),
        ("open", None),
    ],
)
def test_a_fact_names_its_recipients_or_is_about_the_whole_message(name: str, recipients: list[str] | None) -> None:
    fact: Fact = KINDS[name]

    assert recipients_of(fact) == recipients


def test_what_a_reader_did_moves_no_state() -> None:
    assert {Kind.OPEN, Kind.CLICK, Kind.SUBSCRIPTION}.isdisjoint(STATE_AFTER)
