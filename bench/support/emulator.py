"""aws-ses-v2-local, the fastest emulator of SES that we know: in memory, and without a look at signatures.

https://github.com/domdomegg/aws-ses-v2-local, from npm; put into the folder `.node` when it is missing there.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.support.postfix import free_port
from bench.support.process import started

VERSION = "2.10.2"
_FOLDER = Path(__file__).parents[2] / ".node" / "bench"
_COMMAND = _FOLDER / "node_modules" / "aws-ses-v2-local" / "dist" / "cli.js"


def install() -> None:
    if _COMMAND.exists():
        return
    _FOLDER.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(_FOLDER), "--no-audit", "--no-fund", f"aws-ses-v2-local@{VERSION}"]
    subprocess.run(command, check=True, timeout=240, stdout=subprocess.DEVNULL)


@contextmanager
def emulating(folder: Path) -> Iterator[tuple[int, int]]:
    """Run it until the block is left; yield its pid and port."""
    port = free_port()
    with started(["node", str(_COMMAND), "--port", str(port)], folder / "emulator.log") as (pid, lines):
        for line in lines:
            if "server running" in line:
                break
        else:
            raise AssertionError(f"aws-ses-v2-local did not start: {(folder / 'emulator.log').read_text()}")
        yield pid, port
