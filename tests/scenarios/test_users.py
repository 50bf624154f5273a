"""Users of the pages, made and removed in the terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import RunningServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a server that has run once."""
    with RunningServer.started(tmp_path):
        return tmp_path


def pillarbox(folder: Path, *arguments: str, typed: str = "", code: int = 0) -> str:
    command = [sys.executable, "-m", "pillarbox", "users", *arguments, "--data", str(folder)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_users_are_made_listed_changed_and_removed(folder: Path) -> None:
    made = json.loads(pillarbox(folder, "create", "ada", "--role", "admin", "--json"))
    assert (made["name"], made["role"]) == ("ada", "admin") and len(made["password"]) >= 20
    said = pillarbox(folder, "create", "bob", "--password-from-input", typed="a fine password\n")
    assert said == "bob (member) can sign in now\n"
    assert [one["name"] for one in json.loads(pillarbox(folder, "list", "--json"))] == ["ada", "bob"]
    assert "every one" in pillarbox(folder, "list")
    again = json.loads(pillarbox(folder, "password", "ada", "--json"))
    assert again["password"] != made["password"]
    assert pillarbox(folder, "remove", "ada") == "ada is removed and signed out\n"
    assert [one["name"] for one in json.loads(pillarbox(folder, "list", "--json"))] == ["bob"]


def test_what_cannot_be_a_user_is_said(folder: Path) -> None:
    assert "a role is one of" in pillarbox(folder, "create", "ada", "--role", "king", code=1)
    assert "10 to 256" in pillarbox(folder, "create", "ada", "--password-from-input", typed="short\n", code=1)
    assert "needs an account" in pillarbox(folder, "create", "ada", "--role", "customer", code=1)
    assert "there is no user ada" in pillarbox(folder, "remove", "ada", code=1)


def test_the_first_start_prints_a_password_once(tmp_path: Path) -> None:
    flags = ["--port", "0", "--smtp-port", "0", "--smtps-port", "0", "--return-path-port", "0"]
    command = [sys.executable, "-m", "pillarbox", "serve", "--data", str(tmp_path), *flags]
    printed = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            printed.append(next(line for line in server.stdout if "sign in" in line))
            server.terminate()
            server.stdout.read()
    assert "sign in as admin with the password" in printed[0]
    assert "with the password" not in printed[1]
