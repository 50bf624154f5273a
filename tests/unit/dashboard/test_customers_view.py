"""A customer sees their own tenant, on every page and in every answer that there is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Mount, Route

from pillarbox.kit.ids import Scope
from tests.support.promises import SCOPE
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_login import FORM, JSON, ada, token_of

OWN = "/ui/customer?by=tenant&only=acme&region=us-east-1"
# Whatever is said of others anywhere has this in it.
THEIRS = "confidential"


async def _filled(dashboard: Dashboard) -> dict[str, str]:
    """Send mail for two tenants and for nobody, elsewhere too; return message ids by whose they are."""
    dashboard.built(dev=False)
    send = dashboard.room.accept
    sent = {"own": await send("ada@example.net", subject="Yours", tenant="acme")}
    others = {
        "other": ("globex", SCOPE),
        "nobody": (None, SCOPE),
        "shouted": ("ACME", SCOPE),
        "region": ("acme", Scope(SCOPE.account, "eu-west-1")),
        "account": ("acme", Scope("210987654321", SCOPE.region)),
    }
    for name, (tenant, scope) in others.items():
        to = f"{THEIRS}@example.org"
        sent[name] = await send(to, subject=THEIRS, text=THEIRS, html=THEIRS, tenant=tenant, scope=scope)
        await dashboard.room.deliver(sent[name])
    return sent


async def _customer(dashboard: Dashboard) -> dict[str, str]:
    return await ada(dashboard, "customer", account=SCOPE.account, region=SCOPE.region, tenant="acme")


def _routes(application: Any) -> Iterator[Route]:
    (ui,) = [route for route in application.routes if isinstance(route, Mount)]
    for route in ui.routes:
        if isinstance(route, Route):
            yield route


async def test_the_messages_of_the_tenant_and_no_others(dashboard: Dashboard) -> None:
    sent = await _filled(dashboard)
    browser = await _customer(dashboard)
    for asked in ("", "?account=210987654321", "?region=eu-west-1&tenant=globex", "?to=example", "?status=delivered"):
        page = await dashboard.get(f"/ui/messages{asked}", browser)
        listed = json.loads((await dashboard.get(f"/ui/api/messages{asked}", browser)).body)["messages"]
        assert page.status == 200 and THEIRS not in page.text
        assert {one["message_id"] for one in listed} <= {sent["own"]}
    assert "Yours" in (await dashboard.get("/ui/messages", browser)).text
    assert (await dashboard.get(f"/ui/messages/{sent['own']}", browser)).status == 200
    assert b"Yours" in (await dashboard.get(f"/ui/messages/{sent['own']}/source", browser)).body
    for whose in ("other", "nobody", "shouted", "region", "account"):
        for inner in ("", ".json", "/html", "/source"):
            answer = await dashboard.get(f"/ui/messages/{sent[whose]}{inner}", browser)
            assert (answer.status, THEIRS in answer.text) == (404, False), (whose, inner)


async def test_who_asked_for_the_mail_and_from_where_is_not_told(dashboard: Dashboard) -> None:
    sent = await _filled(dashboard)
    browser = await _customer(dashboard)
    for inner in ("", ".json"):
        text = (await dashboard.get(f"/ui/messages/{sent['own']}{inner}", browser)).text
        assert "tester" not in text and "192.0.2.1" not in text


async def test_every_other_page_leads_to_their_own_and_no_answer_speaks_of_others(dashboard: Dashboard) -> None:
    sent = await _filled(dashboard)
    browser = await _customer(dashboard)
    looked_at = 0
    for route in _routes(dashboard.application):
        if "GET" not in (route.methods or ()) or route.path == "/login":
            continue
        for value in (sent["other"], "globex") if "{" in route.path else ("-",):
            target = "/ui" + re.sub(r"{[^}]*}", value, route.path)
            for headers in (browser, {**browser, **JSON}):
                answer = await dashboard.get(f"{target}?by=tenant&only=globex&account=210987654321", headers)
                assert THEIRS not in answer.text and "globex" not in answer.text.replace(value, ""), target
                narrowed = route.path.startswith(("/messages", "/api/messages")) or "customer" in route.path
                if answer.status == 303:
                    assert answer.headers["location"] == OWN
                elif not narrowed and route.path != "/api/statistics":
                    assert answer.status == 403, target
                looked_at += 1
    assert looked_at > 80


async def test_a_customer_changes_nothing(dashboard: Dashboard) -> None:
    await _filled(dashboard)
    browser = await _customer(dashboard)
    for route in _routes(dashboard.application):
        if "POST" in (route.methods or ()) and route.path not in ("/login", "/logout"):
            target = "/ui" + re.sub(r"{[^}]*}", "globex", route.path)
            body = f"csrf={token_of(browser)}&name=globex".encode()
            answer = await dashboard.get(target, {**browser, **FORM}, method="POST", body=body)
            assert answer.status == 403 and "role" in answer.text, target


@pytest.mark.parametrize("target", ["/ui/customer?by=tenant&only=globex&region=eu-west-1", "/ui/api/statistics"])
async def test_statistics_are_those_of_the_tenant_whatever_is_asked(dashboard: Dashboard, target: str) -> None:
    await _filled(dashboard)
    answer = await dashboard.get(target, await _customer(dashboard))
    assert answer.status == 200 and "globex" not in answer.text
