"""Which opens and clicks look as if a program had made them."""

from pathlib import Path

import pytest

from pillarbox.edge import bots
from pillarbox.edge.bots import RulesError
from pillarbox.edge.hit_spool import Hit
from tests.support.clock import NOON

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINK = "https://shop.example/"
JUDGE = bots.load()


def reason(
    agent: str = FIREFOX, address: str = "203.0.113.9", link: str = LINK, manner: str = "GET", **facts: int
) -> str | None:
    hit = Hit(NOON, "m", address, agent, manner, link)
    return JUDGE.reason(hit, facts.get("delivered_at", NOON - 60_000), facts.get("together", 1))


def test_a_person_with_a_browser_is_none() -> None:
    assert reason() is None
    assert reason(link="") is None


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/7.0; Microsoft Outlook 16.0.18025; ms-office)",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.10.0",
        # The proxies of Gmail and Yahoo fetch when the reader opens the mail.
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ],
)
def test_readers_of_mail_are_none(agent: str) -> None:
    assert reason(agent) is None


@pytest.mark.parametrize(
    ("agent", "who"),
    [
        ("Mozilla/5.0", "Apple Mail Privacy Protection"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
            "Gmail, ahead of the reader",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "a program, by its own words"),
        ("curl/8.14.1", "a program, by its own words"),
        ("python-requests/2.32.4", "a program, by its own words"),
        ("BarracudaCentral link check", "a scanner of mail"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "a preview in a chat"),
        ("", "a program without a name"),
    ],
)
def test_programs_are_known_by_what_they_call_themselves(agent: str, who: str) -> None:
    assert reason(agent) == who


@pytest.mark.parametrize("address", ["104.47.17.3", "::ffff:104.47.17.3"])
def test_scanners_are_known_by_their_networks(address: str) -> None:
    assert reason(address=address) == "Exchange Online Protection"


@pytest.mark.parametrize("address", ["", "unknown", "fe80::1%eth0"])
def test_what_is_no_address_is_in_no_network(address: str) -> None:
    assert reason(address=address) is None


def test_who_does_not_fetch_the_page_has_not_read_it() -> None:
    assert reason(manner="HEAD") is not None
    assert reason(manner="PREFETCH") is not None


@pytest.mark.parametrize(("after_ms", "is_person"), [(0, False), (2_999, False), (3_000, True)])
def test_a_click_comes_seconds_after_the_delivery(after_ms: int, is_person: bool) -> None:
    assert (reason(delivered_at=NOON - after_ms) is None) == is_person


@pytest.mark.parametrize(("after_ms", "is_person"), [(-5, False), (999, False), (1_000, True)])
def test_an_open_comes_a_second_after_the_delivery(after_ms: int, is_person: bool) -> None:
    assert (reason(link="", delivered_at=NOON - after_ms) is None) == is_person


def test_nothing_follows_from_a_delivery_that_is_not_known() -> None:
    assert JUDGE.reason(Hit(NOON, "m", "203.0.113.9", FIREFOX), None, 0) is None


@pytest.mark.parametrize(("together", "is_person"), [(1, True), (2, True), (3, False)])
def test_nobody_follows_several_links_at_once(together: int, is_person: bool) -> None:
    assert (reason(together=together) is None) == is_person


def test_the_operators_rules_stand_beside_ours(tmp_path: Path) -> None:
    file = tmp_path / "bots.toml"
    file.write_text(
        '[[agents]]\nwho = "our monitor"\ncontains = ["ExampleMonitor"]\n'
        '[[networks]]\nwho = "the office"\nnetworks = ["198.51.100.0/24", "2001:db8::/32"]\n'
        "[speed]\nopen_ms = 0\nclick_ms = 0\n"
    )
    judge = bots.load(str(file))

    def said(agent: str, address: str) -> str | None:
        return judge.reason(Hit(NOON, "m", address, agent, "GET", LINK), NOON, 1)

    assert said("ExampleMonitor/2", "203.0.113.9") == "our monitor"
    assert said(FIREFOX, "198.51.100.20") == said(FIREFOX, "2001:db8::5") == "the office"
    assert said("Mozilla/5.0", "203.0.113.9") == "Apple Mail Privacy Protection"
    assert said(FIREFOX, "203.0.113.9") is None
    assert judge.together == JUDGE.together


@pytest.mark.parametrize(
    "text",
    [
        "speed = 1",
        "[speeed]",
        "[[networks]]\nwho = 'x'\nnetworks = ['10.0.0.1/8']",
        "[[agents]]\nwho = 'x'\nequal = ['y']",
        "[speed]\nopen_ms = 'soon'\nclick_ms = 1",
        "no toml",
    ],
)
def test_rules_that_cannot_be_meant_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bots.toml"
    file.write_text(text)

    with pytest.raises(RulesError, match=r"bots\.toml"):
        bots.load(str(file))


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"bot_rules .*nowhere.*: No such file"):
        bots.load(str(tmp_path / "nowhere"))
