"""Sending to many destinations in v1: one template, a message for each destination.

Translation into a Draft and its entries; what becomes of them is decided in sending/bulk.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_SendBulkTemplatedEmail.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.ses.sending import on_behalf, tag_pairs
from pillarbox.resources import templates
from pillarbox.sending import bulk
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Templated
from pillarbox.sending.templates import templated


@operation("ses", "SendBulkTemplatedEmail")
async def send_bulk_templated_email(call: Call, params: Params) -> Result:
    template = await call.store.read(templates.named, call.scope, params["Template"], params.get("TemplateArn"))
    shared = _shared(call, params, templated(template, params["DefaultTemplateData"]))
    entries = [_entry(given) for given in params["Destinations"]]
    results = await bulk.send_bulk(call.services.sender, shared, entries, call.now)
    return {"Status": [_told(result) for result in results]}


def _shared(call: Call, params: Params, content: Templated) -> Draft:
    return Draft(
        scope=call.scope,
        operation="SendBulkTemplatedEmail",
        caller_identity=call.user_name,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=content,
        size_limit=V1_SIZE_LIMIT,
        sender=params["Source"],
        reply_to=tuple(params.get("ReplyToAddresses", ())),
        return_path=params.get("ReturnPath"),
        configuration_set=params.get("ConfigurationSetName"),
        tags=tag_pairs(params.get("DefaultTags")),
        grants=call.grants,
        on_behalf=on_behalf(params),
    )


def _entry(given: Params) -> bulk.Entry:
    destination = given["Destination"]
    return bulk.Entry(
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        data=given.get("ReplacementTemplateData"),
        tags=tag_pairs(given.get("ReplacementTags")) or (),
    )


def _told(result: bulk.Result) -> Result:
    told = {"Status": result.status.v1, "MessageId": result.message_id, "Error": result.error}
    return {name: value for name, value in told.items() if value is not None}
