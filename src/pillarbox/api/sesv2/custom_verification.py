"""Custom verification mail in v2: its templates, and sending it.

Translation only; the rules stand in resources/custom_verification.py and sending/verification_mail.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateCustomVerificationEmailTemplate.html
"""

import asyncio

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.ses.custom_verification import changes_of, listed, send, template_of
from pillarbox.api.sesv2 import tags
from pillarbox.resources import custom_verification


@operation("sesv2", "CreateCustomVerificationEmailTemplate")
async def create_custom_verification_email_template(call: Call, params: Params) -> Result:
    template, tag_pairs = template_of(params), tags.pairs(params.get("Tags", ()))
    await asyncio.to_thread(custom_verification.check_content, template.content)
    await call.store.write(custom_verification.create, call.scope, template, call.now, tag_pairs)
    return {}


@operation("sesv2", "UpdateCustomVerificationEmailTemplate")
async def update_custom_verification_email_template(call: Call, params: Params) -> Result:
    name, changes = params["TemplateName"], changes_of(params)
    await asyncio.to_thread(custom_verification.check_content, params["TemplateContent"])
    await call.store.write(custom_verification.update, call.scope, name, changes, call.now)
    return {}


@operation("sesv2", "DeleteCustomVerificationEmailTemplate")
async def delete_custom_verification_email_template(call: Call, params: Params) -> Result:
    await call.store.write(custom_verification.delete_existing, call.scope, params["TemplateName"])
    return {}


@operation("sesv2", "GetCustomVerificationEmailTemplate")
async def get_custom_verification_email_template(call: Call, params: Params) -> Result:
    found = await call.store.read(custom_verification.existing, call.scope, params["TemplateName"])
    return {**listed(found), "TemplateContent": found.content, "Tags": tags.spelled(found.tags)}


@operation("sesv2", "ListCustomVerificationEmailTemplates")
async def list_custom_verification_email_templates(call: Call, params: Params) -> Result:
    token, size = params.get("NextToken"), params.get("PageSize")
    page = await call.store.read(custom_verification.list_page, call.scope, token, size)
    return {"CustomVerificationEmailTemplates": [listed(one) for one in page.templates], "NextToken": page.next_token}


@operation("sesv2", "SendCustomVerificationEmail")
async def send_custom_verification_email(call: Call, params: Params) -> Result:
    return {"MessageId": await send(call, params)}
