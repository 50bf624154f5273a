"""How to log in to an SMTP server, by what it offers: PLAIN, LOGIN or CRAM-MD5.

Pure. Used by smtp_connection.py.
https://www.rfc-editor.org/rfc/rfc4954
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import NamedTuple


class NoWay(Exception):
    """No way that is offered is one that we know; the text goes on after "offers"."""


class Way(NamedTuple):
    """A mechanism: what is said first, and what is answered to each challenge that follows."""

    name: str
    first: str
    answers: tuple[Callable[[str], str], ...] = ()


def way_to_log_in(offered: str, user: str, password: str) -> Way:
    """Return the first way of ours that is among those offered; NoWay when there is none."""
    names = offered.upper().split()
    if "PLAIN" in names:
        # https://www.rfc-editor.org/rfc/rfc4616#section-2
        return Way("PLAIN", f"AUTH PLAIN {_encoded(f'{chr(0)}{user}{chr(0)}{password}')}")
    if "LOGIN" in names:
        # https://datatracker.ietf.org/doc/html/draft-murchison-sasl-login-00
        return Way("LOGIN", f"AUTH LOGIN {_encoded(user)}", (lambda _: _encoded(password),))
    if "CRAM-MD5" in names:
        return Way("CRAM-MD5", "AUTH CRAM-MD5", (lambda challenge: _digest(challenge, user, password),))
    raise NoWay("none of AUTH PLAIN, AUTH LOGIN and AUTH CRAM-MD5")


def _digest(challenge: str, user: str, password: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc2195#section-2"""
    try:
        given = base64.b64decode(challenge, validate=True)
    except (binascii.Error, ValueError):
        return "*"  # ends the exchange: https://www.rfc-editor.org/rfc/rfc4954#section-4
    return _encoded(f"{user} {hmac.new(password.encode(), given, 'md5').hexdigest()}")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
