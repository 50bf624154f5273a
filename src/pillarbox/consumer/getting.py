"""A small HTTPS getter for those who bring none.

Touches the network. Used by verify.py for certificates and by endpoint.py to
confirm subscriptions; follows no redirects, so that a permitted host cannot
lead anywhere else.
"""

import urllib.request
from collections.abc import Callable
from typing import Any

Get = Callable[[str], bytes]
"""Returns the body behind an https URL; raises OSError when there is none."""

_LONGEST = 64 * 1024
_TIMEOUT_SECONDS = 10.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def https_get(url: str) -> bytes:
    """Return at most 64 KiB of what is behind an https URL; OSError when it is not answered with success."""
    if not url.startswith("https://"):
        raise OSError(f"not an https URL: {url[:200]}")
    with _opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
        body: bytes = answer.read(_LONGEST)
        return body
