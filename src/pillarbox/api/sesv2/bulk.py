"""Sending to many destinations in v2: one template, a message for each entry.

Translation into a Draft and its entries; what becomes of them is decided in sending/bulk.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2.sending import UNSUPPORTED, headers_of, on_behalf, tag_pairs, template_content, tracked
from pillarbox.resources.unsupported import refuse_members
from pillarbox.sending import bulk
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Templated
from pillarbox.sending.policy import InvalidMessage


@operation("sesv2", "SendBulkEmail")
async def send_bulk_email(call: Call, params: Params) -> Result:
    refuse_members(params, UNSUPPORTED)
    if "Template" not in params["DefaultContent"]:
        raise InvalidMessage("DefaultContent must be a Template.")
    shared = _shared(call, params, await template_content(call, params["DefaultContent"]["Template"]))
    entries = [_entry(given) for given in params["BulkEmailEntries"]]
    results = await bulk.send_bulk(call.services.sender, shared, entries, call.now)
    return {"BulkEmailEntryResults": [_told(result) for result in results]}


def _shared(call: Call, params: Params, content: Templated) -> Draft:
    return Draft(
        scope=call.scope,
        operation="SendBulkEmail",
        caller_identity=call.user_name,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=content,
        size_limit=V2_SIZE_LIMIT,
        sender=params.get("FromEmailAddress"),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
        return_path=params.get("FeedbackForwardingEmailAddress"),
        configuration_set=params.get("ConfigurationSetName"),
        tags=tag_pairs(params.get("DefaultEmailTags")),
        grants=call.grants,
        on_behalf=on_behalf(params),
        tenant=params.get("TenantName"),
        tracked=tracked(params),
    )


def _entry(given: Params) -> bulk.Entry:
    destination = given["Destination"]
    replacement = given.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
    return bulk.Entry(
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        data=replacement.get("ReplacementTemplateData"),
        tags=tag_pairs(given.get("ReplacementTags")) or (),
        headers=headers_of(given, "ReplacementHeaders"),
    )


def _told(result: bulk.Result) -> Result:
    told = {"Status": result.status.v2, "MessageId": result.message_id, "Error": result.error}
    return {name: value for name, value in told.items() if value is not None}
