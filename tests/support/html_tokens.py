"""What a browser makes of an HTML document, by the tokenizer of html5lib: the oracle for our own scanner."""

from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes

_START, _END = tokenTypes["StartTag"], tokenTypes["EndTag"]
_COMMENT, _DOCTYPE, _ERROR = tokenTypes["Comment"], tokenTypes["Doctype"], tokenTypes["ParseError"]
_RAW = frozenset(("style", "xmp", "iframe", "noembed", "noframes"))

Token = tuple[str, str, tuple[tuple[str, str], ...]]


def tokens(document: str) -> list[Token]:
    """Return kind, name or text, and attributes of each token; neighbouring text is one token."""
    tokenizer = HTMLTokenizer(document)
    found: list[Token] = []
    for token in tokenizer:
        kind = token["type"]
        if kind == _ERROR:
            continue
        if kind == _START:
            found.append(("start", token["name"], tuple(token["data"].items())))
            _enter(tokenizer, token["name"])
        elif kind == _END:
            found.append(("end", token["name"], ()))
        elif kind == _COMMENT:
            found.append(("comment", token["data"], ()))
        elif kind == _DOCTYPE:
            found.append(("doctype", str(token["name"]), ()))
        elif found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + token["data"], ())
        else:
            found.append(("text", token["data"], ()))
    return found


def _enter(tokenizer: HTMLTokenizer, name: str) -> None:
    """Do what the tree builder does when an element begins that holds nothing but text."""
    if name in ("title", "textarea"):
        tokenizer.state = tokenizer.rcdataState
    elif name in _RAW:
        tokenizer.state = tokenizer.rawtextState
    elif name == "script":
        tokenizer.state = tokenizer.scriptDataState
    elif name == "plaintext":
        tokenizer.state = tokenizer.plaintextState


def anchors(document: str) -> list[tuple[str, bool, str]]:
    """Return target, whether it is tracked, and tags of each `a` and `area` that has any of these."""
    found = []
    for kind, name, pairs in tokens(document):
        attributes = dict(pairs)
        if kind == "start" and name in ("a", "area") and attributes.keys() & {"href", "ses:no-track", "ses:tags"}:
            is_tracked = "ses:no-track" not in attributes
            found.append((attributes.get("href", ""), is_tracked, attributes.get("ses:tags", "")))
    return found
