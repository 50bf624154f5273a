"""Hands mail to another SES, Amazon's or a compatible one: the transport `ses`.

Touches the network through ses_client.py. The message leaves as it is, in one
`SendEmail` with raw content for the recipients of an attempt. The far side
signs it, sends it, and tells what becomes of it: that comes back as its events.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

import asyncio
import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pillarbox.delivery.lanes import OTHER_SES
from pillarbox.delivery.outcome import Deferred, Outcome
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.ses_answers import are_credentials_refused, elsewhere, meaning_of
from pillarbox.delivery.transport.ses_client import NotAnswered, NotAsked, SesClient, Upstream
from pillarbox.events.types import MailFacts
from pillarbox.store.upstream_ids import OUR_ID_TAG

_PATH = "/v2/email/outbound-emails"
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_MOST_RECIPIENTS = 50
_MOST_TAGS = 50
_LARGE = 128 * 1024
_CALLS = uuid.UUID("6b1e5f0c-2f0d-4c57-9b0e-6a3a5f9b7a11")
_OURS = "pillarbox-"
_THEIRS = "ses:"
_STREAM_LABELS = frozenset({"ses:feedback-id-a", "ses:feedback-id-b"})

_write = msgspec.json.Encoder().encode


class SesTransport:
    """Says Accepted when the upstream has taken the mail, under an id of its own.

    A call whose answer was lost is made again under the same invocation id: a compatible far side knows it by that
    and sends once; Amazon SES does not, so that a lost answer may bring mail twice, but never lose it.
    """

    name = OTHER_SES

    def __init__(self, clients: Mapping[str, SesClient]) -> None:
        self._clients = clients

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        client = self._clients.get(attempt.upstream)
        if client is None:
            why = f"no upstream named {attempt.upstream!r} is configured"
            return dict.fromkeys(attempt.recipients, Deferred(why, ours=True))
        if attempt.tls_required and not client.upstream.endpoint_url.startswith("https:"):
            why = f"upstream {attempt.upstream} is not spoken to over TLS, and this mail leaves over TLS or not at all"
            return dict.fromkeys(attempt.recipients, Deferred(why, ours=True))
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(attempt.recipients), _MOST_RECIPIENTS):
            recipients = attempt.recipients[start : start + _MOST_RECIPIENTS]
            outcomes |= dict.fromkeys(recipients, await _send(client, attempt, recipients))
        return outcomes


async def _send(client: SesClient, attempt: Attempt, recipients: Sequence[str]) -> Outcome:
    upstream = client.upstream
    if len(attempt.data) > _LARGE:
        body = await asyncio.to_thread(request_of, attempt, recipients, upstream)
    else:
        body = request_of(attempt, recipients, upstream)
    try:
        answer = await client.post(_PATH, body, _invocation(attempt, recipients))
    except NotAsked as failure:
        return elsewhere(str(failure), upstream.fallback)
    except NotAnswered as failure:
        return Deferred(f"upstream {upstream.name}: {failure}")
    if are_credentials_refused(answer):
        client.credentials.forget()
    return meaning_of(answer, upstream.name, upstream.fallback)


def request_of(attempt: Attempt, recipients: Sequence[str], upstream: Upstream) -> bytes:
    """Return the body of the call: the message, its envelope, and what the sender said beside it."""
    content: dict[str, Any] = {
        "Destination": {"ToAddresses": list(recipients)},
        "Content": {"Raw": {"Data": base64.b64encode(attempt.data).decode("ascii")}},
    }
    if attempt.mail is not None:
        content["FromEmailAddress"] = attempt.mail.sender_address
        content["EmailTags"] = _tags(attempt.message_id, attempt.mail.tags)
        if attempt.mail.tenant:
            content["TenantName"] = attempt.mail.tenant
        if choices := _tracking_choices(attempt.mail):
            content["ConfigurationOverrides"] = {"Tracking": choices}
    theirs = upstream.configuration_sets.get(attempt.configuration_set, upstream.configuration_set)
    if theirs:
        content["ConfigurationSetName"] = theirs
        if upstream.turns_tracking_off:
            off = {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}
            content["ConfigurationOverrides"] = {"Tracking": off}
    return _write(content)


def _tracking_choices(mail: MailFacts) -> dict[str, str]:
    """Return what the sender said of this one message, where it did not leave opens or clicks to its set."""
    chosen = (("OpenTrackingEnabled", mail.opens), ("ClickTrackingEnabled", mail.clicks))
    return {name: "ENABLED" if on else "DISABLED" for name, on in chosen if on is not None}


def _tags(message_id: str, tags: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return the sender's own tags, and ours by which the far side's events are known again."""
    given = [
        {"Name": name, "Value": value}
        for name, values in tags.items()
        for value in values
        if not name.startswith((_OURS, _THEIRS)) or name in _STREAM_LABELS
    ]
    return [*given[: _MOST_TAGS - 1], {"Name": OUR_ID_TAG, "Value": message_id}]


def _invocation(attempt: Attempt, recipients: Sequence[str]) -> dict[str, str]:
    """Say that this is the same call as one before it, as SDKs say it when they try again."""
    name = f"{attempt.message_id}/{attempt.part}/{','.join(recipients)}"
    tries = f"attempt={attempt.number}; max={attempt.number + 1}"
    return {"amz-sdk-invocation-id": str(uuid.uuid5(_CALLS, name)), "amz-sdk-request": tries}
