"""Processes that a benchmark starts, and the processor time that they and their children have used."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

_TICKS = os.sysconf("SC_CLK_TCK")
_STOPPING_SECONDS = 20


@contextmanager
def started(
    command: Sequence[str], log: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[int, Iterator[str]]]:
    """Run a command until the block is left, in our environment and `environment`; yield its pid and what it prints."""
    with log.open("w") as errors:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **environment}
        )
        assert child.stdout is not None
        try:
            yield child.pid, iter(child.stdout)
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(_STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()


def cpu_seconds(root: int) -> float:
    """Return user and system time of a process, of those below it, and of their children that have ended."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(folder.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = sum(map(int, fields[11:15]))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0)
        waiting += children.get(pid, [])
    return total / _TICKS
