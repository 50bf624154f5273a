"""Signing in, who may change what, and that nobody else's page does it for them."""

from urllib.parse import urlencode

import pytest

from pillarbox.dashboard.access import csrf_of
from pillarbox.kit.clock import MINUTE
from pillarbox.operate import users
from pillarbox.resources import credentials
from pillarbox.resources.sessions import LONGEST, UNUSED
from pillarbox.resources.users import Role
from tests.support.asgi import Answer
from tests.support.filled import NOON
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_access import basic

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Accept": "application/json"}


@pytest.fixture
async def production(dashboard: Dashboard) -> Dashboard:
    dashboard.built(dev=False)
    return dashboard


async def sign_in(production: Dashboard, name: str, secret: str, then: str = "", **headers: str) -> Answer:
    body = urlencode({"name": name, "secret": secret, "next": then}).encode()
    return await production.get("/ui/login", {**FORM, **headers}, method="POST", body=body)


def session_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def ada(production: Dashboard, role: str = "member", **narrowed: str) -> dict[str, str]:
    """Make a user, sign her in and return what her browser sends."""
    made = await users.create(production.desk, "ada", role, **narrowed)
    return {"Cookie": session_of(await sign_in(production, "ada", made.password))}


async def sign_out(production: Dashboard, browser: dict[str, str], token: str, **headers: str) -> Answer:
    body = urlencode({"csrf": token}).encode()
    return await production.get("/ui/logout", {**browser, **FORM, **headers}, method="POST", body=body)


def token_of(browser: dict[str, str]) -> str:
    return csrf_of(browser["Cookie"].partition("=")[2])


async def test_a_stranger_is_led_to_the_login_and_back_again(production: Dashboard) -> None:
    made = await users.create(production.desk, "ada", "member")
    led = await production.get("/ui/messages?to=bob")
    assert (led.status, led.headers["location"]) == (303, "/ui/login?next=%2Fui%2Fmessages%3Fto%3Dbob")
    assert "Sign in" in (await production.get(led.headers["location"])).text
    back = await sign_in(production, "ada", made.password, "/ui/messages?to=bob")
    assert (back.status, back.headers["location"]) == (303, "/ui/messages?to=bob")
    assert (await production.get("/ui/messages", {"Cookie": session_of(back)})).status == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/ui/", "/\\evil.example", "/elsewhere", ""])
async def test_nobody_is_led_elsewhere_by_the_login(production: Dashboard, target: str) -> None:
    made = await users.create(production.desk, "ada", "member")
    assert (await sign_in(production, "ada", made.password, target)).headers["location"] == "/ui/"


async def test_a_session_is_kept_where_no_script_and_no_other_site_gets_at_it(production: Dashboard) -> None:
    made = await users.create(production.desk, "ada", "member")
    kept = (await sign_in(production, "ada", made.password)).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/ui"} <= set(kept.split("; "))


async def test_a_wrong_password_and_a_name_that_nobody_has_are_told_alike(production: Dashboard) -> None:
    await users.create(production.desk, "ada", "member")
    answers = [await sign_in(production, name, "a wrong password") for name in ("ada", "bob")]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].text.replace("ada", "") == answers[1].text.replace("bob", "")
    assert "set-cookie" not in answers[0].headers


async def test_guessing_a_password_is_held_off(production: Dashboard) -> None:
    made = await users.create(production.desk, "ada", "member")
    for _ in range(5):
        assert (await sign_in(production, "ada", "a wrong password")).status == 401
    held = await sign_in(production, "ada", made.password)
    assert (held.status, held.headers["retry-after"]) == (429, "60")


async def test_an_access_key_signs_a_browser_in(production: Dashboard) -> None:
    key = await production.store.write(credentials.create, "123456789012", "ada", production.keyring, NOON)
    browser = {"Cookie": session_of(await sign_in(production, key.key_id, key.secret))}
    assert (await production.get("/ui/", browser)).status == 200
    await production.store.write(credentials.revoke, key.key_id)
    assert (await production.get("/ui/", browser)).status == 303


