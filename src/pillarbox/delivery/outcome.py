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
class Accepted:
    """Another SES took the mail, under an id of its own, and will tell what becomes of it: nothing is delivered yet."""

    reply: str
    upstream: str
    their_id: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The far side takes no mail now, whatever mail it is: this was no attempt, and time for trying is not used up.

    It is asked again in `seconds`. `throttled` says that mail came too fast, `closed` that nothing of the lane will be
    taken before that; `provider` names another far side to go to at once instead.
    """

    why: str
    seconds: float = 0.0
    throttled: bool = False
    closed: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the far side said so, or a rule of ours did (then `subtype` names it and `reply` is None)."""

    reply: str | None = None
    subtype: str | None = None
    remote_ip: str | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """No attempt was made: the suppression list of the account, or of a tenant, holds the recipient for this reason."""

    reason: Reason
    of_tenant: bool = False


Outcome = Delivered | Accepted | Deferred | Postponed | Refused | Suppressed
