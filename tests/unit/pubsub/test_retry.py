"""A notification is tried again as its delivery policy says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.clock import SECOND
from pillarbox.pubsub.refusals import InvalidParameter
from pillarbox.pubsub.retry import (
    Policy,
    Verdict,
    check_subscription_policy,
    check_topic_policy,
    delays_of,
    effective_subscription_policy,
    effective_topic_policy,
    next_attempt_at,
    policy_of,
    verdict_on,
)

NOON = 1_700_000_000_000


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 201, 204, 299), Verdict.DELIVERED),
        ((301, 302, 307, 429, 500, 502, 503, 599, 100), Verdict.RETRY),
        ((400, 401, 403, 404, 410, 422, 499), Verdict.CLIENT_ERROR),
    ],
)
def test_what_an_answer_means(statuses: tuple[int, ...], verdict: Verdict) -> None:
    assert {verdict_on(status) for status in statuses} == {verdict}


def test_by_default_there_are_three_retries_twenty_seconds_apart() -> None:
    policy = policy_of(None, None)
    due = [next_attempt_at(policy, attempts, NOON) for attempts in (1, 2, 3, 4)]
    assert due == [NOON + 20 * SECOND] * 3 + [None]


def test_the_phases_follow_each_other() -> None:
    policy = Policy(10, 40, 9, no_delay_retries=2, min_delay_retries=1, max_delay_retries=2)
    assert delays_of(policy) == (0, 0, 10, 10, 20, 30, 40, 40, 40)


def test_backoff_functions_differ_in_how_late_they_grow() -> None:
    latest_first = ("exponential", "geometric", "arithmetic", "linear")
    middle = [delays_of(Policy(20, 600, 9, backoff=name))[4] for name in latest_first]
    assert middle == sorted(middle)
    assert len(set(middle)) == 4


@given(
    st.integers(1, 60), st.integers(0, 60), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 20),
    st.sampled_from(["linear", "arithmetic", "geometric", "exponential"]),
)  # fmt: skip
def test_delays_never_shrink_and_stay_between_their_targets(
    least: int, more: int, no_delay: int, at_least: int, at_most: int, growing: int, backoff: str
) -> None:
    retries = no_delay + at_least + at_most + growing
    delays = delays_of(Policy(least, least + more, retries, no_delay, at_least, at_most, backoff))
    assert len(delays) == retries
    assert list(delays) == sorted(delays)
    assert all(least <= delay <= least + more + 1e-6 for delay in delays[no_delay:])
    if growing > 1:
        assert delays[no_delay + at_least + growing - 1] == pytest.approx(least + more)


def test_a_subscription_overrides_its_topic_unless_the_topic_forbids_it() -> None:
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 7}})
    topic: dict[str, Any] = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}
    assert policy_of(own, json.dumps(topic)).retries == 7
    assert policy_of(None, json.dumps(topic)).retries == 5
    topic["http"]["disableSubscriptionOverrides"] = True
    assert policy_of(own, json.dumps(topic)).retries == 5


def test_null_members_stand_for_the_default() -> None:
    text = json.dumps({"healthyRetryPolicy": {"numRetries": None, "backoffFunction": None}, "throttlePolicy": None})
    check_subscription_policy(text)
    assert policy_of(text, None) == Policy()


def test_the_effective_policy_of_a_topic_has_the_members_of_aws() -> None:
    assert effective_topic_policy(None) == (
        '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,'
        '"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},'
        '"disableSubscriptionOverrides":false,'
        '"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}'
    )
    assert '"numRetries":5' in effective_subscription_policy('{"healthyRetryPolicy":{"numRetries":5}}', None)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{", "failed to parse JSON."),
        ("[" * 100_000, "failed to parse JSON."),
        ("[]", "must be a JSON object"),
        ({"http": {}}, "Unexpected JSON member: http"),
        (
            {"healthyRetryPolicy": {"numRetries": 101}},
            "healthyRetryPolicy.numRetries must be less than or equal to 100",
        ),
        ({"healthyRetryPolicy": {"numRetries": "3"}}, "healthyRetryPolicy.numRetries must be an integer"),
        (
            {"healthyRetryPolicy": {"minDelayTarget": 0}},
            "healthyRetryPolicy.minDelayTarget must be greater than or equal to 1",
        ),
        (
            {"healthyRetryPolicy": {"minDelayTarget": 30}},
            "healthyRetryPolicy.maxDelayTarget must be specified and at least minDelayTarget",
        ),
        (
            {"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 3}},
            "healthyRetryPolicy.numRetries must be at least the sum of its phases",
        ),
        (
            {"healthyRetryPolicy": {"numRetries": 100, "maxDelayTarget": 60}},
            "healthyRetryPolicy: the total retry time must not exceed 3600 seconds",
        ),
        (
            {"healthyRetryPolicy": {"backoffFunction": "random"}},
            "healthyRetryPolicy.backoffFunction must be one of linear, arithmetic, geometric, exponential",
        ),
        (
            {"requestPolicy": {"headerContentType": "text/plain\r\nX-Evil: 1"}},
            "requestPolicy.headerContentType is not a supported content type",
        ),
        (
            {"throttlePolicy": {"maxReceivesPerSecond": 0}},
            "throttlePolicy.maxReceivesPerSecond must be greater than or equal to 1",
        ),
        ({"throttlePolicy": {"maxReceivesPerSecond": "9"}}, "throttlePolicy.maxReceivesPerSecond must be an integer"),
        ({"throttlePolicy": {"perSecond": 1}}, "Unexpected JSON member: perSecond"),
        ({"sicklyRetryPolicy": {}}, "sicklyRetryPolicy is not offered by this server"),
    ],
)
def test_a_subscriptions_policy_that_is_wrong_is_refused_by_name(policy: Any, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_subscription_policy(policy if isinstance(policy, str) else json.dumps(policy))
    assert str(refused.value) == f"Invalid parameter: DeliveryPolicy: {reason}"


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (
            {"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}},
            "http.defaultHealthyRetryPolicy.numRetries must be less than or equal to 100",
        ),
        ({"healthyRetryPolicy": {}}, "Unexpected JSON member: healthyRetryPolicy"),
        ({}, "http must be specified"),
        ({"http": {"disableSubscriptionOverrides": "no"}}, "http.disableSubscriptionOverrides must be true or false"),
    ],
)
def test_a_topics_policy_that_is_wrong_is_refused_by_name(policy: Any, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_topic_policy(json.dumps(policy))
    assert str(refused.value) == f"Invalid parameter: DeliveryPolicy: {reason}"