async def test_a_key_that_only_sends_sees_nothing(production: Dashboard) -> None:
    key = await production.store.write(credentials.create, "123456789012", "ada", production.keyring, NOON, "send-only")
    assert (await sign_in(production, key.key_id, key.secret)).status == 401
    assert (await production.get("/ui/messages.json", basic(key.key_id, key.secret))).status == 401


async def test_a_session_ends_when_it_is_not_used_and_in_any_case_after_a_week(production: Dashboard) -> None:
    browser = await ada(production)
    for _ in range(LONGEST // (UNUSED - MINUTE)):
        production.clock.at += UNUSED - MINUTE
        assert (await production.get("/ui/messages", browser)).status == 200
    production.clock.at += UNUSED - MINUTE
    assert (await production.get("/ui/messages", browser)).status == 303
    again = await users.set_password(production.desk, "ada")
    browser = {"Cookie": session_of(await sign_in(production, "ada", again.password))}
    production.clock.at += UNUSED + 1
    assert (await production.get("/ui/messages", browser)).status == 303


@pytest.mark.parametrize("ending", ["password", "removal", "sign-out"])
async def test_a_session_can_be_ended(production: Dashboard, ending: str) -> None:
    browser = await ada(production)
    assert (await production.get("/ui/", browser)).status == 200
    if ending == "password":
        await users.set_password(production.desk, "ada")
    elif ending == "removal":
        await users.remove(production.desk, "ada")
    else:
        gone = await sign_out(production, browser, token_of(browser))
        assert "Max-Age=0" in gone.headers["set-cookie"]
    assert (await production.get("/ui/", browser)).status == 303


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        ("right", {}, 303),
        ("right", {"Sec-Fetch-Site": "same-origin"}, 303),
        ("right", {"Origin": "http://localhost:8025"}, 303),
        ("", {}, 403),
        ("wrong", {"Sec-Fetch-Site": "same-origin"}, 403),
        ("right", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("right", {"Sec-Fetch-Site": "same-site"}, 403),
        ("right", {"Origin": "https://evil.example"}, 403),
        ("right", {"Origin": "null"}, 403),
    ],
)
async def test_only_a_form_of_our_own_changes_anything(
    production: Dashboard, token: str, headers: dict[str, str], status: int
) -> None:
    browser = await ada(production)
    given = token_of(browser) if token == "right" else token
    assert (await sign_out(production, browser, given, **headers)).status == status
    still = (await production.get("/ui/", browser)).status
    assert still == (303 if status == 303 else 200)


async def test_nobody_is_signed_in_by_the_form_of_another_site(production: Dashboard) -> None:
    made = await users.create(production.desk, "ada", "member")
    answer = await sign_in(production, "ada", made.password, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403 and "set-cookie" not in answer.headers


async def test_in_dev_mode_a_form_needs_the_cookie_of_this_browser(dashboard: Dashboard) -> None:
    shown = await dashboard.get("/ui/")
    browser = {"Cookie": session_of(shown)}
    assert (await sign_out(dashboard, browser, "")).status == 403
    assert (await sign_out(dashboard, browser, token_of(browser))).status == 303
    assert (await sign_out(dashboard, {}, token_of(browser))).status == 403


async def test_a_user_of_one_account_sees_that_one(production: Dashboard) -> None:
    await production.room.accept(subject="Mine")
    browser = await ada(production, account="210987654321")
    assert "Mine" not in (await production.get("/ui/messages?account=123456789012", browser)).text
    boss = await users.create(production.desk, "boss", Role.ADMIN)
    all_seeing = {"Cookie": session_of(await sign_in(production, "boss", boss.password))}
    assert "Mine" in (await production.get("/ui/messages", all_seeing)).text


async def test_too_much_or_something_else_than_a_form_is_refused(production: Dashboard) -> None:
    long = b"name=" + b"a" * (2 * 1024 * 1024)
    assert (await production.get("/ui/login", FORM, method="POST", body=long)).status == 413
    odd = {"Content-Type": "text/plain"}
    assert (await production.get("/ui/login", odd, method="POST", body=b"name=ada")).status == 415
