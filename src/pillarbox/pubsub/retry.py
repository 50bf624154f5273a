"""When a notification is tried again, and which answers deserve it.

Pure: the clock reading is an argument. Called by pubsub/deliver.py, and by
topics.py and subscriptions.py to check the DeliveryPolicy that a caller sets.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import enum
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.pubsub.refusals import InvalidParameter

MOST_RETRY_SECONDS = 3_600
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"

# https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
_MEDIA_TYPES = frozenset({
    "application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml",
    "application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml",
    "text/css", "text/csv", "text/html", "text/plain", "text/xml",
})  # fmt: skip
_BACKOFFS = ("linear", "arithmetic", "geometric", "exponential")


class Verdict(enum.Enum):
    """What an answer means for a notification."""

    DELIVERED = "delivered"
    RETRY = "retry"
    CLIENT_ERROR = "client error"


class Policy(NamedTuple):
    """How often and when to try again; delays are in seconds. The phases run in the order of the fields' names:
    no delay, minimum delay, growing delay, maximum delay.
    """

    min_delay: int = 20
    max_delay: int = 20
    retries: int = 3
    no_delay_retries: int = 0
    min_delay_retries: int = 0
    max_delay_retries: int = 0
    backoff: str = "linear"
    content_type: str = DEFAULT_CONTENT_TYPE
    most_per_second: int | None = None

    @property
    def growing_retries(self) -> int:
        return self.retries - self.no_delay_retries - self.min_delay_retries - self.max_delay_retries


_LIMITS = {
    "minDelayTarget": ("min_delay", 1, 3_600),
    "maxDelayTarget": ("max_delay", 1, 3_600),
    "numRetries": ("retries", 0, 100),
    "numMaxDelayRetries": ("max_delay_retries", 0, 100),
    "numNoDelayRetries": ("no_delay_retries", 0, 100),
    "numMinDelayRetries": ("min_delay_retries", 0, 100),
}


def verdict_on(status: int) -> Verdict:
    """Say what an HTTP status means.

    A 4xx is the receiver's final word, except 429, which asks for patience.
    Redirects are not followed; they count as a failure that may pass.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if 400 <= status < 500 and status != 429:
        return Verdict.CLIENT_ERROR
    return Verdict.RETRY


def next_attempt_at(policy: Policy, attempts: int, now: Millis) -> Millis | None:
    """Return when to try again after `attempts` failures (at least 1), or None when there were enough."""
    delays = delays_of(policy)
    return now + round(delays[attempts - 1] * SECOND) if attempts <= len(delays) else None


@lru_cache(maxsize=256)
def delays_of(policy: Policy) -> tuple[float, ...]:
    """Return the pause in seconds before each retry."""
    growing = policy.growing_retries
    last = growing - 1
    shares = [_growth(policy, step / last, step, last) if last else 0.0 for step in range(growing)]
    return (
        *([0.0] * policy.no_delay_retries),
        *([float(policy.min_delay)] * policy.min_delay_retries),
        *(policy.min_delay + (policy.max_delay - policy.min_delay) * share for share in shares),
        *([float(policy.max_delay)] * policy.max_delay_retries),
    )


def _growth(policy: Policy, progress: float, step: int, last: int) -> float:
    """Return how far between the least and the greatest delay a step is: 0 for the first, 1 for the last."""
    match policy.backoff:
        case "arithmetic":
            return step * (step + 1) / (last * (last + 1))
        case "geometric":
            ratio: float = policy.max_delay / policy.min_delay
            return float(progress if ratio == 1 else (ratio**progress - 1) / (ratio - 1))
        case "exponential":
            return float((2.0**step - 1) / (2.0**last - 1))
        case _:
            return progress


@lru_cache(maxsize=1024)
def policy_of(subscription_policy: str | None, topic_policy: str | None) -> Policy:
    """Return what holds for a subscription; its own policy goes over the topic's, unless that forbids it."""
    topic = _http_part(topic_policy)
    own = json.loads(subscription_policy) if subscription_policy else {}
    if topic.get("disableSubscriptionOverrides"):
        own = {}
    retry = own.get("healthyRetryPolicy") or topic.get("defaultHealthyRetryPolicy") or {}
    asked = own.get("requestPolicy") or topic.get("defaultRequestPolicy") or {}
    throttle = own.get("throttlePolicy") or topic.get("defaultThrottlePolicy") or {}
    fields = {_LIMITS[name][0]: value for name, value in _given(retry) if name in _LIMITS}
    return Policy(
        **fields,
        backoff=retry.get("backoffFunction") or "linear",
        content_type=asked.get("headerContentType") or DEFAULT_CONTENT_TYPE,
        most_per_second=throttle.get("maxReceivesPerSecond"),
    )


def effective_topic_policy(topic_policy: str | None) -> str:
    """Return EffectiveDeliveryPolicy of a topic."""
    policy = policy_of(None, topic_policy)
    overrides = bool(_http_part(topic_policy).get("disableSubscriptionOverrides"))
    return json.dumps(
        {
            "http": {
                "defaultHealthyRetryPolicy": _retry_members(policy),
                "disableSubscriptionOverrides": overrides,
                **_throttle_member("defaultThrottlePolicy", policy),
                "defaultRequestPolicy": {"headerContentType": policy.content_type},
            }
        },
        separators=(",", ":"),
    )


