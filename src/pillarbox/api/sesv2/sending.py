"""Sending in v2: a message that we compose, or one that the caller made.

Translation into a Draft; what may be sent is decided in sending/.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import sending_authorization
from pillarbox.resources.unsupported import Unsupported, refuse_members
from pillarbox.sending.draft import V2_SIZE_LIMIT, Attachment, Draft, Raw, Simple, Text
from pillarbox.sending.policy import InvalidMessage

_UNSUPPORTED = {
    "EndpointId": "there are no multi-region endpoints.",
    "TenantName": "there are no tenants.",
    "ListManagementOptions": "there are no contact lists.",
    "ConfigurationOverrides": "opens and clicks are not tracked.",
}


@operation("sesv2", "SendEmail")
async def send_email(call: Call, params: Params) -> Result:
    refuse_members(params, _UNSUPPORTED)
    claimed = sending_authorization.claims(
        params,
        {
            "FromEmailAddressIdentityArn": params.get("FromEmailAddress"),
            "FeedbackForwardingEmailAddressIdentityArn": params.get("FeedbackForwardingEmailAddress"),
        },
    )
    if claimed:
        await call.store.read(sending_authorization.check, call.scope, claimed)
    return {"MessageId": await call.services.sender.send(_draft(call, params), call.now)}


def _draft(call: Call, params: Params) -> Draft:
    destination, tags = params.get("Destination", {}), params.get("EmailTags")
    return Draft(
        scope=call.scope,
        operation="SendEmail",
        caller_identity=call.user_name,
        source_ip=call.source_ip,
        content=_content(params["Content"]),
        size_limit=V2_SIZE_LIMIT,
        sender=params.get("FromEmailAddress"),
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
        return_path=params.get("FeedbackForwardingEmailAddress"),
        configuration_set=params.get("ConfigurationSetName"),
        tags=tuple((tag["Name"], tag["Value"]) for tag in tags) if tags else None,
    )


def _content(content: Params) -> Simple | Raw:
    if len(content) != 1:
        raise InvalidMessage("Content must be exactly one of Simple, Raw and Template.")
    if "Template" in content:
        raise Unsupported("Content.Template is not supported: templates are not supported yet.")
    return Raw(content["Raw"]["Data"]) if "Raw" in content else _simple(content["Simple"])


def _simple(message: Params) -> Simple:
    body = message["Body"]
    return Simple(
        subject=_text(message["Subject"]),
        text=_text(body["Text"]) if "Text" in body else None,
        html=_text(body["Html"]) if "Html" in body else None,
        headers=tuple((header["Name"], header["Value"]) for header in message.get("Headers", ())),
        attachments=tuple(_attachment(one) for one in message.get("Attachments", ())),
    )


def _attachment(one: Params) -> Attachment:
    return Attachment(
        file_name=one["FileName"],
        content=one["RawContent"],
        content_type=one.get("ContentType"),
        disposition=one.get("ContentDisposition", "ATTACHMENT"),
        content_id=one.get("ContentId"),
        description=one.get("ContentDescription"),
        transfer_encoding=one.get("ContentTransferEncoding"),
    )


def _text(part: Params) -> Text:
    return Text(part["Data"], part.get("Charset"))
