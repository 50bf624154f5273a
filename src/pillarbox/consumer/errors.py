"""What can be wrong with a post, by what the receiver should answer.

Pure. Every message says what was found and what was expected, without content
of mail.
"""


class ConsumerError(Exception):
    """The base of what this package raises on purpose."""


class Refused(ConsumerError):
    """The post is not what it says it is, or not for us: answer 403. The same post will never be taken."""


class Unreadable(ConsumerError):
    """It is no event that this release can read. Keep it: the next release may."""


class CannotVerify(ConsumerError):
    """Nobody knows now whether the post is genuine: answer 503, and SNS posts it again."""
