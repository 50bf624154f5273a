"""Event destinations, as a program looks after them."""

import json
from typing import Any

import pytest

from pillarbox.operate import configuration_sets
from pillarbox.pubsub import topics
from tests.support.filled import NOON
from tests.support.promises import SCOPE
from tests.unit.dashboard.conftest import Dashboard

SET = "/ui/api/sets/invoices"


async def ask(dashboard: Dashboard, path: str, body: Any) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    answer = await dashboard.get(f"{SET}{path}", headers, method="POST", body=json.dumps(body).encode())
    return answer.status, json.loads(answer.body)


async def destinations(dashboard: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((await dashboard.get(SET)).body)["set"]["destinations"]
    return found


@pytest.fixture
async def with_set(dashboard: Dashboard) -> Dashboard:
    await dashboard.store.write(topics.create, SCOPE, "mail", {}, {}, NOON)
    await configuration_sets.create(dashboard.desk, SCOPE, "invoices")
    return dashboard


async def test_a_destination_is_added_changed_and_deleted(with_set: Dashboard) -> None:
    arn = topics.arn_of(SCOPE, "mail")
    made = {"name": "product", "topic": "mail", "event_types": ["Open", "Bounce"], "enabled": True}
    told = {"name": "product", "enabled": True, "event_types": ["Bounce", "Open"], "topic_arn": arn}
    assert await ask(with_set, "/destinations", made) == (200, told)
    assert (await ask(with_set, "/destinations", made))[0] == 400  # there is one of that name
    changed = {"topic": arn, "event_types": ["Rendering Failure"], "enabled": False}
    assert (await ask(with_set, "/destinations/product", changed))[0] == 200
    assert await destinations(with_set) == [told | {"enabled": False, "event_types": ["Rendering Failure"]}]
    assert await ask(with_set, "/destinations/product/delete", {}) == (200, None)
    assert await destinations(with_set) == []


@pytest.mark.parametrize(("said", "is_on"), [(True, True), ("true", True), (False, False), ("off", False)])
async def test_sending_is_switched_as_it_is_said(with_set: Dashboard, said: object, is_on: bool) -> None:
    assert await ask(with_set, "/sending", {"enabled": said}) == (200, {"sending_enabled": is_on})


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/destinations", {"name": "a", "topic": "mail", "event_types": ["Opened"]}, "no event Opened"),
        ("/destinations", {"name": "a", "topic": "mail"}, "at least one"),
        ("/destinations", {"name": "a", "topic": "none", "event_types": ["Open"]}, "not found"),
        ("/destinations", {"name": "a b", "topic": "mail", "event_types": ["Open"]}, "Invalid event destination name"),
        ("/destinations/none", {"topic": "mail", "event_types": ["Open"]}, "No EventDestination"),
        ("/destinations/none/delete", {}, "No EventDestination"),
        ("/test", {"from": "shop@example.com", "fate": "luck"}, "success, bounce, complaint"),
        ("/test", {}, "who the mail is from"),
        ("/sending", {}, "whether its mail is sent"),
        ("/sending", {"enabled": "perhaps"}, "true or false"),
    ],
)
async def test_what_no_destination_can_be_is_said(with_set: Dashboard, path: str, body: Any, why: str) -> None:
    status, said = await ask(with_set, path, body)
    assert status in (400, 404) and why in said["error"], said
    assert await destinations(with_set) == []
