"""Sending in v2: a message that we compose, one of a template, or one that the caller made.

Translation into a Draft; what may be sent is decided in sending/.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from collections.abc import Sequence

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import templates
from pillarbox.resources.sending_authorization import OnBehalf, given
from pillarbox.resources.templates import Template
from pillarbox.resources.unsupported import refuse_members
from pillarbox.sending.draft import V2_SIZE_LIMIT, Attachment, Draft, Raw, Simple, Templated, Text, Tracked
from pillarbox.sending.list_management import ListManagement
from pillarbox.sending.policy import InvalidMessage
from pillarbox.sending.templates import templated

UNSUPPORTED = {"EndpointId": "there are no multi-region endpoints."}
_ON = {"ENABLED": True, "DISABLED": False}


@operation("sesv2", "SendEmail")
async def send_email(call: Call, params: Params) -> Result:
    refuse_members(params, UNSUPPORTED)
    draft = _draft(call, params, await _content(call, params["Content"]))
    return {"MessageId": await call.services.sender.send(draft, call.now)}


def on_behalf(params: Params) -> OnBehalf:
    """FromEmailAddressIdentityArn stands for both headers of raw mail, X-SES-SOURCE-ARN and X-SES-FROM-ARN."""
    sender = given(params, "FromEmailAddressIdentityArn")
    return OnBehalf(sender, sender, given(params, "FeedbackForwardingEmailAddressIdentityArn"))


def tracked(params: Params) -> Tracked:
    """ConfigurationOverrides take the place of what the configuration set has for this one call."""
    given = params.get("ConfigurationOverrides", {}).get("Tracking", {})
    return Tracked(_ON.get(given.get("OpenTrackingEnabled")), _ON.get(given.get("ClickTrackingEnabled")))


def _draft(call: Call, params: Params, content: Simple | Raw | Templated) -> Draft:
    destination = params.get("Destination", {})
    return Draft(
        scope=call.scope,
        operation="SendEmail",
        caller_identity=call.user_name,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=content,
        size_limit=V2_SIZE_LIMIT,
        sender=params.get("FromEmailAddress"),
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
        return_path=params.get("FeedbackForwardingEmailAddress"),
        configuration_set=params.get("ConfigurationSetName"),
        tags=tag_pairs(params.get("EmailTags")),
        grants=call.grants,
        on_behalf=on_behalf(params),
        list_management=_list_management(params.get("ListManagementOptions")),
        tenant=params.get("TenantName"),
        tracked=tracked(params),
    )


def _list_management(given: Params | None) -> ListManagement | None:
    return ListManagement(given["ContactListName"], given.get("TopicName", "")) if given else None


async def _content(call: Call, content: Params) -> Simple | Raw | Templated:
    if len(content) != 1:
        raise InvalidMessage("Content must be exactly one of Simple, Raw and Template.")
    if "Template" in content:
        return await template_content(call, content["Template"])
    return Raw(content["Raw"]["Data"]) if "Raw" in content else _simple(content["Simple"])


async def template_content(call: Call, given: Params) -> Templated:
    """Return what a Template stands for, once it is found and has its parts."""
    data = given.get("TemplateData", "{}")
    return templated(await _template(call, given), data, headers_of(given), _attachments(given))


async def _template(call: Call, given: Params) -> Template:
    content, name, arn = given.get("TemplateContent"), given.get("TemplateName"), given.get("TemplateArn")
    if (content is None) == (name is None and arn is None):
        raise InvalidMessage("Template must be either a stored one (TemplateName or TemplateArn) or TemplateContent.")
    if content is None:
        return await call.store.read(templates.named, call.scope, name, arn)
    return templates.unstored(content.get("Subject", ""), content.get("Text"), content.get("Html"))


def _simple(message: Params) -> Simple:
    body = message["Body"]
    return Simple(
        subject=_text(message["Subject"]),
        text=_text(body["Text"]) if "Text" in body else None,
        html=_text(body["Html"]) if "Html" in body else None,
        headers=headers_of(message),
        attachments=_attachments(message),
    )


def headers_of(content: Params, member: str = "Headers") -> tuple[tuple[str, str], ...]:
    return tuple((header["Name"], header["Value"]) for header in content.get(member, ()))


def tag_pairs(tags: Sequence[Params] | None) -> tuple[tuple[str, str], ...] | None:
    return tuple((tag["Name"], tag["Value"]) for tag in tags) if tags else None


def _attachments(content: Params) -> tuple[Attachment, ...]:
    return tuple(_attachment(one) for one in content.get("Attachments", ()))


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
