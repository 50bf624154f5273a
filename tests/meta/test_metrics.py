"""The page of the metrics is true, and the dashboard file asks only for metrics that there are."""

import json
import re
from pathlib import Path

from pillarbox.app.metrics_page import page
from pillarbox.kit import metrics

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_is_declared() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page(), "run `make docs`"


def test_no_metric_is_declared_twice() -> None:
    page()
    names = [one.name for one in metrics.DECLARED]
    assert len(names) == len(set(names))


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are() -> None:
    page()
    labels = {one.name: set(one.labels) for one in metrics.DECLARED}
    dashboard = json.loads((ROOT / "packaging" / "grafana" / "pillarbox.json").read_text())
    asked = [target for panel in dashboard["panels"] for target in panel["targets"]]
    assert asked
    for target in asked:
        (name,) = re.findall(r"pillarbox_[a-z_]+", target["expr"])
        by = re.search(r"by \(([a-z, ]+)\)", target["expr"])
        used = set(by[1].split(", ")) if by else set()
        assert used <= labels[name], target["expr"]
        assert set(re.findall(r"{{([a-z]+)}}", target["legendFormat"])) <= used
