"""What can be checked of the container file without an engine: what it copies, as whom it runs, that it would start."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "packaging" / "container" / "Containerfile"
PATIENCE_SECONDS = 60.0


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the file in order, each in one line."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.strip().partition(" ") for line in text.splitlines() if line.strip()]
    return [(name, re.sub(r"\s+", " ", rest)) for name, _, rest in lines]


def told(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def environment() -> dict[str, str]:
    return dict(one.partition("=")[::2] for rest in told("ENV") for one in rest.split())


def copied() -> list[str]:
    return [source for rest in told("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]


def test_what_is_copied_is_there_and_nothing_else_goes_to_the_builder() -> None:
    assert all((ROOT / source).exists() for source in copied())
    ignored = FILE.with_name("Containerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "**"
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied())


def test_the_image_has_a_python_that_the_program_runs_on() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    images = {rest.split()[0] for rest in told("FROM")}
    assert len(images) == 1, "what is built in one is run in the other"
    (version,) = re.findall(r"^python:(\d+\.\d+)-slim", images.pop())
    assert f">={version}" == needed


def test_it_runs_as_nobody_in_particular_with_its_data_in_a_volume() -> None:
    (user,) = told("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert told("VOLUME") == [environment()["PILLARBOX_DATA"]]
    assert [name for name, _ in instructions()].index("USER") < [name for name, _ in instructions()].index("ENTRYPOINT")


def test_the_ports_are_those_that_the_server_has_by_default() -> None:
    settings = Settings()
    ports = [settings.port, settings.smtp_port, settings.smtps_port, settings.return_path_port]
    assert told("EXPOSE") == [" ".join(map(str, ports))]
    assert environment()["PILLARBOX_PORT"] == str(settings.port)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python that has what the image copies in place of this source tree, and what the program depends on."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=60)
    packages = next((tmp_path / "venv" / "lib").glob("python3*/site-packages"))
    shutil.copytree(ROOT / "src" / "pillarbox", packages / "pillarbox", ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["pillarbox"]
    module, _, function = script.partition(":")
    command = tmp_path / "venv" / "bin" / "pillarbox"
    command.write_text(
        f"#!{tmp_path}/venv/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    command.chmod(0o755)
    return command.parent


def test_it_starts_is_healthy_and_ends_when_it_is_told_to(python: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    given = environment() | {
        "PATH": f"{python}:/usr/bin:/bin",
        "PILLARBOX_DATA": str(tmp_path / "data"),
        "PILLARBOX_HOST": "127.0.0.1",
        "PILLARBOX_PORT": port,
        **{f"PILLARBOX_{name}_PORT": "-1" for name in ("SMTP", "SMTPS", "RETURN_PATH")},
    }
    ((entry,), (command,)) = ([json.loads(rest) for rest in told(name)] for name in ("ENTRYPOINT", "CMD"))
    (check,) = re.findall(r"CMD (\[.*\])$", told("HEALTHCHECK")[0])
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [python / entry[0], *entry[1:], *command], env=given, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        assert any(_is_healthy(json.loads(check), given, server) for _ in _tries()), (tmp_path / "log").read_text()
        server.send_signal(signal.SIGTERM)
        assert server.wait(45) == os.EX_OK
    finally:
        server.kill()
        server.wait()
    assert str(ROOT / "src") not in (tmp_path / "log").read_text()


def _is_healthy(check: list[str], given: dict[str, str], server: "subprocess.Popen[bytes]") -> bool:
    assert server.poll() is None, "it ended"
    return subprocess.run(check, env=given, capture_output=True, timeout=30, check=False).returncode == os.EX_OK


def _tries() -> Iterator[None]:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        yield
