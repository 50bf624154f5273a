"""Prints docs/metrics.md: what `/metrics` shows, told by those who count it.

Imports every module, so that everything is declared. Run as `python -m
pillarbox.app.metrics_page`; a test keeps the page true.
"""

import importlib
import pkgutil
import sys

import pillarbox
from pillarbox.kit import metrics

_OPENING = """# Metrics

Printed by `make docs` from the code. `/metrics` shows them in Prometheus' text format: on loopback, or to whoever
brings the `metrics_token` of the settings. With worker processes it answers for all of them together. A dashboard for
Grafana that shows them stands in `packaging/grafana/pillarbox.json`.

| metric | kind | labels | what it tells |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return docs/metrics.md."""
    for module in pkgutil.walk_packages(pillarbox.__path__, "pillarbox."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return _OPENING + "".join(map(_row, sorted(metrics.DECLARED)))


def _row(one: metrics.Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "-"
    return f"| `{one.name}` | {one.kind} | {labels} | {' '.join(one.doc.split())} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
