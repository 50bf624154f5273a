"""Whose findings the page of the doctor shows."""

import json
from typing import Any

from pillarbox.operate import doctor, users
from pillarbox.operate.finding import Finding
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_access import basic

FINDINGS = [
    Finding("disk", "wrong", "is full", "make room"),
    Finding("shop.example: dkim", "ok", "there", account="123456789012"),
    Finding("theirs.example: dkim", "wrong", "missing", account="210987654321"),
]


async def _asked(dashboard: Dashboard, who: dict[str, str], method: str = "GET") -> tuple[int, Any]:
    headers = {**who, "Content-Type": "application/json"}
    answer = await dashboard.get("/ui/api/doctor", headers, method=method, body=b"{}" if method == "POST" else b"")
    return answer.status, json.loads(answer.body)


async def test_who_works_for_one_account_sees_its_own_findings(dashboard: Dashboard) -> None:
    await doctor.ask(dashboard.desk)
    for part in doctor.PARTS:
        await dashboard.store.write(doctor._note, part, FINDINGS if part == "disk" else [], 1)
    dashboard.built(dev=False)
    all_seeing = await users.create(dashboard.desk, "boss", "member")
    own = await users.create(dashboard.desk, "ada", "admin", "123456789012")
    boss, ada = basic("boss", all_seeing.password), basic("ada", own.password)
    assert [one["about"] for one in (await _asked(dashboard, boss))[1]["findings"]] == [
        finding.about for finding in FINDINGS
    ]
    found = (await _asked(dashboard, ada))[1]
    assert ([one["about"] for one in found["findings"]], found["host"]) == (["shop.example: dkim"], "")
    page = (await dashboard.get("/ui/doctor", ada)).text
    assert "theirs" not in page and "is full" not in page and "Look now" not in page
    assert (await _asked(dashboard, ada, "POST"))[0] == 403
    worst_first = (await dashboard.get("/ui/doctor", boss)).text
    assert worst_first.index("is full") < worst_first.index("shop.example")
    assert (await _asked(dashboard, boss, "POST"))[1]["findings"] == []


async def test_before_the_first_time_there_is_nothing(dashboard: Dashboard) -> None:
    assert await _asked(dashboard, {}) == (200, None)
    assert "Not looked at yet" in (await dashboard.get("/ui/doctor")).text
