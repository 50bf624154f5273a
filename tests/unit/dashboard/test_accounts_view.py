"""Who works for one account sees and changes nothing of another, on every page and in every answer that there is."""

import re
from urllib.parse import urlencode

import pytest

from pillarbox.operate import (
    configuration_sets,
    contact_lists,
    doctor,
    imports,
    templates,
    users,
)
from pillarbox.operate.finding import Finding
from pillarbox.pubsub import topics
from pillarbox.resources import identities, suppression
from pillarbox.resources.event_destinations import Wanted
from pillarbox.resources.import_jobs import Action
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.resources.templates import Template
from pillarbox.store.plan import Plan, Rows
from tests.support.filled import NOON
from tests.support.promises import SCOPE
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_customers_view import THEIRS, _routes
from tests.unit.dashboard.test_login import FORM, JSON, ada, token_of

ADDRESS = f"{THEIRS}@example.org"


async def _filled(dashboard: Dashboard) -> str:
    """Let another account have one of everything; return the id of its message."""
    desk, write = dashboard.desk, dashboard.store.write
    sent = await dashboard.room.accept(ADDRESS, subject=THEIRS, html=THEIRS)
    await write(identities.vouch, SCOPE, THEIRS + ".example", NOON)
    await write(suppression.put, SCOPE, ADDRESS, Reason.BOUNCE, NOON)
    await write(topics.create, SCOPE, THEIRS, {}, {}, NOON)
    await configuration_sets.create(desk, SCOPE, THEIRS)
    wanted = Wanted(THEIRS, True, ["Bounce"], ["SNS"], topics.arn_of(SCOPE, THEIRS))
    await configuration_sets.put_destination(desk, SCOPE, THEIRS, wanted, is_new=True)
    await contact_lists.create(desk, SCOPE, THEIRS, THEIRS)
    await contact_lists.add(desk, SCOPE, THEIRS, ADDRESS)
    await imports.begin(desk, SCOPE, "", Action.PUT, "list.csv", ADDRESS.encode())
    await templates.create(desk, SCOPE, Template(THEIRS, THEIRS, THEIRS, THEIRS))
    await users.create(desk, THEIRS, "member", SCOPE.account)
    await doctor.ask(desk)
    for part in doctor.PARTS:
        await write(doctor._note, part, [Finding(THEIRS, "wrong", THEIRS, account=SCOPE.account)], NOON)
    return sent


def _theirs() -> Plan[list[list[tuple[object, ...]]]]:
    """Return what another account has in the tables that pages change."""
    found = []
    for table in ("nouns", "suppression_lists", "contacts", "users", "credentials", "holds", "outgoing"):
        found.append((yield Rows(f"SELECT * FROM {table} WHERE account = ? ORDER BY 1, 2, 3, 4", (SCOPE.account,))))
    return found


@pytest.mark.parametrize("account", [SCOPE.account, ""])
async def test_nothing_of_another_account_is_shown_or_changed(dashboard: Dashboard, account: str) -> None:
    """Whether the other account is asked for, or only what it has."""
    sent = await _filled(dashboard)
    dashboard.built(dev=False)
    browser = await ada(dashboard, "admin", account="210987654321")
    before = await dashboard.store.read(_theirs)
    asked = {"account": account, "region": SCOPE.region, "address": ADDRESS, "name": THEIRS, "user": THEIRS}
    more = {"topic": THEIRS, "subject": THEIRS, "from": ADDRESS, "to": ADDRESS, "data": "{}", "reason": "bounce"}
    routes = [route for route in _routes(dashboard.application) if route.path not in ("/login", "/logout")]
    for route in routes:
        for name in (THEIRS, f"{THEIRS}.example", sent) if "{" in route.path else ("-",):
            target = "/ui" + re.sub(r"{[^}]*}", name, route.path)
            if "GET" in (route.methods or ()):
                page = await dashboard.get(f"{target}?{urlencode(asked)}", {**browser, **JSON})
                shown = page.text.replace(name, "").replace(ADDRESS, "")
                assert page.status in (400, 404) or THEIRS not in shown, (target, page.text)
    for route in routes:
        target = "/ui" + re.sub(r"{[^}]*}", THEIRS, route.path)
        if "POST" in (route.methods or ()):
            body = urlencode({"csrf": token_of(browser), **asked, **more}).encode()
            answer = await dashboard.get(target, {**browser, **FORM, **JSON}, method="POST", body=body)
            assert answer.status >= 400 or not account, (target, answer.text)
    assert len(routes) > 80
    assert await dashboard.store.read(_theirs) == before
