"""Metrics: declared where they are counted, shown at `/metrics` in Prometheus' text form.

Touches one registry for the process, or files in the folder that PROMETHEUS_MULTIPROC_DIR names where several
processes make one server (the library decides when it is imported). `docs/metrics.md` is printed from what is
declared here, so `doc` is written for the operator who sees the number move.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

REGISTRY = CollectorRegistry(auto_describe=True)
# https://prometheus.github.io/client_python/multiprocess/
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "pillarbox"


class Declared(NamedTuple):
    """A metric as docs/metrics.md tells of it."""

    name: str
    kind: str
    labels: Sequence[str]
    doc: str


DECLARED: list[Declared] = []


def counter(name: str, *, labels: Sequence[str] = (), doc: str) -> Counter:
    DECLARED.append(Declared(f"{_PREFIX}_{name}", "counter", labels, doc))
    return Counter(name, doc, labels, namespace=_PREFIX, registry=REGISTRY)


def gauge(name: str, *, labels: Sequence[str] = (), doc: str) -> Gauge:
    DECLARED.append(Declared(f"{_PREFIX}_{name}", "gauge", labels, doc))
    return Gauge(name, doc, labels, namespace=_PREFIX, registry=REGISTRY, multiprocess_mode="livesum")


def exposition() -> bytes:
    """Return all metrics of the server in Prometheus' text format."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def forget_process(pid: int) -> None:
    """Take a process that ended out of what is counted at this moment; what it had counted stays."""
    if FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
