"""What became of one recipient in one attempt.

Pure values: a transport returns one for each recipient, the worker answers for
those whom it keeps from a transport, and turns all into events and into what is
tried again.
"""

from dataclasses import dataclass

from pillarbox.resources.suppression_reasons import Reason


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next hop took the mail. `complaint` is set by a transport that learns of one at once."""

    reply: str
    remote_ip: str | None = None
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: `why` is in our words ("connect timed out"), `reply` what the far side said, if it spoke.

    `ours` says that the fault lies with this server.
    """

    why: str
    reply: str | None = None
    remote_ip: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the far side said so, or a rule of ours did (then `subtype` names it and `reply` is None)."""

    reply: str | None = None
    subtype: str | None = None
    remote_ip: str | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """No attempt was made: the account's suppression list holds the recipient for this reason."""

    reason: Reason


Outcome = Delivered | Deferred | Refused | Suppressed
