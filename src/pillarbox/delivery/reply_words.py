"""What the words of a reply say, for replies whose codes say little.

Pure: a table and one function. The words are those of large providers and of
common servers; tests/unit/delivery/replies.txt holds samples with what is
expected of each. Called by delivery/classify.py.
"""

import re
from enum import Enum


class Meaning(Enum):
    """What is the matter."""

    OTHER = "other"
    NO_SUCH_ADDRESS = "no such address"
    MAILBOX_FULL = "the mailbox is full"
    TOO_LARGE = "the message is too large"
    ATTACHMENT = "an attachment is not taken"
    CONTENT = "the content is not taken"
    SENDER_NOT_TAKEN = "who sends is not proven or not allowed"
    ADDRESS_BLOCKED = "our address is blocked"
    TOO_FAST = "too much mail or too many connections from us"
    GREYLISTED = "greylisted"
    SERVER_TROUBLE = "the far side has trouble"
    UNREACHABLE = "the far side cannot be reached"


_MAILBOX = "(user|recipient|mailbox|address|account|alias)"
# In this order: a reply about a rate may speak of spam, and one about a list of spammers always does.
_WORDS: dict[Meaning, tuple[str, ...]] = {
    Meaning.GREYLISTED: (
        r"gr[ae]y-?\s?list",
        r"postgrey",
    ),
    Meaning.MAILBOX_FULL: (
        r"over\s?-?quota",
        r"quota (is |has been )?exceeded",
        r"exceed(s|ed)? (the |its |storage |mailbox |disk )*quota",
        r"(mailbox|inbox|mail folder)( \S+)? (is )?(full|exceeds|has exceeded)",
        r"mailbox size limit",
        r"out of storage",
        r"not enough (storage|disk) space",
    ),
    Meaning.TOO_LARGE: (
        r"(message|mail|e-mail)( \S+)? (is )?too (large|big|long)",
        r"size (limit )?exceed",
        r"exceeds? (the |our |fixed |allowed )*(maximum )?(message |mail )?size",
    ),
    Meaning.ATTACHMENT: (
        r"attachment",
        r"potential security issue",
        r"banned (file|name|content)",
        r"file (type|extension)",
        r"executable",
    ),
    Meaning.TOO_FAST: (
        r"rate.?limit",
        r"unusual rate",
        r"throttl",
        r"too (fast|quick)",
        r"too (much|many) (\S+ )?(messages|mails?|e-?mails|connections|sessions|recipients|concurrent|requests)",
        r"slow down",
        r"try reducing",
        r"unexpected volume",
        r"(message|connection|sending|mail|hourly|daily|session)s?( \S+)? (limit|quota)( \S+)? (exceeded|reached)",
        r"exceeded (the |your |its )?(allowable |allowed |maximum )?(number|rate|limit|connection|message)",
        r"(concurrent|simultaneous) (\S+ )?(connection|session)",
        r"\[tss?0\d",
        r"temporarily deferred",
        r"reduce (your|the) (rate|volume)",
        r"server busy",
        r"maximum (number of )?(connections|sessions)",
        r"\(rl00\d|\(hvu:",
    ),
    Meaning.ADDRESS_BLOCKED: (
        r"(block|black|deny) ?list",
        r"spamhaus|spamcop|barracudacentral|sorbs",
        r"\bdnsbl\b|\brbl\b",
        r"blocked (using|by)",
        r"(ip|address|host|network|\])( \S+){0,3} (is |has been |was )?(blocked|banned|listed)",
        r"banned sending ip",
        r"(poor|bad|low) (\S+ )?reputation",
        r"reputation (is |of )",
        r"\bs31[45]0\b",
        r"\bip\b.{0,40}\bblock",
        r"part of their network",
        r"(reverse|ptr|rdns).{0,30}(dns|record|lookup|name|hostname)",
        r"cannot find your (reverse )?hostname",
    ),
    Meaning.SENDER_NOT_TAKEN: (
        r"\bdmarc\b|\bspf\b|\bdkim\b",
        r"unauthenticated|not authenticated",
        r"authentication (failed|required)",
        r"sender (address |domain )?(rejected|denied|unknown|not allowed|verify failed)",
        r"relay(ing)? (access )?denied",
        r"not (permitted|allowed) to relay|unable to relay",
        r"\bhelo\b",
    ),
    Meaning.NO_SUCH_ADDRESS: (
        rf"{_MAILBOX}( \S+){{0,4}} (is )?(unknown|not found|invalid|unavailable|inactive|not known)",
        rf"{_MAILBOX}( \S+){{0,4}} (is )?(disabled|suspended|deactivated|expired)",
        rf"{_MAILBOX}( \S+){{0,4}} (does(n.t| not)|not) exist",
        rf"(unknown|no such|invalid|non-?existent|not our|not a valid|disabled|inactive)( \S+){{0,2}} {_MAILBOX}",
        r"no such (person|domain)",
        r"does(n.t| not) have an? (\S+ )?account",
        r"(recipient )?address rejected|recipient rejected",
        r"no mailbox here",
        r"no longer (available|active|valid|in use|on server)",
        r"unrouteable address",
        r"(host or )?domain (name )?(not found|does not exist)",
    ),
    Meaning.CONTENT: (
        r"\bspam|unsolicited|junk",
        r"phish|malware|virus",
        r"suspicious|dangerous",
        r"content",
        r"message (was |has been |is )?(rejected|blocked)",
        r"policy reasons",
        r"complaint",
        r"\burl\b",
    ),
    Meaning.SERVER_TROUBLE: (
        r"insufficient (system )?(storage|resources|disk space)",
        r"local (error|problem)",
        r"internal (server )?error",
        r"service (is )?(temporarily |currently )?(unavailable|not available)",
        r"shutting down",
        r"not accepting (\S+ )?(messages|mail|connections)",
        r"disk full",
        r"temporary (system |server |local |lookup )?(failure|problem|error)",
        r"resources temporarily",
        r"mailbox (is )?(locked|busy)",
    ),
    Meaning.UNREACHABLE: (
        r"timed? ?out",
        r"connection (lost|refused|reset)",
        r"no route|unreachable",
        r"name service error",
    ),
}
_PATTERNS = tuple((meaning, re.compile("|".join(words), re.IGNORECASE)) for meaning, words in _WORDS.items())
# Each line of a reply repeats its codes, in the middle of what is said.
_REPEATED_CODES = re.compile(r"(\b[245]\d\d[ -])?#?\b[245]\.\d{1,3}\.\d{1,3}\b\s*")


def meaning_of_words(reply: str) -> Meaning:
    said = _REPEATED_CODES.sub("", reply)
    return next((meaning for meaning, words in _PATTERNS if words.search(said)), Meaning.OTHER)
