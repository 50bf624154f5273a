"""Make an RFC 5322 message of the parts that a caller gave.

Pure but for the random boundaries. Called for every formatted send, so the
message is put together from bytes and not from a tree. Date and Message-ID are
not set here: delivery does that for all mail alike.
"""

import mimetypes
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.headers import encode, encode_text, write_field, write_parameter
from pillarbox.kit.mime import (
    MOST_PARTS,
    base64_lines,
    encode_text_body,
    fits_seven_bit,
    quoted_printable_binary,
    with_crlf,
)
from pillarbox.sending.draft import Attachment, Simple, Text
from pillarbox.sending.policy import InvalidMessage

# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
_SET_BY_US = frozenset(
    (
        "bcc",
        "cc",
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "subject",
        "to",
    )
)
