"""Header fields of a message: found without changing a byte, read, and written.

Pure, and linear in the length of what it reads. Used where messages are
composed, read at acceptance and changed at delivery (RFC 5322, 2047, 2231).
"""

import binascii
import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit.errors import Invalid

# https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
LONGEST_LINE = 998
_USUAL_LINE = 76
# RFC 2047 section 2 allows 75 on a line of 76; room is left for the longest name that we write such words after.
_LONGEST_ENCODED_WORD = 75 - len("Content-Description: ")
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
EVENT_HEADERS_LIMIT = 10 * 1024

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_FOLD = re.compile(r"\r?\n")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WORDS = re.compile(r"\S+|\s+")
_ENCODED_WORD = re.compile(r"=\?([^\s?*]+)(?:\*[^\s?]*)?\?([bBqQ])\?([^\s?]*)\?=")
_BETWEEN_ENCODED_WORDS = re.compile(r"(?<=\?=)\s+(?==\?[^\s?]+\?[bBqQ]\?[^\s?]*\?=)")
# What stands for itself in a Q-encoded word at any place of a header (RFC 2047 section 5).
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_PARAMETER = re.compile(r';\s*([^\s=;"]++)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;\s]*))', re.DOTALL)
_PARAMETER_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
_LONGEST_PIECE = 50
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")
# Codecs of Python that are no charsets of mail; some of them are also slow on hostile input.
_NO_CHARSETS = frozenset(("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"))


class InvalidText(Invalid):
    """A text that cannot be put in a message as it is."""


class Field(NamedTuple):
    """One header field: its lower-case name, and where it stands (`end` is after its line break)."""

    name: str
    start: int
    value_start: int
    value_end: int
    end: int


class Head(NamedTuple):
    """The header section of a message or part.

    `body` is where the body begins. `separated` is False when no blank line
    stands between: then the section has ended because the data has, or because
    what follows is not a header field.
    """

    fields: list[Field]
    body: int
    separated: bool


def split(raw: bytes, start: int = 0, end: int | None = None) -> Head:
    """Find the header fields; lines may end in CRLF or LF."""
    end = len(raw) if end is None else end
    fields = []
    at = start
    while found := _FIELD.match(raw, at, end):
        at = found.end()
        fields.append(Field(found[1].decode("ascii").lower(), found.start(), *found.span(2), at))
    for blank in (b"\r\n", b"\n"):
        if raw.startswith(blank, at, end):
            return Head(fields, at + len(blank), True)
    return Head(fields, at, False)


@lru_cache(maxsize=256)
def contains_ascii(charset: str | None) -> bool:
    """Say whether the charset writes ASCII as ASCII does; UTF-16 and the EBCDIC family do not."""
    codec = "ascii" if charset is None else codec_for(charset)
    return codec is not None and " =\r\n".encode(codec) == b" =\r\n"


