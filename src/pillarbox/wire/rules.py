"""Compile what a model demands of an input (required, enum, length, range, pattern) into checks.

Pure. A compiled check appends Violations and touches nothing else; it costs
almost nothing while all is well. Called by models.py (compile) and check.py.
https://smithy.io/2.0/spec/constraint-traits.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pillarbox.wire import patterns
from pillarbox.wire.read_query import wire_name

Shape = Any  # botocore.model.Shape; botocore carries no types
Path = tuple[Any, ...]  # () or (path of the parent, name or index)
Checker = Callable[[Mapping[str, Any]], "list[Violation]"]
Test = Callable[[Any, Path, "list[Violation]"], None]
Constraint = tuple[Callable[[Any], object], str]  # holds for good values; what to say of others

NOT_NULL = "Member must not be null"

# Constraints of the model that the real service does not apply in this form; the domain does, in its own words.
RELAXED: dict[tuple[str, str], str] = {
    ("sqs", "QueueAttributeName"): "SQS itself answers InvalidAttributeName: Unknown Attribute X.",
    ("sqs", "MessageSystemAttributeName"): "SQS itself answers InvalidAttributeName: Unknown Attribute X.",
    ("sqs", "MessageSystemAttributeNameForSends"): "SQS itself answers InvalidParameterValue for the attribute.",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that breaks one constraint. A sensitive value must not be repeated to anyone."""

    path: Path
    value: Any
    constraint: str
    sensitive: bool = False


def compile_checker(service: str, shape: Shape | None) -> Checker:
    """Return the function that lists what is wrong with an operation's parameters, in the model's order."""
    test = _compile(service, shape) if shape is not None else None

    def violations(params: Mapping[str, Any]) -> list[Violation]:
        found: list[Violation] = []
        if test is not None:
            test(params, (), found)
        return found

    return violations


def _compile(service: str, shape: Shape) -> Test | None:
    """Return the check for `shape`, or None when nothing in it can be wrong."""
    match shape.type_name:
        case "structure":
            return _structure(service, shape)
        case "list":
            return _list(service, shape)
        case "map":
            return _map(service, shape)
        case _:
            return _own(shape, constraints_of(service, shape))


def _structure(service: str, shape: Shape) -> Test | None:
    spelled = {name: _spell(service, name, member) for name, member in shape.members.items()}
    required = [(name, spelled[name]) for name in shape.required_members]
    compiled = [(name, spelled[name], _compile(service, member)) for name, member in shape.members.items()]
    members = [(name, spelling, test) for name, spelling, test in compiled if test is not None]
    if not required and not members:
        return None
    # SQS takes an empty string for a missing one.
    missing = (None, "") if service == "sqs" else (None,)

    def test(value: Any, path: Path, found: list[Violation]) -> None:
        for name, spelling in required:
            if value.get(name) in missing:
                found.append(Violation((path, spelling), None, NOT_NULL))
        for name, spelling, test_member in members:
            child = value.get(name)
            if child is not None:
                test_member(child, (path, spelling), found)

    return test


def _spell(service: str, name: str, member: Shape) -> str:
    if service == "sqs":
        return wire_name(name, member)
    return name[:1].lower() + name[1:]


def _list(service: str, shape: Shape) -> Test | None:
    own = constraints_of(service, shape)
    if shape.member.type_name not in ("structure", "list", "map"):
        own += _of_each("Member must satisfy constraint", constraints_of(service, shape.member), list)
        return _own(shape, own)
    test_size, test_one = _own(shape, own), _compile(service, shape.member)
    if test_one is None:
        return test_size
    inner = test_one

    def test(value: Any, path: Path, found: list[Violation]) -> None:
        if test_size is not None:
            test_size(value, path, found)
        for index, element in enumerate(value):
            inner(element, (path, index), found)

    return test


def _map(service: str, shape: Shape) -> Test | None:
    own = constraints_of(service, shape)
    own += _of_each("Map keys must satisfy constraint", constraints_of(service, shape.key), dict.keys)
    if shape.value.type_name not in ("structure", "list", "map"):
        own += _of_each("Map value must satisfy constraint", constraints_of(service, shape.value), dict.values)
        return _own(shape, own)
    test_own, test_one = _own(shape, own), _compile(service, shape.value)
    if test_one is None:
        return test_own
    inner = test_one

    def test(value: Any, path: Path, found: list[Violation]) -> None:
        if test_own is not None:
            test_own(value, path, found)
        for key, element in value.items():
            inner(element, (path, f"{key}.member"), found)

    return test


def _own(shape: Shape, constraints: list[Constraint]) -> Test | None:
    if not constraints:
        return None
    sensitive = bool(shape.metadata.get("sensitive"))

    def test(value: Any, path: Path, found: list[Violation]) -> None:
        for holds, text in constraints:
            if not holds(value):
                found.append(Violation(path, value, text, sensitive))

    return test


def _of_each(lead: str, constraints: list[Constraint], elements: Callable[[Any], Any]) -> list[Constraint]:
    """Return the constraints on plain elements as one on their container, which is how AWS reports them."""
    if not constraints:
        return []
    text = f"{lead}: [{', '.join(text for _, text in constraints)}]"
    tests = [holds for holds, _ in constraints]
    return [(lambda value: all(holds(element) for element in elements(value) for holds in tests), text)]


def constraints_of(service: str, shape: Shape) -> list[Constraint]:
    """Return what `shape` itself demands, without its members."""
    if (service, shape.name) in RELAXED:
        return []
    found: list[Constraint] = []
    rules = shape.metadata
    if "enum" in rules:
        allowed = frozenset(rules["enum"])
        found.append((allowed.__contains__, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]"))
    if shape.type_name in ("integer", "long", "double", "float"):
        return found + _range(rules)
    return found + _length(rules) + _pattern(rules)


def _range(rules: Mapping[str, Any]) -> list[Constraint]:
    found: list[Constraint] = []
    if "min" in rules:
        least = rules["min"]
        found.append((lambda value: value >= least, f"Member must have value greater than or equal to {least}"))
    if "max" in rules:
        most = rules["max"]
        found.append((lambda value: value <= most, f"Member must have value less than or equal to {most}"))
    return found


def _length(rules: Mapping[str, Any]) -> list[Constraint]:
    found: list[Constraint] = []
    if rules.get("min"):
        least = rules["min"]
        found.append((lambda value: len(value) >= least, f"Member must have length greater than or equal to {least}"))
    if "max" in rules:
        most = rules["max"]
        found.append((lambda value: len(value) <= most, f"Member must have length less than or equal to {most}"))
    return found


def _pattern(rules: Mapping[str, Any]) -> list[Constraint]:
    if "pattern" not in rules:
        return []
    matches = patterns.matcher(rules["pattern"])
    text = f"Member must satisfy regular expression pattern: {rules['pattern']}"
    if "max" in rules:  # then the length is complained of already
        most = rules["max"]
        return [(lambda value: len(value) > most or matches(value), text)]
    return [(lambda value: len(value) <= patterns.LONGEST_UNBOUNDED and matches(value), text)]
