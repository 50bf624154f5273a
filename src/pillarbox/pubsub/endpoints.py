"""Where a subscription delivers to: which endpoints are taken, and the password that one may hold.

Pure but for the sealing. Called by pubsub/subscriptions.py and deliver.py. A
password in a URL is kept sealed and apart from it, so that neither lists nor
logs nor rows of deliveries show it.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pillarbox.kit.ids import Scope
from pillarbox.pubsub.queue_names import place_of_arn
from pillarbox.pubsub.refusals import InvalidParameter

_LONGEST = 2_048
_ELSEWHERE = frozenset({"email", "email-json", "sms", "lambda", "application", "firehose"})
_UNFIT = re.compile(r"[^\x21-\x7e]")
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):[^/?#]*@")


class Endpoint(NamedTuple):
    """An endpoint as it may be shown, and `user:password` when it has them."""

    shown: str
    login: str | None


def endpoint_of(protocol: str, text: str, scope: Scope) -> Endpoint:
    """Take an endpoint, or refuse one that this server cannot deliver to."""
    if protocol in _ELSEWHERE:
        raise InvalidParameter(f"Protocol Reason: {protocol} is not offered by this server; http, https and sqs are")
    if not text and protocol in ("http", "https", "sqs"):
        raise InvalidParameter("Endpoint")
    if protocol == "sqs":
        return _queue(text, scope)
    if protocol in ("http", "https"):
        return _url(protocol, text)
    raise InvalidParameter(f"Amazon SNS does not support this protocol string: {protocol}")


def _queue(text: str, scope: Scope) -> Endpoint:
    place = place_of_arn(text)
    if place is None:
        raise InvalidParameter("SQS endpoint ARN")
    if place[1].endswith(".fifo"):
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )
    if place[0].account != scope.account:
        raise InvalidParameter("Endpoint Reason: queues of other accounts cannot be subscribed on this server")
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
