"""Sending in v1: a message that we compose, one of a template, or one that the caller made.

Translation into a Draft; what may be sent is decided in sending/.
https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html
"""

from collections.abc import Sequence

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import templates
from pillarbox.resources.sending_authorization import OnBehalf, given
from pillarbox.sending.draft import V1_SIZE_LIMIT, Draft, Raw, Simple, Templated, Text
from pillarbox.sending.templates import templated


@operation("ses", "SendEmail")
async def send_email(call: Call, params: Params) -> Result:
    draft = _addressed(call, params, "SendEmail", _simple(params["Message"]))
    return {"MessageId": await call.services.sender.send(draft, call.now)}


@operation("ses", "SendTemplatedEmail")
async def send_templated_email(call: Call, params: Params) -> Result:
    template = await call.store.read(templates.named, call.scope, params["Template"], params.get("TemplateArn"))
    draft = _addressed(call, params, "SendTemplatedEmail", templated(template, params["TemplateData"]))
    return {"MessageId": await call.services.sender.send(draft, call.now)}


@operation("ses", "SendRawEmail")
async def send_raw_email(call: Call, params: Params) -> Result:
    content = Raw(params["RawMessage"]["Data"], tuple(params.get("Destinations", ())) or None)
    draft = _draft(call, params, "SendRawEmail", content)
    return {"MessageId": await call.services.sender.send(draft, call.now)}


def _addressed(call: Call, params: Params, operation_name: str, content: Simple | Templated) -> Draft:
    destination = params["Destination"]
    return _draft(
        call,
        params,
        operation_name,
        content,
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
        return_path=params.get("ReturnPath"),
    )


def _draft(
    call: Call,
    params: Params,
    operation_name: str,
    content: Simple | Raw | Templated,
    *,
    to: tuple[str, ...] = (),
    cc: tuple[str, ...] = (),
    bcc: tuple[str, ...] = (),
    reply_to: tuple[str, ...] = (),
    return_path: str | None = None,
) -> Draft:
    return Draft(
        scope=call.scope,
        operation=operation_name,
        caller_identity=call.user_name,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=content,
        size_limit=V1_SIZE_LIMIT,
        sender=params.get("Source"),
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
        return_path=return_path,
        configuration_set=params.get("ConfigurationSetName"),
        tags=tag_pairs(params.get("Tags")),
        grants=call.grants,
        on_behalf=on_behalf(params),
    )


def _simple(message: Params) -> Simple:
    body = message["Body"]
    return Simple(
        subject=_text(message["Subject"]),
        text=_text(body["Text"]) if "Text" in body else None,
        html=_text(body["Html"]) if "Html" in body else None,
    )


def _text(part: Params) -> Text:
    return Text(part["Data"], part.get("Charset"))


def on_behalf(params: Params) -> OnBehalf:
    return OnBehalf(given(params, "SourceArn"), given(params, "FromArn"), given(params, "ReturnPathArn"))


def tag_pairs(tags: Sequence[Params] | None) -> tuple[tuple[str, str], ...] | None:
    return tuple((tag["Name"], tag["Value"]) for tag in tags) if tags else None
