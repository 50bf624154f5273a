"""Records as a zone file writes them.

Pure. Called by the commands that print what is to be published.
https://www.rfc-editor.org/rfc/rfc1035#section-5
"""

# https://www.rfc-editor.org/rfc/rfc1035#section-3.3 (the longest string of a TXT record)
_LONGEST_STRING = 255


def zone_line(name: str, kind: str, value: str) -> str:
    """Return one line of a zone file."""
    match kind:
        case "TXT":
            shown = " ".join(_quoted(value[start : start + _LONGEST_STRING]) for start in _starts(value))
        case "MX" | "CNAME":
            shown = f"{value}."
        case _:
            shown = value
    return f"{name}. IN {kind} {shown}"


def _starts(value: str) -> range:
    return range(0, max(len(value), 1), _LONGEST_STRING)


def _quoted(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'
