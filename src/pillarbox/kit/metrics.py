"""Metrics: declared where they are counted, shown at `/metrics` in Prometheus' text form.

Touches one process-wide registry. `docs/metrics.md` is printed from what is
declared here, so `doc` is written for the operator who sees the number move.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)
_PREFIX = "pillarbox"


def counter(name: str, *, labels: Sequence[str] = (), doc: str) -> Counter:
    return Counter(name, doc, labels, namespace=_PREFIX, registry=REGISTRY)


def gauge(name: str, *, labels: Sequence[str] = (), doc: str) -> Gauge:
    return Gauge(name, doc, labels, namespace=_PREFIX, registry=REGISTRY)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
