"""`pillarbox where` leads to the code of every operation."""

import re
from pathlib import Path

import pytest
from botocore import xform_name

from pillarbox.__main__ import main
from pillarbox.api import registry
from pillarbox.api.declined import DECLINED
from pillarbox.commands.where import places_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("service", "name"), sorted(registry.load()))
def test_an_operation_leads_to_its_handler(service: str, name: str) -> None:
    places = dict(places_of(service, name, registry.load()[service, name]))
    file, line = re.fullmatch(r"([^:]+):(\d+)", places["handler"]).groups()  # type: ignore[union-attr]
    assert f"def {xform_name(name)}(" in (ROOT / file).read_text().splitlines()[int(line) - 1]


def test_sending_leads_to_the_one_way_of_sending(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "SendEmail"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"ses SendEmail\n  handler  src/pillarbox/api/ses/sending\.py:\d+\n", printed)
    assert re.search(r"sesv2 SendEmail\n  handler  src/pillarbox/api/sesv2/sending\.py:\d+\n", printed)
    assert re.search(r"domain   src/pillarbox/sending/sender\.py:\d+  Sender\.send", printed)
    assert re.search(r"test     tests/contract/ses/test_sending\.py:\d+", printed)


def test_a_declined_operation_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    service, name = next(iter(DECLINED))
    assert main(["where", f"{service}:{name}"]) == 0
    assert DECLINED[service, name] in capsys.readouterr().out


def test_an_unknown_operation_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "DropDatabase"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
