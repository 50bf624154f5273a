"""Where a subscription delivers to: which endpoints are taken, and the password that one may hold.

Pure. Called by pubsub/subscriptions.py. A
password in a URL is kept sealed and apart from it, so that neither lists nor
logs nor rows of deliveries show it.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.errors import Invalid
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.refusals import InvalidParameter

_LONGEST = 2_048
HTTP = ("http", "https")
EMAIL = ("email", "email-json")
SQS = "sqs"
FIFO = ".fifo"  # how the ARN of a FIFO queue ends
_ELSEWHERE = frozenset({"sms", "lambda", "application", "firehose"})
_UNFIT = re.compile(r"[^\x21-\x7e]")
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):[^/?#]*@")


class Endpoint(NamedTuple):
    """An endpoint as it may be shown, and `user:password` when it has them."""

    shown: str
    login: str | None


def endpoint_of(protocol: str, text: str) -> Endpoint:
    """Take an endpoint, or refuse one that this server cannot deliver to."""
    if protocol in _ELSEWHERE:
        raise InvalidParameter(
            f"Protocol Reason: {protocol} is not offered by this server; http, https, email, email-json and sqs are"
        )
    if protocol not in (*HTTP, *EMAIL, SQS):
        raise InvalidParameter(f"Amazon SNS does not support this protocol string: {protocol}")
    if not text:
        raise InvalidParameter("Endpoint")
    if protocol == SQS:
        if place_of_arn(text) is None:
            raise InvalidParameter("SQS endpoint ARN")
        return Endpoint(text, None)
    return _url(protocol, text) if protocol in HTTP else _address(text)


def check_kind(protocol: str, endpoint: str, *, topic_is_fifo: bool) -> None:
    """Refuse an endpoint that a topic of this kind does not deliver to."""
    # https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html
    if topic_is_fifo and protocol != SQS:
        raise InvalidParameter("Invalid parameter: Protocol Reason: FIFO topics deliver to Amazon SQS queues only")
    if not topic_is_fifo and protocol == SQS and endpoint.endswith(FIFO):
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def _address(text: str) -> Endpoint:
    try:
        mailbox = parse_mailbox(text)
    except Invalid:
        raise InvalidParameter("Email address") from None
    if mailbox.display_name or mailbox.address != text:
        raise InvalidParameter("Email address")
    return Endpoint(text, None)


def _url(protocol: str, text: str) -> Endpoint:
    if not text.lower().startswith(f"{protocol}://"):
        raise InvalidParameter("Endpoint must match the specified protocol")
    try:
        parts = urlsplit(text)
        login = f"{unquote(parts.username or '')}:{unquote(parts.password)}" if parts.password is not None else None
        proper = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        proper, login = False, None
    if not proper or len(text) > _LONGEST or _UNFIT.search(text):
        raise InvalidParameter("HTTP(S) endpoint")
    return Endpoint(_PASSWORD.sub(r"\1:****@", text), login)
