"""Mail waits, goes elsewhere, or is refused for good: what an upstream answers decides."""

import pytest

from pillarbox.delivery.outcome import Accepted, Deferred, Postponed, Refused
from pillarbox.delivery.transport.ses_answers import meaning_of
from pillarbox.delivery.transport.ses_client import Answer


def said(status: int, code: str = "", message: str = "") -> Answer:
    return Answer(status, code, message, {})


def test_what_is_taken_is_known_by_their_id() -> None:
    outcome = meaning_of(Answer(200, "", "", {"MessageId": "0102-x"}), "eu", "")

    assert outcome == Accepted("250 accepted by upstream eu as 0102-x", "eu", "0102-x")


@pytest.mark.parametrize("content", [{}, {"MessageId": ""}, {"MessageId": 5}])
def test_an_answer_without_an_id_tells_nothing(content: dict[str, object]) -> None:
    assert isinstance(meaning_of(Answer(200, "", "", content), "eu", "us"), Deferred)


@pytest.mark.parametrize(
    "answer",
    [
        said(429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        said(429),
        said(400, "Throttling", "Maximum sending rate exceeded."),
        said(400, "ThrottlingException", "Rate exceeded"),
    ],
)
def test_too_fast_is_no_attempt_and_never_goes_elsewhere(answer: Answer) -> None:
    outcome = meaning_of(answer, "eu", "us")

    assert isinstance(outcome, Postponed) and outcome.throttled
    assert not outcome.provider and not outcome.closed and outcome.seconds


@pytest.mark.parametrize(
    "answer",
    [
        said(429, "TooManyRequestsException", "Daily message quota exceeded."),
        said(400, "Throttling", "Daily message quota exceeded."),
        said(400, "LimitExceededException", "limit"),
    ],
)
def test_a_day_that_is_used_up_closes_the_lane_where_there_is_no_other_way(answer: Answer) -> None:
    held, gone = meaning_of(answer, "eu", ""), meaning_of(answer, "eu", "us")

    assert isinstance(held, Postponed) and held.closed and not held.throttled
    assert isinstance(gone, Postponed) and gone.provider == "us" and not gone.closed


@pytest.mark.parametrize(
    "answer",
    [
        said(400, "SendingPausedException", "paused"),
        said(400, "AccountSuspendedException", "suspended"),
        said(400, "MailFromDomainNotVerifiedException", "x"),
        said(404, "NotFoundException", "Configuration set <x> does not exist."),
        said(400, "MessageRejected", "Email address is not verified. The following identities failed the check: a@b.c"),
        said(403, "AccessDeniedException", "no"),
        said(403, "ExpiredTokenException", "expired"),
        said(403, "SomethingNew", "no"),
        said(503, "ServiceUnavailable", ""),
    ],
)
def test_what_is_put_right_by_people_goes_elsewhere_or_is_tried_again(answer: Answer) -> None:
    assert meaning_of(answer, "eu", "us") == Postponed(f"upstream eu said: {answer}", provider="us")
    assert meaning_of(answer, "eu", "") == Deferred(f"upstream eu said: {answer}", ours=True)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (said(400, "MessageRejected", "Illegal header"), "554 5.6.0 upstream eu said: 400 MessageRejected"),
        (said(400, "BadRequestException", "Missing final '@domain'"), "554 5.6.0 "),
        (said(413), "552 5.3.4 "),
    ],
)
def test_mail_that_is_refused_is_refused_everywhere(answer: Answer, reply: str) -> None:
    outcome = meaning_of(answer, "eu", "us")

    assert isinstance(outcome, Refused) and (outcome.reply or "").startswith(reply)


@pytest.mark.parametrize("status", [500, 502, 504, 302])
def test_what_may_have_been_taken_stays_with_the_same_upstream(status: int) -> None:
    assert isinstance(meaning_of(said(status), "eu", "us"), Deferred)
