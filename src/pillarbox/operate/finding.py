"""What the doctor says of one thing.

Pure. Made by the rooms of the doctor, shown by the command line and the dashboard.
"""

import msgspec

# From good to bad: `unknown` could not be found out, `warning` works and will not for long or not for everybody.
OK, UNKNOWN, WARNING, WRONG = STATES = ("ok", "unknown", "warning", "wrong")


class Finding(msgspec.Struct, frozen=True):
    """How one thing is (`state`, one of STATES), what was found, and how it is repaired.

    `account` is whose it is; empty for what is the server's.
    """

    about: str
    state: str
    found: str
    remedy: str = ""
    account: str = ""
