"""What a queue refuses, and why.

Pure. Raised by the queue modules of pubsub/; api/sqs/errors.py says which AWS
error each class is. Texts are those of the service where they are known.
"""

from pillarbox.kit.errors import Denied, Duplicate, Invalid, LimitReached, NotFound, Refusal


class QueueMissing(NotFound):
    """There is no queue of that name."""

    def __init__(self) -> None:
        super().__init__("The specified queue does not exist.")


class QueueExists(Duplicate):
    """There is a queue of that name with another attribute value."""


class QueueDeletedRecently(Refusal):
    """The name was freed less than a minute ago."""


class PurgeInProgress(LimitReached):
    """The queue was purged less than a minute ago."""


class InvalidParameter(Invalid):
    """A parameter's value is not acceptable."""

    @classmethod
    def value(cls, value: object, parameter: str, reason: str) -> "InvalidParameter":
        return cls(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


class MissingParameter(Invalid):
    """A parameter that this queue needs was not given."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The request must contain the parameter {name}.")


class AccessDenied(Denied):
    """The queue's policy does not allow that, or denies it."""


class TooManyActions(LimitReached):
    """A permission for more actions than it may have."""


class ResourceMissing(NotFound):
    """What a move task is about is not there."""


class TaskOver(Refusal):
    """A move task that has ended cannot be cancelled."""

    def __init__(self) -> None:
        super().__init__("Only active tasks can be cancelled.")


class UnknownAttribute(Invalid):
    """A queue has no such attribute, or nobody may set it."""

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(why or f"Unknown Attribute {name}.")


class InvalidAttributeValue(Invalid):
    """An attribute of a queue cannot have this value."""


class Unsupported(Refusal):
    """Something that this service has no answer for, said by name."""


class InvalidContents(Invalid):
    """The body has characters that a message may not have."""


class InvalidReceipt(Invalid):
    """A receipt handle that this queue never gave."""

    def __init__(self, handle: str) -> None:
        super().__init__(f'The input receipt handle "{handle}" is not a valid receipt handle.')


class NotInFlight(Refusal):
    """The message is visible: no receiver holds it."""

    def __init__(self) -> None:
        super().__init__("The specified message isn't in flight.")


class TooManyInFlight(LimitReached):
    """Receivers hold as many messages as a queue allows."""


class EmptyBatch(Invalid):
    """A batch without entries."""


class TooManyEntries(LimitReached):
    """A batch with more than ten entries."""


class InvalidEntryId(Invalid):
    """The id of a batch entry is malformed."""


class EntryIdsRepeat(Invalid):
    """Two entries of a batch share an id."""


class BatchTooLong(LimitReached):
    """The messages of a batch are longer together than one message may be."""