def effective_subscription_policy(subscription_policy: str | None, topic_policy: str | None) -> str:
    """Return EffectiveDeliveryPolicy of an HTTP subscription."""
    policy = policy_of(subscription_policy, topic_policy)
    return json.dumps(
        {
            "healthyRetryPolicy": _retry_members(policy),
            **_throttle_member("throttlePolicy", policy),
            "requestPolicy": {"headerContentType": policy.content_type},
        },
        separators=(",", ":"),
    )


def check_subscription_policy(text: str) -> None:
    """Refuse a DeliveryPolicy of a subscription that is malformed or out of bounds."""
    _check_members(
        _object(text),
        "",
        {
            "healthyRetryPolicy": _check_retry,
            "requestPolicy": _check_request,
            "throttlePolicy": _check_throttle,
            "sicklyRetryPolicy": _refuse_sickly,
        },
    )


def check_topic_policy(text: str) -> None:
    """Refuse a DeliveryPolicy of a topic that is malformed or out of bounds."""
    _check_members(_object(text), "", {"http": _check_http})
    if "http" not in _object(text):
        raise InvalidParameter("DeliveryPolicy: http must be specified")


def _check_http(value: Any, path: str) -> None:
    _check_members(
        value,
        f"{path}.",
        {
            "defaultHealthyRetryPolicy": _check_retry,
            "disableSubscriptionOverrides": _check_boolean,
            "defaultRequestPolicy": _check_request,
            "defaultThrottlePolicy": _check_throttle,
            "defaultSicklyRetryPolicy": _refuse_sickly,
        },
    )


def _check_retry(value: Any, path: str) -> None:
    _check_members(value, f"{path}.", {**dict.fromkeys(_LIMITS, _check_number), "backoffFunction": _check_backoff})
    policy = Policy(**{_LIMITS[name][0]: number for name, number in _given(value) if name in _LIMITS})
    if policy.min_delay > policy.max_delay:
        raise InvalidParameter(f"DeliveryPolicy: {path}.maxDelayTarget must be specified and at least minDelayTarget")
    if policy.growing_retries < 0:
        raise InvalidParameter(f"DeliveryPolicy: {path}.numRetries must be at least the sum of its phases")
    if sum(delays_of(policy._replace(backoff=value.get("backoffFunction") or "linear"))) > MOST_RETRY_SECONDS:
        raise InvalidParameter(f"DeliveryPolicy: {path}: the total retry time must not exceed 3600 seconds")


def _check_number(value: Any, path: str) -> None:
    _, least, most = _LIMITS[path.rpartition(".")[2]]
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameter(f"DeliveryPolicy: {path} must be an integer")
    if value < least:
        raise InvalidParameter(f"DeliveryPolicy: {path} must be greater than or equal to {least}")
    if value > most:
        raise InvalidParameter(f"DeliveryPolicy: {path} must be less than or equal to {most}")


def _check_backoff(value: Any, path: str) -> None:
    if value not in _BACKOFFS:
        raise InvalidParameter(f"DeliveryPolicy: {path} must be one of {', '.join(_BACKOFFS)}")


def _check_boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise InvalidParameter(f"DeliveryPolicy: {path} must be true or false")


def _check_request(value: Any, path: str) -> None:
    _check_members(value, f"{path}.", {"headerContentType": _check_content_type})


def _check_content_type(value: Any, path: str) -> None:
    media, _, parameter = value.partition(";") if isinstance(value, str) else ("", "", "")
    if media.strip() not in _MEDIA_TYPES or (parameter and parameter.strip().lower() != "charset=utf-8"):
        raise InvalidParameter(f"DeliveryPolicy: {path} is not a supported content type")


def _check_throttle(value: Any, path: str) -> None:
    _check_members(value, f"{path}.", {"maxReceivesPerSecond": _check_rate})


def _check_rate(value: Any, path: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameter(f"DeliveryPolicy: {path} must be an integer")
    if value < 1:
        raise InvalidParameter(f"DeliveryPolicy: {path} must be greater than or equal to 1")


def _refuse_sickly(_value: Any, path: str) -> None:
    raise InvalidParameter(f"DeliveryPolicy: {path} is not offered by this server")


def _check_members(value: Any, prefix: str, checks: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        raise InvalidParameter(f"DeliveryPolicy: {prefix.rstrip('.')} must be a JSON object")
    for name, member in value.items():
        if name not in checks:
            raise InvalidParameter(f"DeliveryPolicy: Unexpected JSON member: {name}")
        if member is not None:
            checks[name](member, prefix + name)


def _http_part(topic_policy: str | None) -> dict[str, Any]:
    return (json.loads(topic_policy).get("http") or {}) if topic_policy else {}


def _given(members: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the members that say something; null stands for the default."""
    return [(name, value) for name, value in members.items() if value is not None]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidParameter("DeliveryPolicy: failed to parse JSON.") from None
    if not isinstance(value, dict):
        raise InvalidParameter("DeliveryPolicy: must be a JSON object")
    return value


def _throttle_member(name: str, policy: Policy) -> dict[str, Any]:
    return {name: {"maxReceivesPerSecond": policy.most_per_second}} if policy.most_per_second else {}


def _retry_members(policy: Policy) -> dict[str, Any]:
    return {
        "minDelayTarget": policy.min_delay,
        "maxDelayTarget": policy.max_delay,
        "numRetries": policy.retries,
        "numMaxDelayRetries": policy.max_delay_retries,
        "numNoDelayRetries": policy.no_delay_retries,
        "numMinDelayRetries": policy.min_delay_retries,
        "backoffFunction": policy.backoff,
    }
