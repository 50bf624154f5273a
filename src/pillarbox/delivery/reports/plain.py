"""Reports that are written for people only, as many servers send them.

Pure. Called by read.py when a notice has no fields for programs. What can be
relied on are names of recipients at the beginning of a line, a reply code
behind or below them, and the words that servers have used for decades.
"""

import re

from pillarbox.delivery.reports.notice import Notice, addresses_in, all_of
from pillarbox.delivery.reports.phrases import BOUNCE_SUBJECT, DAEMON, DELAY, status_told_by
from pillarbox.delivery.reports.report import DeliveryReport, Fate

_MOST_LINES = 600
_MOST_RECIPIENTS = 50
_LONGEST_REPLY = 1_000
_LONGEST_LINE = 1_000

# Where the message that is returned begins, in reports that are a single text.
_RETURNED = re.compile(
    r"^-{2,}.{0,40}(?:below this line is a copy|original message|this is a copy of|returned message|"
    r"message (?:header|follows)|headers? follow|原始邮件|ursprüngliche|message d'origine).*$|"
    r"^(?:Return-Path|Received): ",
    re.I | re.M,
)
_LED = re.compile(
    r"^[\s>*•·-]*(?:(?:to|recipients?|address|final recipient|recipient address|failed recipient|user|"
    r"收件人|收信人|宛先|"
    r"could not deliver (?:the )?(?:mail|message) to)\s*[:：]?\s*)?[<\"'(\[]*(?=[A-Za-z0-9!#$%*+/?^_`{}~.-]{1,64}@)",
    re.I,
)
_CODE = re.compile(r"(?:^|[\s:(\"'#\[=<])([45]\d\d)(?:[ -]|$)(?=\s*[#(A-Za-z0-9<\[\"'{:]|$)")
_ENHANCED = re.compile(r"(?:^|[^\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


def comes_from_a_server(notice: Notice) -> bool:
    """Return whether a mail server wrote the notice, by its sender or by what only servers set."""
    if notice.first("x-failed-recipients") or notice.report_type == "delivery-status":
        return True
    return DAEMON.search(notice.first("from")[:300]) is not None


def looks_like_a_report(notice: Notice) -> bool:
    """Return whether it is worth looking for a reason in the text: a subject alone proves nothing."""
    return comes_from_a_server(notice) or BOUNCE_SUBJECT.search(notice.first("subject")[:300]) is not None


def read_plain(notice: Notice) -> DeliveryReport:
    """Return what the text says; a fate without status and reply where it could not be understood."""
    text = _own_text(notice.text)
    action = "delayed" if DELAY.search(f"{notice.first('subject')[:300]}\n{text}") else "failed"
    said = _by_recipient(text)
    named = [address for value in all_of(notice.fields, "x-failed-recipients") for address in addresses_in(value)]
    known = {address.lower() for address in said}
    said |= {address: [] for address in named if address.lower() not in known}
    if named:  # others that stand in the text are not who it failed for
        wanted = {address.lower() for address in named}
        said = {address: lines for address, lines in said.items() if address.lower() in wanted}
    whole = text.split("\n")
    fates = [_fate(action, (address,), lines, whole) for address, lines in said.items()]
    return DeliveryReport(tuple(fates[:_MOST_RECIPIENTS]) or (_fate(action, addresses_in(text), whole, whole),), None)


def _own_text(text: str) -> str:
    """Cut off the returned message, where it is part of the text."""
    found = _RETURNED.search(text)
    return text[: found.start()] if found and found.start() > 0 else text


def _by_recipient(text: str) -> dict[str, list[str]]:
    """Return the lines that belong to each recipient: from where a line begins with one to the next."""
    said: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.split("\n")[:_MOST_LINES]:
        line = line[:_LONGEST_LINE]
        led = _LED.match(line)
        if led and (found := addresses_in(line[led.end() :], 1)):
            address = found[0]
            current = said.setdefault(address, [])
            line = line[led.end() :].partition(address)[2].lstrip(" >\"')]:;,-")
        if current is not None:
            current.append(line)
    return said


def _fate(action: str, addresses: tuple[str, ...], own: list[str], whole: list[str]) -> Fate:
    """Read the reply below a recipient, or else anywhere in the text."""
    for lines in (own, whole):
        if reply := _reply(lines):
            return Fate(action, addresses, _status(reply), reply)
    for lines in (own, whole):
        if found := _by_words(lines):
            return Fate(action, addresses, *found)
    return Fate(action, addresses)


def _reply(lines: list[str]) -> str | None:
    """Return the first line with a reply code, from the code on, with the lines that carry it on."""
    for at, line in enumerate(lines[:_MOST_LINES]):
        line = line[:_LONGEST_LINE]
        found = _CODE.search(line) or _ENHANCED.search(line)
        if found is None:
            continue
        begin = found.start(1) if len(found[1]) == 3 else 0
        pieces = [line[begin:]]
        for more in lines[at + 1 : at + 4]:
            if not more.strip() or addresses_in(more, 1):
                break
            pieces.append(more[:_LONGEST_LINE])
        return " ".join(" ".join(pieces).split())[:_LONGEST_REPLY].strip(" '\">")
    return None


def _status(reply: str) -> str | None:
    if found := _ENHANCED.search(reply):
        return found[1]
    basic = reply[:1]
    if basic not in "45":
        return None
    told = status_told_by(reply)
    return f"{basic}{told[0][1:]}" if told else f"{basic}.0.0"


def _by_words(lines: list[str]) -> tuple[str, str] | None:
    text = " ".join(" ".join(lines[:_MOST_LINES]).split())
    told = status_told_by(text)
    if told is None:
        return None
    status, start, end = told
    begin = max(text.rfind(". ", 0, start) + 1, start - 200, 0)
    return status, text[begin : end + 200].strip()
