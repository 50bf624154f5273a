"""What topics and subscriptions refuse, and why.

Pure. Raised by the SNS modules of pubsub/; api/sns/errors.py says which AWS
error each class is. Texts are those of the service where they are known.
"""

from pillarbox.kit.errors import Invalid, LimitReached, NotFound, Refusal


class TopicNotFound(NotFound):
    """There is no topic of that name."""

    def __init__(self) -> None:
        super().__init__("Topic does not exist")


class SubscriptionNotFound(NotFound):
    """There is no such subscription, or it has been removed."""

    def __init__(self) -> None:
        super().__init__("Subscription does not exist")


class ResourceNotFound(NotFound):
    """What should be tagged is not there."""

    def __init__(self) -> None:
        super().__init__("Resource does not exist")


class InvalidParameter(Invalid):
    """A parameter is not acceptable; `reason` is what AWS says behind `Invalid parameter: `."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid parameter: {reason}")
        self.reason = reason


class InvalidToken(Invalid):
    """What was given to confirm a subscription cannot be a token."""

    def __init__(self) -> None:
        super().__init__("Invalid token")


class InvalidMessageAttribute(Invalid):
    """A message attribute has a wrong name, type or value."""


class NotAuthorized(Refusal):
    """Somebody else's topic or subscription, or a removal that needs a signature."""


class TooManyFilterPolicies(LimitReached):
    """The subscriptions of one topic have as many filter policies as they may."""


class TooManySubscriptions(LimitReached):
    """A topic has as many subscriptions as it may."""


class TooManyTopics(LimitReached):
    """An account has as many topics as it may."""


class TooManyReplays(LimitReached):
    """As many replays are under way as may be."""


class KeepsAnArchive(Refusal):
    """A topic that keeps what it told is not deleted."""

    def __init__(self) -> None:
        super().__init__("Invalid state: Cannot delete a topic with an ArchivePolicy")


class TooManyTags(LimitReached):
    """A topic has at most fifty tags."""


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
