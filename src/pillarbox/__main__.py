"""The command line: how each command ends.

Run as `pillarbox` or `python -m pillarbox`; commands/tree.py says which command
is where. An error is one line that says what to do, and exit code 1.
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError, UnusedCliTokensError

from pillarbox.commands.reach import EXPECTED
from pillarbox.commands.system_errors import in_words
from pillarbox.commands.tree import build, read_what_is_asked_for
from pillarbox.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        app = build()
        read_what_is_asked_for(app, sys.argv[1:] if arguments is None else arguments)
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        asked = " ".join(("pillarbox", *(error.command_chain or ())))
        return _fail(f"{_what_is_wrong(error)} See `{asked} --help`.")
    except (SettingsError, *EXPECTED) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a folder that cannot be made, a file that may not be read
        return _fail(in_words(error))
    return 0


def _what_is_wrong(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"Unknown: {' '.join(error.unused_tokens or ())}."
    return " ".join(str(error).split())


def _fail(reason: str) -> int:
    print(f"pillarbox: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
