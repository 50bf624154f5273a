"""The SMTP password that belongs to an access key, as Amazon SES derives it.

Pure. A password is made of the secret and a region, so nothing more than the
secret is stored, and the password tells which region its user means. Called by
smtp_login.py, and by the command that makes keys.
https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html#smtp-credentials-convert
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

_VERSION = b"\x04"
# The algorithm signs the same words whatever the day and the message are.
_STEPS_BEFORE, _STEPS_AFTER = ("11111111",), ("ses", "aws4_request", "SendRawEmail")


def smtp_password(secret: str, region: str) -> str:
    """Return the password with which the owner of `secret` logs in to `region`."""
    key = ("AWS4" + secret).encode()
    for step in (*_STEPS_BEFORE, region, *_STEPS_AFTER):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return base64.b64encode(_VERSION + key).decode()


def region_of(password: str, secret: str, regions: Iterable[str]) -> str | None:
    """Return the region whose password of `secret` this is, or None.

    Takes the same time for every password: all regions are tried, each compared in constant time.
    """
    found = None
    for region in regions:
        if hmac.compare_digest(smtp_password(secret, region).encode(), password.encode()):
            found = region
    return found