def splice(raw: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Return `raw` with the stretches from start to end replaced; they come in order and do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for start, end, text in edits:
        pieces += (raw[at:start], text)
        at = end
    pieces.append(raw[at:])
    return b"".join(pieces)


def name_of(raw: bytes, field: Field) -> str:
    """Return the name as it is written."""
    return raw[field.start : field.start + len(field.name)].decode("ascii")


def value_of(raw: bytes, field: Field) -> str:
    """Return the value unfolded, without the space around it."""
    value = raw[field.value_start : field.value_end]
    if value.isascii():
        text = value.decode("ascii")
    else:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
    if "\n" in text:
        text = _FOLD.sub("", text)
    return text.strip()


def list_headers(raw: bytes) -> list[tuple[str, str]]:
    """Return all header fields of a message, names as written and values unfolded."""
    return [(name_of(raw, field), value_of(raw, field)) for field in split(raw).fields]


def event_headers(
    headers: Sequence[tuple[str, str]], limit: int = EVENT_HEADERS_LIMIT
) -> tuple[list[tuple[str, str]], bool]:
    """Return the headers that an event has room for, and whether any were left out."""
    room = limit
    for count, (name, value) in enumerate(headers):
        room -= len(name) + 4 + (len(value) if value.isascii() else len(value.encode()))
        if room < 0:
            return list(headers[:count]), True
    return list(headers), False


@lru_cache(maxsize=256)
def codec_for(charset: str) -> str | None:
    """Return the name of Python's codec for a charset of mail, or None when there is none."""
    if not _CHARSET_NAME.fullmatch(charset):
        return None
    try:
        name = codecs.lookup(charset).name
        "".encode(name)  # refuses the codecs that are not about text
    except (LookupError, UnicodeError):
        return None
    return None if name in _NO_CHARSETS else name


def write_field(name: str, value: str) -> str:
    """Return `Name: value` with its line break, folded at white space where it is long.

    Raises InvalidText for a line break or another control character, and for
    a word too long for any line.
    """
    check_text(value, f"Header '{name}'")
    if len(name) + 2 + len(value) <= _USUAL_LINE:
        return f"{name}: {value}\r\n"
    lines: list[str] = []
    line = f"{name}:"
    has_words = False  # a line of a name or of nothing but space is legal and yet misread by some
    for word in _WORDS.findall(" " + value):
        if word.isspace():
            line += word
            continue
        if has_words and len(line) + len(word) > _USUAL_LINE:
            lines.append(line[:-1])
            line = line[-1]
        line += word
        has_words = True
    lines.append(line)
    if max(map(len, lines)) > LONGEST_LINE:
        raise InvalidText(f"Header '{name}' contains a word of more than {LONGEST_LINE} characters.")
    return "\r\n".join(lines) + "\r\n"


def check_text(text: str, what: str) -> None:
    """Raise InvalidText for what could end a header line, or hide one in an encoded word."""
    if _CONTROL.search(text):
        raise InvalidText(f"{what} contains a line break or another control character.")


def encode_text(text: str, charset: str | None, what: str) -> str:
    """Return `text` as it may stand in a header: as it is when it is ASCII, else in encoded words."""
    check_text(text, what)
    encode(text, charset, what)
    if charset is None or text.isascii():
        return text
    return " ".join(_encoded_words(text, codec_for(charset) or charset, charset))


def encode(text: str, charset: str | None, what: str) -> bytes:
    """Return `text` in a charset (None: 7-bit ASCII), or raise InvalidText; `what` names it in the reason."""
    codec = "ascii" if charset is None else codec_for(charset)
    if codec is None:
        raise InvalidText(f"Unknown charset '{charset}'.")
    try:
        return text.encode(codec)
    except UnicodeError:
        pass
    if charset is None:
        # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Content.html
        raise InvalidText(f"{what} contains characters outside of 7-bit ASCII; name the charset to send them in.")
    raise InvalidText(f"{what} contains characters that the charset '{charset}' does not have.")


def _encoded_words(text: str, codec: str, charset: str) -> list[str]:
    data = text.encode(codec)
    q_length = sum(1 if byte in _Q_PLAIN or byte == 32 else 3 for byte in data)
    b_length = (len(data) + 2) // 3 * 4
    if min(q_length, b_length) + len(charset) + 7 > _LONGEST_ENCODED_WORD and len(text) > 1:
        middle = len(text) // 2  # between characters: each word is to be complete in itself
        return [*_encoded_words(text[:middle], codec, charset), *_encoded_words(text[middle:], codec, charset)]
    if b_length <= q_length:
        return [f"=?{charset}?B?{binascii.b2a_base64(data, newline=False).decode()}?="]
    word = "".join(chr(byte) if byte in _Q_PLAIN else "_" if byte == 32 else f"={byte:02X}" for byte in data)
    return [f"=?{charset}?Q?{word}?="]


def decode_text(value: str) -> str:
    """Return an unfolded header value with its encoded words decoded; what cannot be decoded stays."""
    if "=?" not in value:
        return value
    return _ENCODED_WORD.sub(_decoded_word, _BETWEEN_ENCODED_WORDS.sub("", value))


def _decoded_word(found: re.Match[str]) -> str:
    charset, encoding, content = found.groups()
    codec = codec_for(charset)
    if codec is None:
        return found[0]
    try:
        if encoding in "bB":
            data = binascii.a2b_base64(content + "=" * (-len(content) % 4))
        else:
            data = binascii.a2b_qp(content, header=True)
        return data.decode(codec)
    except (ValueError, UnicodeError):
        return found[0]


def read_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Read `text/plain; charset=UTF-8`: the value in lower case, and its parameters by lower-case name.

    Parameters in pieces and in percent encoding (RFC 2231) are put together
    and decoded.
    """
    main, _, _ = value.partition(";")
    parameters: dict[str, str] = {}
    pieces: dict[str, dict[int, str]] = {}
    for found in _PARAMETER.finditer(value, len(main)):
        name, quoted, plain = found.groups()
        text = _QUOTED_PAIR.sub(r"\1", quoted) if quoted is not None else plain
        name, star, rest = name.lower().partition("*")
        if not star:
            parameters.setdefault(name, text)
            continue
        number = rest.rstrip("*") or "0"
        if number.isdecimal() and len(number) <= 3:
            if rest and not rest.endswith("*"):  # a piece that is not in percent encoding
                text = text.replace("%", "%25").replace("'", "%27")
            pieces.setdefault(name, {}).setdefault(int(number), text)
    for name, numbered in pieces.items():
        parameters[name] = _percent_decoded("".join(numbered[number] for number in sorted(numbered)))
    return main.strip().lower(), parameters


def _percent_decoded(text: str) -> str:
    charset, _, rest = text.partition("'")
    _, separator, content = rest.partition("'")
    if not separator:
        charset, content = "utf-8", text
    data = _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), content.encode("utf-8", "replace"))
    return data.decode(codec_for(charset) or "utf-8", "replace")


def write_parameter(name: str, text: str) -> list[str]:
    """Return `name="text"`, or for a text that does not fit so, its pieces as RFC 2231 has them."""
    if text.isascii() and len(text) <= 60:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{name}="{escaped}"']
    pieces = ["UTF-8''"]
    for byte in text.encode("utf-8"):
        if len(pieces[-1]) >= _LONGEST_PIECE:
            pieces.append("")
        pieces[-1] += chr(byte) if byte in _PARAMETER_PLAIN else f"%{byte:02X}"
    if len(pieces) == 1:
        return [f"{name}*={pieces[0]}"]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]
