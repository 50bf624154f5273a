"""Who provides the mailboxes of a recipient domain, and what SES calls them.

Reads what delivery has found out of mail exchangers; the domains that everybody
knows are in a table, since mail that is captured or goes to a smarthost asks
nobody. Counters are kept by domain and brought together here when they are
read, so that what is found out later is right for what was counted before.
"""

from collections.abc import Iterable

from pillarbox.kit.simulated import DOMAIN as SIMULATOR
from pillarbox.stats.names import OTHER
from pillarbox.store import pace
from pillarbox.store.plan import Plan

_DOMAINS = {
    "google": "gmail.com googlemail.com",
    "outlook": "outlook.com hotmail.com live.com msn.com hotmail.co.uk hotmail.fr hotmail.de outlook.de outlook.fr",
    "yahoo": "yahoo.com ymail.com rocketmail.com aol.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.co.jp",
    "apple": "icloud.com me.com mac.com",
    "proton": "proton.me protonmail.com pm.me",
    "gmx": "gmx.de gmx.net gmx.com gmx.at gmx.ch web.de mail.com",
    "t-online": "t-online.de",
    "orange": "orange.fr wanadoo.fr",
    "free": "free.fr",
    "mail.ru": "mail.ru inbox.ru list.ru bk.ru",
    "yandex": "yandex.ru yandex.com ya.ru",
    "qq": "qq.com foxmail.com",
    "netease": "163.com 126.com yeah.net",
    "naver": "naver.com",
    "comcast": "comcast.net",
    "zoho": "zohomail.com zoho.com",
    "fastmail": "fastmail.com fastmail.fm",
    "simulator": SIMULATOR,
}
_KNOWN = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains.split()}
_NAMES = {
    "google": "Gmail",
    "outlook": "Outlook",
    "microsoft365": "Microsoft 365",
    "yahoo": "Yahoo",
    "apple": "iCloud",
    "proton": "Proton",
    "fastmail": "Fastmail",
    "zoho": "Zoho",
    "gmx": "GMX",
    "t-online": "T-Online",
    "mail.ru": "Mail.Ru",
    "yandex": "Yandex",
    "qq": "QQ",
    "netease": "NetEase",
    "naver": "Naver",
    "comcast": "Comcast",
    "orange": "Orange",
    "free": "Free",
    "amazon": "Amazon",
    "simulator": "Mailbox simulator",
    OTHER: "Other",
}
_AT_ONCE = 400


def providers_of(domains: Iterable[str]) -> Plan[dict[str, str]]:
    """Return the provider of each domain; the domain itself where nobody knows better."""
    wanted = sorted(set(domains))
    unknown = [domain for domain in wanted if domain not in _KNOWN]
    found = {domain: _KNOWN.get(domain, domain) for domain in wanted}
    for start in range(0, len(unknown), _AT_ONCE):
        # However long ago it was found out: who provides mailboxes seldom changes.
        asked = yield from pace.providers_of(unknown[start : start + _AT_ONCE], 0)
        found.update((domain, provider) for domain, (provider, _) in asked.items() if provider)
    return found


def isp_name(provider: str) -> str:
    """Return what people call a provider."""
    return _NAMES.get(provider, provider)
