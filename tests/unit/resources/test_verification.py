"""The life of a verification, look by look."""

import pytest

from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND
from pillarbox.resources.verification import Seen, Verdict, Verification, after, look_again_at, started, succeeded

NOW = 1_700_000_000_000
FOUND = Verdict(Seen.FOUND)
MISSING = Verdict(Seen.MISSING, "TYPE_NOT_FOUND")
UNANSWERED = Verdict(Seen.UNANSWERED, "DNS_SERVER_ERROR")


@pytest.mark.parametrize("status", ["Pending", "TemporaryFailure", "Failed", "Success"])
def test_what_is_found_is_verified_whatever_was_before(status: str) -> None:
    found = after(Verification(status, NOW - 9 * DAY, error="HOST_NOT_FOUND"), FOUND, NOW)
    assert (found.status, found.checked_at, found.succeeded_at, found.error) == ("Success", NOW, NOW, "")


@pytest.mark.parametrize(
    ("age", "status"), [(0, "Pending"), (72 * HOUR - 1, "Pending"), (72 * HOUR, "Failed"), (99 * DAY, "Failed")]
)
def test_a_search_ends_after_72_hours(age: int, status: str) -> None:
    looked = after(started(NOW - age), MISSING, NOW)
    assert (looked.status, looked.error, looked.since) == (status, "TYPE_NOT_FOUND", NOW - age)


def test_what_nobody_could_tell_ends_no_search() -> None:
    assert after(started(NOW - 9 * DAY), UNANSWERED, NOW).status == "Pending"


def test_what_is_lost_is_searched_for_anew() -> None:
    lost = after(succeeded(NOW - 9 * DAY), MISSING, NOW)
    assert (lost.status, lost.since, lost.holds, lost.succeeded_at) == ("TemporaryFailure", NOW, True, NOW - 9 * DAY)
    assert after(lost, MISSING, NOW + 72 * HOUR - 1).status == "TemporaryFailure"
    failed = after(lost, MISSING, NOW + 72 * HOUR)
    assert (failed.status, failed.holds) == ("Failed", False)


@pytest.mark.parametrize(("age", "status"), [(DAY, "Success"), (2 * DAY, "TemporaryFailure")])
def test_silence_is_doubted_after_two_days(age: int, status: str) -> None:
    assert after(succeeded(NOW - age), UNANSWERED, NOW).status == status


@pytest.mark.parametrize(
    ("age", "wait"), [(0, 10 * SECOND), (MINUTE, 10 * SECOND), (HOUR, 6 * MINUTE), (10 * HOUR, HOUR), (70 * HOUR, HOUR)]
)
def test_a_search_looks_after_a_tenth_of_its_age(age: int, wait: int) -> None:
    assert look_again_at(started(NOW - age), NOW) == NOW + wait


def test_what_is_verified_is_looked_at_daily_and_what_has_failed_is_not() -> None:
    assert look_again_at(succeeded(NOW), NOW) == NOW + DAY
    assert look_again_at(Verification("Failed", NOW), NOW) is None
    assert look_again_at(Verification(), NOW) is None
