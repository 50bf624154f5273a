"""nginx before a server, set up with the file that we ship for it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGING = Path(__file__).parents[2] / "packaging" / "nginx"
_PATIENCE_SECONDS = 20.0


@contextmanager
def fallback(folder: Path, backend_port: int, keys: Mapping[str, str]) -> Iterator[int]:
    """Run nginx with tracking-fallback.conf before `backend_port` until the block is left; yield its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "nginx is not installed: `make setup` installs it"
    folder.mkdir()
    folder.chmod(0o755)
    shutil.copy(PACKAGING / "tracking-fallback.js", folder)
    key_file = folder / "tracking-keys.json"
    key_file.write_text(json.dumps(keys))
    port = _free_port()
    (folder / "site.conf").write_text(_site(folder, key_file, port, backend_port))
    (folder / "nginx.conf").write_text(
        f"load_module /usr/lib/nginx/modules/ngx_http_js_module.so;\ndaemon off;\npid {folder}/pid;\n"
        f"{'user root;' if os.getuid() == 0 else ''}\n"  # what tests make is for whoever runs them alone
        "events {}\nhttp {\naccess_log off;\n"
        + "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"include {folder}/site.conf;\n}}\n"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        try:
            _wait_for(port, folder)
            yield port
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(_PATIENCE_SECONDS)


def _site(folder: Path, key_file: Path, port: int, backend_port: int) -> str:
    """Return the file as an operator would edit it."""
    text = (PACKAGING / "tracking-fallback.conf").read_text()
    for shipped, ours in (
        ("js_path /etc/nginx/pillarbox/;", f"js_path {folder}/;"),
        ("/etc/nginx/pillarbox/tracking-keys.json;", f"{key_file};"),
        ("http://127.0.0.1:8025", f"http://127.0.0.1:{backend_port}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
    ):
        text, count = re.subn(rf"(?m)^(?!#)(.*){re.escape(shipped)}", lambda found, ours=ours: found[1] + ours, text)  # type: ignore[misc]
        assert count == 1, shipped
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < until, (folder / "error.log").read_text()
        time.sleep(0.02)
