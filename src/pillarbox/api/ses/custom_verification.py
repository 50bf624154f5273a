"""Custom verification mail in v1: its templates, and sending it.

Translation only; the rules stand in resources/custom_verification.py and sending/verification_mail.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateCustomVerificationEmailTemplate.html
"""

import asyncio
from dataclasses import replace

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import account, custom_verification
from pillarbox.resources.custom_verification import Changes, CustomTemplate
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Simple, Text, Tracked


@operation("ses", "CreateCustomVerificationEmailTemplate")
async def create_custom_verification_email_template(call: Call, params: Params) -> Result:
    template = template_of(params)
    await asyncio.to_thread(custom_verification.check_content, template.content)
    await call.store.write(custom_verification.create, call.scope, template, call.now)
    return {}


@operation("ses", "UpdateCustomVerificationEmailTemplate")
async def update_custom_verification_email_template(call: Call, params: Params) -> Result:
    name, changes = params["TemplateName"], changes_of(params)
    if changes.content is not None:
        await asyncio.to_thread(custom_verification.check_content, changes.content)
    await call.store.write(custom_verification.update, call.scope, name, changes, call.now)
    return {}


@operation("ses", "DeleteCustomVerificationEmailTemplate")
async def delete_custom_verification_email_template(call: Call, params: Params) -> Result:
    await call.store.write(custom_verification.delete, call.scope, params["TemplateName"])
    return {}


@operation("ses", "GetCustomVerificationEmailTemplate")
async def get_custom_verification_email_template(call: Call, params: Params) -> Result:
    found = await call.store.read(custom_verification.existing, call.scope, params["TemplateName"])
    return {**listed(found), "TemplateContent": found.content}


@operation("ses", "ListCustomVerificationEmailTemplates")
async def list_custom_verification_email_templates(call: Call, params: Params) -> Result:
    token, size = params.get("NextToken"), params.get("MaxResults")
    page = await call.store.read(custom_verification.list_page, call.scope, token, size)
    return {"CustomVerificationEmailTemplates": [listed(one) for one in page.templates], "NextToken": page.next_token}


def template_of(params: Params) -> CustomTemplate:
    """Return the template that a call describes; both versions of the API name its parts alike."""
    return CustomTemplate(
        name=params["TemplateName"],
        sender=params["FromEmailAddress"],
        subject=params["TemplateSubject"],
        content=params["TemplateContent"],
        success_url=params["SuccessRedirectionURL"],
        failure_url=params["FailureRedirectionURL"],
    )


def changes_of(params: Params) -> Changes:
    return Changes(
        sender=params.get("FromEmailAddress"),
        subject=params.get("TemplateSubject"),
        content=params.get("TemplateContent"),
        success_url=params.get("SuccessRedirectionURL"),
        failure_url=params.get("FailureRedirectionURL"),
    )


def listed(template: CustomTemplate) -> Result:
    """Return a template as lists show it, without its content."""
    return {
        "TemplateName": template.name,
        "FromEmailAddress": template.sender,
        "TemplateSubject": template.subject,
        "SuccessRedirectionURL": template.success_url,
        "FailureRedirectionURL": template.failure_url,
    }


@operation("ses", "SendCustomVerificationEmail")
async def send_custom_verification_email(call: Call, params: Params) -> Result:
    return {"MessageId": await send(call, params)}


async def send(call: Call, params: Params) -> str:
    """Create the identity and send the account's own mail to it; both versions of the API do it alike."""
    if not call.services.verify_at_once:
        await call.store.read(account.check_production, call.scope, call.services.quota)
    template = await call.store.read(custom_verification.sendable, call.scope, params["TemplateName"])
    address = params["EmailAddress"]
    draft = Draft(
        scope=call.scope,
        operation="SendCustomVerificationEmail",
        caller_identity=call.user_name,
        grants=call.grants,
        source_ip=call.source_ip,
        invocation=call.invocation,
        content=Simple(Text(template.subject, "UTF-8"), html=Text(template.content, "UTF-8")),
        size_limit=V2_SIZE_LIMIT,
        sender=template.sender,
        to=(address,),
        configuration_set=params.get("ConfigurationSetName"),
        # https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
        tracked=Tracked(opens=False, clicks=False),
    )
    await call.services.sender.check(draft)  # before there is an identity that waits for a mail which is not sent
    ask = call.services.verification_mail.verify_by_template
    content = await ask(call.store, call.scope, address, template, call.now)
    return await call.services.sender.send(replace(draft, content=content, asked=draft.content), call.now)
