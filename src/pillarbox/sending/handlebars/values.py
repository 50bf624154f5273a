"""JavaScript's view of JSON values: lookup, truth, sameness and text.

Pure. Templates were written against Handlebars.js, so 1.0 prints as 1, lists
join with commas and a string counts UTF-16 units. Lookup sees the data and
nothing of Python. Called by parser and compiler.
"""

import math
from collections.abc import Callable, Collection
from functools import lru_cache

from pillarbox.sending.handlebars.tree import UNDEFINED

_LARGEST_EXACT = 2**53
_LARGEST_INDEX = 2**32 - 2


def property_of(parent: object, name: str) -> object:
    """Return what JavaScript finds as an own property, or UNDEFINED."""
    if isinstance(parent, dict):
        return parent.get(name, UNDEFINED)
    if isinstance(parent, list):
        if name == "length":
            return len(parent)
        index = _index_from(name)
        return parent[index] if index is not None and index < len(parent) else UNDEFINED
    if isinstance(parent, str):
        units = _utf16(parent)
        if name == "length":
            return len(units) // 2
        index = _index_from(name)
        if index is None or 2 * index >= len(units):
            return UNDEFINED
        return units[2 * index : 2 * index + 2].decode("utf-16-le", "surrogatepass")
    return UNDEFINED


def is_nothing(value: object) -> bool:
    return value is None or value is UNDEFINED


def is_true(value: object) -> bool:
    """JavaScript's truth: empty lists and objects are true."""
    return isinstance(value, (list, dict)) or (value is not UNDEFINED and bool(value))


def is_empty(value: object) -> bool:
    """The emptiness of Handlebars, for which zero is something and an empty list is nothing."""
    if isinstance(value, list):
        return not value
    is_zero = isinstance(value, (int, float)) and value is not False and not value
    return not is_zero and not is_true(value)


def is_same(one: object, other: object) -> bool:
    """Whether two contexts are one: the same object, or equal values of the same type.

    JavaScript's == would also find 1 and "1" the same. Where that matters it
    is a quirk that loses a level of `../`, so we leave it.
    """
    if isinstance(one, (list, dict)):
        return one is other
    if is_nothing(one):
        return is_nothing(other)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def entries(context: object) -> Collection[tuple[object, object]]:
    """Return (key, value) of a list or an object in JavaScript's order, and nothing for anything else."""
    if isinstance(context, list):
        return list(enumerate(context))
    if isinstance(context, dict):
        # https://tc39.es/ecma262/#sec-ordinaryownpropertykeys : array indexes first, ascending.
        indexes = sorted(index for key in context if (index := _index_from(key)) is not None)
        if not indexes:
            return context.items()
        numeric = [str(index) for index in indexes]
        rest = [key for key in context if _index_from(key) is None]
        return [(key, context[key]) for key in numeric + rest]
    return ()


def own_properties(context: object) -> dict[str, object]:
    """Return a new object with what JavaScript would copy from `context`."""
    if isinstance(context, dict):
        return dict(context)
    if isinstance(context, list):
        return {str(index): value for index, value in enumerate(context)}
    if isinstance(context, str):
        units = range(len(_utf16(context)) // 2)
        return {str(index): property_of(context, str(index)) for index in units}
    return {}


def _free(_: int) -> None:
    """Spend nothing: for texts whose size is already bounded."""


def text_of(value: object, spend: Callable[[int], None] = _free) -> str:
    """Return the text of a value; `spend` hears of every list with its length before it is walked."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) <= _LARGEST_EXACT else _text_of_number(_double(value))
    if isinstance(value, float):
        return _text_of_number(value)
    if isinstance(value, list):
        spend(len(value))
        return ",".join("" if is_nothing(item) else text_of(item, spend) for item in value)
    return "undefined" if value is UNDEFINED else "null" if value is None else "[object Object]"


def _text_of_number(number: float) -> str:
    # https://tc39.es/ecma262/#sec-numeric-types-number-tostring
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _placed(digits.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    """Write 0.`digits` times ten to the `point`."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"


def _double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _index_from(name: str) -> int | None:
    """Return the array index that `name` spells, or None when JavaScript would take it for a plain name."""
    if not name.isdecimal() or not name.isascii() or len(name) > 10 or (name[0] == "0" and name != "0"):
        return None
    index = int(name)
    return index if index <= _LARGEST_INDEX else None


# A loop may ask for the same long string at every turn.
@lru_cache(maxsize=64)
def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
