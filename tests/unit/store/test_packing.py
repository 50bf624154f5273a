"""What plans take and return, on its way between processes."""

import pickle
import re
from dataclasses import InitVar, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pillarbox.kit.errors import Refusal
from pillarbox.sending.accept import keep_promises
from pillarbox.store.packing import packed
from pillarbox.store.plan import Keep
from tests.support.promises import draft, promise, split_promise

NOW = 1_790_000_000_000


class Place(NamedTuple):
    row: int
    column: str = "a"


class Told(NamedTuple("Told", [("text", str)])):
    """One that says by itself what it is pickled as."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Told, (self.text + "!",)


class Color(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class One:
    value: tuple[int, int]


@dataclass
class Counted:
    names: list[str]
    counted: int = field(init=False, default=0)


@dataclass(frozen=True)
class Squared:
    side: int
    unit: str
    area: InitVar[int | None] = None

    def __post_init__(self, area: int | None) -> None:
        object.__setattr__(self, "side", self.side if area is None else area)


def there_and_back(value: object) -> Any:
    return pickle.loads(b"".join(packed(value)))


@pytest.mark.parametrize(
    "value",
    [
        promise(draft("a@example.net", "b@example.net"), NOW, daily_limit=5),
        split_promise(3, NOW),
        Keep([b"body"], ("123456789012",), NOW),
        [Place(1), Place(2, "b"), (1, "a"), One((1, 2))],
        {"color": Color.RED, "folder": Path("x"), "word": re.compile("w+")},
        [Color, Place, keep_promises, str, tuple.__new__],
        Squared(3, "m", area=9),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_arrives_is_equal_and_of_the_same_classes(value: Any) -> None:
    arrived = there_and_back(value)
    assert arrived == value
    assert repr(arrived) == repr(value)


def test_what_is_not_made_of_its_fields_alone_arrives_whole() -> None:
    counted = Counted(["a"])
    counted.counted = 7
    assert there_and_back(counted) == counted


def test_a_class_that_says_how_it_travels_is_obeyed() -> None:
    assert there_and_back(Told("so")) == ("so!",)


def test_a_value_that_is_meant_twice_is_one_value_at_the_other_end() -> None:
    place = Place(1)
    first, second = there_and_back([place, place])
    assert first is second


def test_a_refusal_arrives_with_its_members() -> None:
    refusal = Refusal("no")
    refusal.members = {"Name": "x"}  # type: ignore[attr-defined]
    arrived = there_and_back(refusal)
    assert (type(arrived), str(arrived), arrived.members) == (Refusal, "no", {"Name": "x"})


def test_what_has_no_name_cannot_travel() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        packed([1, lambda text: text])


def test_a_large_body_is_not_copied_on_its_way_into_pieces() -> None:
    body = bytes(1 << 20)
    assert any(piece is body for piece in packed([Keep([body], ("a",), NOW), 1]))
