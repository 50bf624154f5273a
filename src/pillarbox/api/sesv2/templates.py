"""Templates in v2.

Translation only; the rules stand in resources/templates.py and sending/templates.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailTemplate.html
"""

import asyncio

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import tags
from pillarbox.resources import templates
from pillarbox.resources.templates import Template
from pillarbox.sending.templates import check, preview


@operation("sesv2", "CreateEmailTemplate")
async def create_email_template(call: Call, params: Params) -> Result:
    template, tag_pairs = _template(params), tags.pairs(params.get("Tags", ()))
    await asyncio.to_thread(check, template)
    await call.store.write(templates.create, call.scope, template, call.now, tag_pairs)
    return {}


@operation("sesv2", "UpdateEmailTemplate")
async def update_email_template(call: Call, params: Params) -> Result:
    template = _template(params)
    await asyncio.to_thread(check, template)
    await call.store.write(templates.update, call.scope, template, call.now)
    return {}


@operation("sesv2", "GetEmailTemplate")
async def get_email_template(call: Call, params: Params) -> Result:
    found = await call.store.read(templates.existing, call.scope, params["TemplateName"])
    return {
        "TemplateName": found.name,
        "TemplateContent": {"Subject": found.subject, "Text": found.text, "Html": found.html},
        "Tags": tags.spelled(found.tags),
    }


@operation("sesv2", "ListEmailTemplates")
async def list_email_templates(call: Call, params: Params) -> Result:
    page = await call.store.read(templates.list_page, call.scope, params.get("NextToken"), params.get("PageSize"))
    return {
        "TemplatesMetadata": [{"TemplateName": one.name, "CreatedTimestamp": one.created_at} for one in page.templates],
        "NextToken": page.next_token,
    }


@operation("sesv2", "DeleteEmailTemplate")
async def delete_email_template(call: Call, params: Params) -> Result:
    await call.store.write(templates.delete_existing, call.scope, params["TemplateName"])
    return {}


@operation("sesv2", "TestRenderEmailTemplate")
async def test_render_email_template(call: Call, params: Params) -> Result:
    template = await call.store.read(templates.existing, call.scope, params["TemplateName"])
    domain = call.services.service_domain
    text = await asyncio.to_thread(preview, template, params["TemplateData"], call.scope, domain, call.now)
    return {"RenderedTemplate": text}


def _template(params: Params) -> Template:
    content = params["TemplateContent"]
    return Template(params["TemplateName"], content.get("Subject", ""), content.get("Text"), content.get("Html"))
