"""What a server says when it is ready."""

from types import SimpleNamespace
from typing import Any

from pillarbox.commands.serve import welcome
from pillarbox.settings import Settings


def said(*roles: str) -> str:
    settings = Settings(database="postgresql://db/mail", roles=roles) if roles else Settings()
    ports = {"smtp_port": 2587, "smtps_port": 0}
    listening: Any = SimpleNamespace(settings=settings, public_url="http://localhost:8025", **ports)
    return welcome(listening, None, "AKIAIOSFODNN7EXAMPLE", None)


def test_a_server_with_every_role_shows_its_pages_and_a_first_message() -> None:
    told = said()
    assert "dashboard   http://localhost:8025/ui/" in told and "import boto3" in told and "roles" not in told


def test_a_server_with_some_roles_shows_nothing_that_it_does_not_answer() -> None:
    told = said("delivery", "events")
    assert "roles       delivery, events" in told and "AKIAIOSFODNN7EXAMPLE" in told
    assert "dashboard" not in told and "boto3" not in told
