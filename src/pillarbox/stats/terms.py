"""What a message is found by: terms of its addresses, its subject, its tags and its tenant.

`terms_of` and needles are pure, and the index knows nothing else: what fits by
needles is what the index leads to. `index` is the plan that stats/follow.py
runs for messages that are new in the log; operate/message_search.py looks.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from pillarbox.kit.headers import decode_text
from pillarbox.store import message_terms
from pillarbox.store.message_terms import TermRow, week_of
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

# What a term is of.
_TO, _FROM, _SUBJECT, _TAG, _TENANT = "r:", "f:", "s:", "t:", "n:"
_LONGEST = 200
# A subject may be a whole letter, and a message may go to many.
_MOST_WORDS, _MOST_RECIPIENTS = 20, 100
_WORD = re.compile(r"[^\W_]+")
# Tags of the service say what columns say, or are the same for all mail.
_OWN_TAGS = ("ses:", "pillarbox-")


class _Facts(msgspec.Struct):
    """What of MailFacts makes terms."""

    sender_address: str = ""
    recipients: list[str] = []
    tags: dict[str, list[str]] = {}
    tenant: str = ""


_read_facts = msgspec.json.Decoder(_Facts).decode


class Needle(NamedTuple):
    """Fits what has the term `whole`, or one that begins with one of `starts`."""

    whole: str = ""
    starts: tuple[str, ...] = ()

    def fits(self, terms: Iterable[str]) -> bool:
        return any(term == self.whole or (self.starts and term.startswith(self.starts)) for term in terms)


def index(messages: Iterable[MessageRow]) -> Plan[None]:
    """Let messages be found by their terms."""
    rows = []
    for message in messages:
        account, region, at, message_id = message.account, message.region, message.accepted_at, message.message_id
        week_at = week_of(at)
        rows += [TermRow(week_at, account, region, term, at, message_id) for term in terms_of(message)]
    if rows:
        yield from message_terms.add(rows)


def terms_of(message: MessageRow) -> set[str]:
    """Return all terms of a message."""
    facts = _read_facts(message.mail)
    found = {*_of_sender(facts.sender_address), *_of_subject(message.subject)}
    for address in facts.recipients[:_MOST_RECIPIENTS]:
        found.update(recipient_terms(address))
    for name, values in facts.tags.items():
        if not name.startswith(_OWN_TAGS):
            found.update([_term(_TAG, f"{name}={value}") for value in values])
    if facts.tenant:
        found.add(_term(_TENANT, facts.tenant))
    return found


def recipient_terms(address: str) -> Sequence[str]:
    """Return the terms that are of this recipient alone."""
    return _of_address(_TO, address)


def to_needles(text: str) -> list[Needle]:
    """Return what fits recipients whose address, domain, or a word before the `@`, begins with each of these words."""
    return [_address_needle(_TO, word) for word in text.casefold().split()]


def from_needles(text: str) -> list[Needle]:
    """The same for the sender."""
    return [_address_needle(_FROM, word) for word in text.casefold().split()]


def subject_needles(text: str) -> list[Needle]:
    """Return what fits subjects that have words which begin with each of these."""
    words = [Needle(starts=(_term(_SUBJECT, word),)) for word in _words(text)]
    return words or [Needle()]  # without a word in it nothing fits


def tag_needles(text: str) -> list[Needle]:
    """Return what fits messages with the tag: `name=value`, or `name` whatever its value."""
    return [Needle(_term(_TAG, text)) if "=" in text else Needle(starts=(_term(_TAG, text + "="),))]


def tenant_needles(tenant: str) -> list[Needle]:
    return [Needle(_term(_TENANT, tenant))]


# Many messages come from one sender, and with one subject.
@lru_cache(maxsize=1024)
def _of_sender(address: str) -> Sequence[str]:
    return _of_address(_FROM, address)


@lru_cache(maxsize=1024)
def _of_subject(subject: str) -> Sequence[str]:
    return [_term(_SUBJECT, word) for word in _words(decode_text(subject))[:_MOST_WORDS]]


def _of_address(kind: str, address: str) -> Sequence[str]:
    local, _, domain = address.casefold().rpartition("@")
    words = _words(local)[1:]  # with the first the address begins
    return [_term(kind, part) for part in (f"{local}@{domain}", f"@{domain}", *words)]


def _address_needle(kind: str, word: str) -> Needle:
    starts = (word,) if "@" in word else (word, f"@{word}")
    return Needle(starts=tuple(_term(kind, start) for start in starts))


def _term(kind: str, text: str) -> str:
    return (kind + text)[:_LONGEST].replace("\0", "")


def _words(text: str) -> Sequence[str]:
    return list(dict.fromkeys(_WORD.findall(text.casefold())))
