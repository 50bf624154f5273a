"""Calls that are made on purpose so that they fail: of which operation, with which error of its model.

A case has an operation, the error shape that the model knows it by, and
parameters in which `$name` stands for something that the test has made.
"""

from collections.abc import Mapping
from string import Template
from typing import Any, NamedTuple


class Case(NamedTuple):
    operation: str
    error: str
    params: Mapping[str, Any]

    def filled(self, made: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters with what the test has made."""
        return {name: _filled(value, made) for name, value in self.params.items()}


def _filled(value: Any, made: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(made)
    if isinstance(value, list):
        return [_filled(one, made) for one in value]
    return {name: _filled(one, made) for name, one in value.items()} if isinstance(value, dict) else value
