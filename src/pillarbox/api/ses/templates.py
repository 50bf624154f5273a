"""Templates in v1.

Translation only; the rules stand in resources/templates.py and sending/templates.py.
https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateTemplate.html
"""

import asyncio

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import templates
from pillarbox.resources.templates import Template
from pillarbox.sending.templates import check, preview


@operation("ses", "CreateTemplate")
async def create_template(call: Call, params: Params) -> Result:
    template = _template(params["Template"])
    await asyncio.to_thread(check, template)
    await call.store.write(templates.create, call.scope, template, call.now)
    return {}


@operation("ses", "UpdateTemplate")
async def update_template(call: Call, params: Params) -> Result:
    template = _template(params["Template"])
    await asyncio.to_thread(check, template)
    await call.store.write(templates.update, call.scope, template, call.now)
    return {}


@operation("ses", "GetTemplate")
async def get_template(call: Call, params: Params) -> Result:
    found = await call.store.read(templates.existing, call.scope, params["TemplateName"])
    return {
        "Template": {
            "TemplateName": found.name,
            "SubjectPart": found.subject,
            "TextPart": found.text,
            "HtmlPart": found.html,
        }
    }


@operation("ses", "ListTemplates")
async def list_templates(call: Call, params: Params) -> Result:
    page = await call.store.read(templates.list_page, call.scope, params.get("NextToken"), params.get("MaxItems"))
    return {
        "TemplatesMetadata": [{"Name": one.name, "CreatedTimestamp": one.created_at} for one in page.templates],
        "NextToken": page.next_token,
    }


@operation("ses", "DeleteTemplate")
async def delete_template(call: Call, params: Params) -> Result:
    await call.store.write(templates.delete, call.scope, params["TemplateName"])
    return {}


@operation("ses", "TestRenderTemplate")
async def test_render_template(call: Call, params: Params) -> Result:
    template = await call.store.read(templates.existing, call.scope, params["TemplateName"])
    domain = call.services.service_domain
    text = await asyncio.to_thread(preview, template, params["TemplateData"], call.scope, domain, call.now)
    return {"RenderedTemplate": text}


def _template(given: Params) -> Template:
    return Template(given["TemplateName"], given.get("SubjectPart", ""), given.get("TextPart"), given.get("HtmlPart"))
