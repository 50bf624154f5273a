"""What an answer of another SES to a send means for the mail.

Pure. Called by ses.py. Whether mail can be sent again elsewhere hangs on one
thing: is it certain that this side did not take it? A code that is not known is
read by its status.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
"""

from pillarbox.delivery.outcome import Accepted, Deferred, Outcome, Postponed, Refused
from pillarbox.delivery.transport.ses_client import Answer

THROTTLED_SECONDS = 1.0
# The quota of a day is a sliding one, and is looked at again by then (upkeep/upstream_quotas.py).
QUOTA_SECONDS = 120.0

_TOO_FAST = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"})
_CREDENTIALS = frozenset(
    {
        "AccessDeniedException",
        "AccessDenied",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# What the operator of the far account has to put right; the mail itself is good.
_SET_UP = frozenset(
    {
        "AccountSuspendedException",
        "SendingPausedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "ConfigurationSetDoesNotExistException",
    }
)
_NOT_VERIFIED = "not verified"
# https://www.rfc-editor.org/rfc/rfc3463#section-3.7
_MAIL_REFUSED = "554 5.6.0"
_TOO_LARGE = "552 5.3.4"


def meaning_of(answer: Answer, upstream: str, fallback: str) -> Outcome:
    """Return what becomes of the recipients of a send; `fallback` is where mail goes that this side does not take."""
    their_id = answer.content.get("MessageId")
    if answer.is_good and isinstance(their_id, str) and their_id:
        return Accepted(f"250 accepted by upstream {upstream} as {their_id}", upstream, their_id)
    said = f"upstream {upstream} said: {answer}"
    if is_quota_used_up(answer):
        # Where there is another way, whatever comes may try here first; where there is none, it need not try.
        return elsewhere(said, fallback) if fallback else Postponed(said, QUOTA_SECONDS, closed=True)
    if answer.status == 429 or answer.code in _TOO_FAST:
        return Postponed(said, THROTTLED_SECONDS, throttled=True)
    if answer.status == 413:
        return Refused(f"{_TOO_LARGE} {said}")
    lacks_set_up = answer.code in _SET_UP or _NOT_VERIFIED in answer.message
    if answer.code in _CREDENTIALS or answer.status in (401, 403) or lacks_set_up or answer.status == 503:
        return elsewhere(said, fallback)
    if answer.status == 400:
        return Refused(f"{_MAIL_REFUSED} {said}")
    # A server that failed half-way may have taken the mail: only the same side may know it again.
    return Deferred(said, ours=True)


def elsewhere(why: str, fallback: str) -> Outcome:
    """Return the outcome for mail that certainly was not taken, though there is nothing wrong with it."""
    return Postponed(why, provider=fallback) if fallback else Deferred(why, ours=True)


def is_quota_used_up(answer: Answer) -> bool:
    """Whether the recipients of a day are used up, which Throttling says in its text, or a code of its own."""
    return answer.code == "LimitExceededException" or (
        "daily" in answer.message.lower() and "quota" in answer.message.lower()
    )


def are_credentials_refused(answer: Answer) -> bool:
    return answer.code in _CREDENTIALS or answer.status in (401, 403)
