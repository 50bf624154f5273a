"""JSON as it comes from outside, read fast where it is as the standard has it.

Pure. Called by sns.py and read.py for what is posted and for what is wrapped in it.
"""

import json
from typing import Any

import msgspec

_read_strictly = msgspec.json.Decoder().decode


def read_json(text: str | bytes) -> Any:
    """Return what a text holds, or raise ValueError or RecursionError.

    What only Python's own reader takes (half a surrogate pair, NaN) is left to it.
    """
    try:
        return _read_strictly(text)
    except (ValueError, RecursionError):
        return json.loads(text)
