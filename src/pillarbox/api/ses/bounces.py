"""Bounces that an account sends itself, in v1 (v2 has no such operation).

Translation only; the report is made in sending/bounce_message.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBounce.html
"""

from collections.abc import Sequence

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources.sending_authorization import OnBehalf, given
from pillarbox.resources.unsupported import refuse_members
from pillarbox.sending.bounce_message import Bounce, Failed, Fields, check_original, compose_bounce, original_of
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Raw

_OWN_ONLY = "a bounce is about a message of the account itself."


@operation("ses", "SendBounce")
async def send_bounce(call: Call, params: Params) -> Result:
    bounce, message_id = _bounce(params), params["OriginalMessageId"]
    found = await original_of(call.store, call.scope, message_id)
    original = check_original(found, message_id, bounce.failed, call.now)
    authority = given(params, "BounceSenderArn")
    raw = compose_bounce(bounce, original, f"mta.{call.services.service_domain}")
    draft = Draft(
        scope=call.scope,
        operation="SendBounce",
        caller_identity=call.user_name,
        grants=call.grants,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=Raw(raw, (original.return_path,)),
        size_limit=V1_SIZE_LIMIT,
        sender=bounce.sender,
        is_report=True,
        on_behalf=OnBehalf(authority),
    )
    return {"MessageId": await call.services.sender.send(draft, call.now)}


def _bounce(params: Params) -> Bounce:
    report = params.get("MessageDsn", {})
    return Bounce(
        sender=params["BounceSender"],
        failed=tuple(_failed(one) for one in params["BouncedRecipientInfoList"]),
        explanation=params.get("Explanation"),
        reporting_mta=report.get("ReportingMta"),
        arrived_at=report.get("ArrivalDate"),
        extensions=_extensions(report.get("ExtensionFields", ())),
    )


def _failed(one: Params) -> Failed:
    refuse_members(one, {"RecipientArn": _OWN_ONLY})
    fields = one.get("RecipientDsnFields", {})
    return Failed(
        recipient=one["Recipient"],
        bounce_type=one.get("BounceType"),
        final_recipient=fields.get("FinalRecipient"),
        action=fields.get("Action"),
        status=fields.get("Status"),
        remote_mta=fields.get("RemoteMta"),
        diagnostic_code=fields.get("DiagnosticCode"),
        last_attempt_at=fields.get("LastAttemptDate"),
        extensions=_extensions(fields.get("ExtensionFields", ())),
    )


def _extensions(given: Sequence[Params]) -> Fields:
    return tuple((one["Name"], one["Value"]) for one in given)
