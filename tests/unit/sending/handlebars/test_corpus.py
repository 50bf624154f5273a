"""Templates render as the committed tables say; tests/fuzz holds the tables against Handlebars.js."""

import json
from pathlib import Path

import pytest

from pillarbox.sending.handlebars.compiler import compile_template
from pillarbox.sending.handlebars.errors import MissingAttribute, RenderingError, TemplateError
from pillarbox.sending.render import template_data

TABLES = Path(__file__).parents[3] / "data" / "handlebars"
CASES = [
    pytest.param(case, id=f"{table.stem}: {case['name']}")
    for table in sorted(TABLES.glob("*.json"))
    for case in json.loads(table.read_text())
]


@pytest.mark.parametrize("case", CASES)
def test_a_template_renders_as_in_the_table(case):
    data = template_data(case["data"])

    if "error" in case["expected"]:
        with pytest.raises((TemplateError, RenderingError)):
            compile_template(case["template"]).render(data)
    elif "missing" in case["expected"]:
        with pytest.raises(MissingAttribute) as missing:
            compile_template(case["template"]).render(data)
        assert missing.value.name == case["expected"]["missing"]
    else:
        assert compile_template(case["template"]).render(data) == case["expected"]["text"]
