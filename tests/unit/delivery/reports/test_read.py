"""Reports of many servers, read: each sample in tests/data/feedback with what it says in readings.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import AutomaticReply, ComplaintReport, DeliveryReport, NoReport
from pillarbox.kit.clock import iso, parse_iso

DATA = Path(__file__).parents[3] / "data" / "feedback"
READINGS: dict[str, dict[str, Any]] = tomllib.loads((DATA / "readings.toml").read_text())
NAMES = {DeliveryReport: "delivery", ComplaintReport: "complaint", AutomaticReply: "automatic", NoReport: "none"}


def test_every_sample_is_in_the_table() -> None:
    assert {path.name for path in DATA.glob("*.eml")} == READINGS.keys()


@pytest.mark.parametrize("name", READINGS)
def test_a_sample_says_what_the_table_says(name: str) -> None:
    wanted = READINGS[name]
    reading = read((DATA / name).read_bytes())
    report = reading.report

    assert NAMES[type(report)] == wanted["report"]
    assert [iso(at).replace(".000", "") for at in reading.times[:1]] == ([wanted["at"]] if wanted["at"] else [])
    if isinstance(report, DeliveryReport):
        _check_fates(report, wanted)
    if isinstance(report, ComplaintReport):
        assert report.feedback_type == wanted["feedback_type"]
        assert report.user_agent == wanted.get("user_agent")
        assert report.arrived_at == (parse_iso(wanted["arrived_at"]) if "arrived_at" in wanted else None)
        assert list(report.addresses) == wanted["addresses"]
        assert reading.return_paths == (wanted["return_path"],)


def _check_fates(report: DeliveryReport, wanted: dict[str, Any]) -> None:
    told = [[fate.action, *(fate.addresses[:1] or ("",)), fate.status or ""] for fate in report.fates]
    assert told == [fate[:3] for fate in wanted["fates"]]
    for fate, (_, _, _, begins, _) in zip(report.fates, wanted["fates"], strict=True):
        assert (fate.reply or "").startswith(begins)
    if "reporting_mta" in wanted:
        assert report.reporting_mta == wanted["reporting_mta"]
    if "retried_until" in wanted:
        assert report.fates[0].retried_until == parse_iso(wanted["retried_until"])
