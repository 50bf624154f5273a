"""What the domain raises when it does not do what it was asked.

Pure. Every room derives its own exceptions from these; `api/` maps the classes
to AWS error shapes, so a message here is written for the caller to read.
"""

from typing import Any


class Refusal(Exception):
    """What was asked is not done, nothing has changed, and the message says why."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled by what it says, not by how it was made: between processes `args` is no longer what a class was
        # called with.
        return _said_again, (type(self), self.args, self.__dict__)


class Invalid(Refusal):
    """A value is not acceptable."""


class NotFound(Refusal):
    """What was named does not exist in this account and region."""


class Duplicate(Refusal):
    """Something of that name exists already."""


class LimitReached(Refusal):
    """One more would be over a documented limit."""


class Denied(Refusal):
    """Whoever asks may not have that done."""


class Unavailable(Exception):
    """A part of ours (the store, the disk) cannot work now; the caller may try again."""


def _said_again(kind: type[Refusal], args: tuple[Any, ...], state: dict[str, Any]) -> Refusal:
    refusal = kind.__new__(kind)
    refusal.args = args
    refusal.__dict__.update(state)
    return refusal
