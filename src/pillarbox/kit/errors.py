"""What the domain raises when it does not do what it was asked.

Pure. Every room derives its own exceptions from these; `api/` maps the classes
to AWS error shapes, so a message here is written for the caller to read.
"""


class Refusal(Exception):
    """What was asked is not done, nothing has changed, and the message says why."""


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
