"""Who looks after users, and whose."""

import json
from typing import Any

from pillarbox.operate import users
from tests.support.asgi import Answer
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_access import basic


async def _ask(dashboard: Dashboard, who: dict[str, str], path: str = "", body: Any = None) -> Answer:
    target, headers = f"/ui/api/users{path}", {**who, "Content-Type": "application/json"}
    if body is None:
        return await dashboard.get(target, headers)
    return await dashboard.get(target, headers, method="POST", body=json.dumps(body).encode())


async def _names(dashboard: Dashboard, who: dict[str, str]) -> list[str]:
    answer = await _ask(dashboard, who)
    assert answer.status == 200, answer.text
    return [one["name"] for one in json.loads(answer.body)]


async def test_an_admin_of_one_account_looks_after_its_users_alone(dashboard: Dashboard) -> None:
    dashboard.built(dev=False)
    boss = await users.create(dashboard.desk, "boss", "admin", "123456789012")
    await users.create(dashboard.desk, "other", "member", "210987654321")
    who = basic("boss", boss.password)
    assert await _names(dashboard, who) == ["boss"]
    made = json.loads((await _ask(dashboard, who, "", {"name": "ada", "role": "member"})).body)
    assert (made["name"], len(made["password"]) >= 20) == ("ada", True)
    assert await _names(dashboard, who) == ["ada", "boss"]
    elsewhere = {"name": "eve", "role": "admin", "account": "210987654321"}
    assert (await _ask(dashboard, who, "", elsewhere)).status == 400
    for path in ("/password", "/sign-out", "/remove"):
        assert (await _ask(dashboard, who, path, {"name": "other"})).status == 404
    assert (await _ask(dashboard, who, "/remove", {"name": "boss"})).status == 400
    assert (await _ask(dashboard, who, "/remove", {"name": "ada"})).status == 200
    assert await _names(dashboard, who) == ["boss"]


async def test_another_password_and_signing_out_end_every_session(dashboard: Dashboard) -> None:
    made = await users.create(dashboard.desk, "ada", "member")
    for path in ("/sign-out", "/password"):
        person = await users.person_of(dashboard.desk, "ada", made.password)
        assert person is not None
        token = await users.sign_in(dashboard.desk, person)
        assert [one.sessions for one in await users.list_all(dashboard.desk)] == [1]
        answer = await _ask(dashboard, {}, path, {"name": "ada"})
        assert answer.status == 200
        assert await users.signed_in(dashboard.desk, token) is None
    assert await users.person_of(dashboard.desk, "ada", json.loads(answer.body)["password"])
    assert await users.person_of(dashboard.desk, "ada", made.password) is None


async def test_users_are_for_admins(dashboard: Dashboard) -> None:
    dashboard.built(dev=False)
    made = await users.create(dashboard.desk, "ada", "member")
    who = basic("ada", made.password)
    assert (await _ask(dashboard, who)).status == 403
    assert (await _ask(dashboard, who, "", {"name": "eve", "role": "admin"})).status == 403
