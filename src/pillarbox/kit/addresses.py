"""Mailboxes, read strictly: RFC 5322 addresses within the limits that SES sets.

Pure, and linear in the length of what it reads. Called for every address of
every draft, so the two usual forms (`a@b.example`, `Name <a@b.example>`) are
read by one expression each and only the rest by the scanner.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import idna

from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import encode_text

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
MOST_CHARACTERS = 320

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ADDR_SPEC = rf"({_ATEXT}++(?:\.{_ATEXT}++)*+)@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)"
_BARE = re.compile(_ADDR_SPEC)
# A phrase without anything that has a meaning of its own; RFC 5322 section 4.1 lets dots stand in it.
_NAMED = re.compile(rf"([A-Za-z0-9!#$%&'*+/=?^_`{{|}}~. -]*+)<{_ADDR_SPEC}>")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# A quote that is never closed takes all that follows with it: looking for its end again and again would be quadratic.
_PIECE = re.compile(
    r'"(?:[^"\\]|\\.)*+(?:"|(?P<unclosed>\\?\Z))|[^\s"(),:;<>\\]++|\s++|.',
    re.DOTALL,
)
_SPACE = re.compile(r"\s")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PHRASE = re.compile(rf"{_ATEXT}++(?: {_ATEXT}++)*+")
_LOCAL_SPECIALS = frozenset('()<>,;:\\"[]')
_DOMAIN_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")


class InvalidAddress(Invalid):
    """Not a mailbox that mail can be sent to or from; the texts are those of SES where they are known."""


class Mailbox(NamedTuple):
    """A mailbox. `display_name` is without its quotes, encoded words in it are left encoded."""

    display_name: str
    local: str
    domain: str

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    def __str__(self) -> str:
        if not self.display_name:
            return self.address
        if _PHRASE.fullmatch(self.display_name):
            return f"{self.display_name} <{self.address}>"
        escaped = self.display_name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{self.address}>'


def parse_mailbox(text: str) -> Mailbox:
    """Read exactly one mailbox, or raise InvalidAddress."""
    if usual := _usual_mailbox(text) if len(text) > MOST_CHARACTERS else _known_mailbox(text):
        return usual
    mailboxes = list(_mailboxes(text))
    if len(mailboxes) != 1 or mailboxes[0] is None:
        raise InvalidAddress("Illegal address")
    return mailboxes[0]


def parse_mailbox_list(header_value: str) -> list[Mailbox]:
    """Read the unfolded value of an address header, or raise InvalidAddress.

    Groups are refused, but for an empty one: `undisclosed-recipients:;` is how
    a header says that it names nobody.
    """
    if usual := _usual_mailbox(header_value):
        return [usual]
    return [mailbox for mailbox in _mailboxes(header_value) if mailbox]


def _usual_mailbox(text: str) -> Mailbox | None:
    if (found := _BARE.fullmatch(text)) and len(text) <= MOST_CHARACTERS:
        return Mailbox("", found[1], found[2])
    if (found := _NAMED.fullmatch(text)) and found.end() - 1 - found.start(2) <= MOST_CHARACTERS:
        return Mailbox(found[1].strip(), found[2], found[3])
    return None


# A sender comes with message after message, and a message is asked for its addresses by several.
_known_mailbox = lru_cache(maxsize=4_096)(_usual_mailbox)


def in_ascii(text: str) -> str:
    """Return one mailbox as mail carries it: its name in encoded words, its domain in punycode (RFC 2047, 5891).

    What is ASCII already comes back as it is, read or not. Raises InvalidAddress for what is no mailbox.
    """
    if text.isascii():
        return text
    found = list(_split(text))
    if len(found) != 1:
        raise InvalidAddress("Illegal address")
    words, address = found[0]
    if address is None:
        return str(parse_mailbox(_domain_in_ascii("".join(words).strip())))
    name = "".join(_unquoted(word) for word in words).strip()
    mailbox = parse_mailbox(_domain_in_ascii(address))
    if name.isascii():
        return str(mailbox._replace(display_name=name))
    return f"{encode_text(name, 'UTF-8', 'Display name')} <{mailbox.address}>"


def _domain_in_ascii(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{at}{idna.encode(domain, uts46=True, std3_rules=True).decode('ascii')}"
    except idna.IDNAError:
        raise InvalidAddress("Domain contains illegal character") from None


def _mailboxes(text: str) -> Iterator[Mailbox | None]:
    """Yield what stands between the commas; None for nothing."""
    for words, address in _split(text):
        yield _mailbox(words, address)


def _split(text: str) -> Iterator[tuple[list[str], str | None]]:
    """Yield what stands between the commas: the words, and the address where it has angle brackets around it."""
    if _CONTROL.search(text):
        raise InvalidAddress("Illegal address: it contains a line break or another control character")
    pieces = _pieces(text)
    words: list[str] = []
    address: str | None = None
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        if piece == "(":
            at = _after_comment(pieces, at)
            words.append(" ")
            continue
        at += 1
        if piece == ",":
            yield words, address
            words, address = [], None
        elif piece == "<":
            if address is not None:
                raise InvalidAddress("Extra route-addr")
            address, at = _angle_address(pieces, at)
        elif piece == ":" and address is None:
            # https://www.rfc-editor.org/rfc/rfc5322#section-3.4
            if not "".join(words).strip():
                raise InvalidAddress("Illegal address: a group of addresses without a name")
            at = _after_empty_group(pieces, at)
            words, address = [], None
        elif piece in _MISPLACED:
            raise InvalidAddress(_MISPLACED[piece])
        elif address is not None and not piece.isspace():
            raise InvalidAddress("Illegal address: something stands after the '>'")
        else:
            words.append(piece)
    yield words, address


def _pieces(text: str) -> list[str]:
    pieces = []
    for found in _PIECE.finditer(text):
        if found.lastgroup == "unclosed":
            raise InvalidAddress("Missing '\"'")
        pieces.append(found[0])
    return pieces


_MISPLACED = {
    "\\": "Illegal address",
    ")": "Missing '('",
    ">": "Missing '<'",
    ";": "Illegal semicolon, not in group",
}


def _after_comment(pieces: list[str], at: int) -> int:
    depth = 0
    while at < len(pieces):
        piece = pieces[at]
        at += 1
        if piece == "\\":
            at += 1  # a quoted pair; what it quotes is no delimiter
        elif piece == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
            if depth == 0:
                return at
    raise InvalidAddress("Missing ')'")


def _after_empty_group(pieces: list[str], at: int) -> int:
    while at < len(pieces) and pieces[at].isspace():
        at += 1
    if at < len(pieces) and pieces[at] == ";":
        return at + 1
    raise InvalidAddress("Illegal address: a group of addresses is not supported")


def _angle_address(pieces: list[str], at: int) -> tuple[str, int]:
    content: list[str] = []
    while at < len(pieces):
        piece = pieces[at]
        at += 1
        if piece == ">":
            return "".join(content).strip(), at
        if piece == "<":
            break
        content.append(piece)
    raise InvalidAddress("Missing '>'")


def _mailbox(words: list[str], address: str | None) -> Mailbox | None:
    if address is None:
        bare = "".join(words).strip()
        return Mailbox("", *_addr_spec(bare)) if bare else None
    name = "".join(_unquoted(word) for word in words)
    if not name.isascii():
        # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
        raise InvalidAddress(
            "Illegal address: the display name has characters outside of ASCII; write it as an encoded word (RFC 2047)"
        )
    return Mailbox(name.strip(), *_addr_spec(address))


def _unquoted(word: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", word[1:-1]) if word.startswith('"') else word


def _addr_spec(address: str) -> tuple[str, str]:
    """Return local part and domain of `address`, or raise what is wrong with it."""
    if len(address) > MOST_CHARACTERS:
        raise InvalidAddress(f"Illegal address: it is longer than {MOST_CHARACTERS} characters")
    if not address:
        raise InvalidAddress("Empty address")
    if address.startswith('"'):
        local = _pieces(address)[0]
        if address[len(local) : len(local) + 1] not in ("", "@"):
            raise InvalidAddress("Quote not at end of local address")
        separator, domain = address[len(local) : len(local) + 1], address[len(local) + 1 :]
    else:
        local, separator, domain = address.partition("@")
    if not separator:
        raise InvalidAddress("Missing final '@domain'")
    if not local.isascii():
        # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
        raise InvalidAddress("Local address contains control or whitespace")
    if not address.startswith('"'):
        _check_dot_atom(local)
    _check_domain(domain)
    return local, domain


def _check_dot_atom(local: str) -> None:
    if not local:
        raise InvalidAddress("Missing local name")
    if _SPACE.search(local):
        raise InvalidAddress("Local address contains control or whitespace")
    if not _LOCAL_SPECIALS.isdisjoint(local):
        raise InvalidAddress("Local address contains illegal character")
    if local.startswith("."):
        raise InvalidAddress("Local address starts with dot")
    if local.endswith("."):
        raise InvalidAddress("Local address ends with dot")
    if ".." in local:
        raise InvalidAddress("Local address contains dot-dot")


def _check_domain(domain: str) -> None:
    if not domain:
        raise InvalidAddress("Missing domain")
    if _SPACE.search(domain):
        raise InvalidAddress("Domain contains control or whitespace")
    if not _DOMAIN_CHARACTERS.issuperset(domain):
        raise InvalidAddress("Domain contains illegal character")
    if domain.startswith("."):
        raise InvalidAddress("Domain starts with dot")
    if domain.endswith("."):
        raise InvalidAddress("Domain ends with dot")
    if ".." in domain:
        raise InvalidAddress("Domain contains dot-dot")
