"""Prints docs/commands.md: every command with what it takes, told by the commands themselves.

Imports every module of commands/. Run as `python -m pillarbox.commands.page`; a
test keeps the page true.
"""

import re
import sys
from collections.abc import Iterator

from cyclopts import App, Argument

from pillarbox.commands.tree import below, build

_OPENING = """# Commands

Printed by `make docs` from the code; `pillarbox COMMAND --help` tells more. Commands speak with the running server by
the socket in its data folder (`--data`, or `PILLARBOX_DATA`); where none runs most of them open the store themselves,
with the settings of `--config`. What stands in brackets may be left out. An error is one line that says what to do, and
the exit code is 1.
"""
# What every command takes.
_PLACE = frozenset({"--data", "--config", "*"})


def page() -> str:
    """Return docs/commands.md."""
    return _OPENING + "".join(_told(build(), "pillarbox"))


def _told(app: App, name: str) -> Iterator[str]:
    single = [(word, one) for word, one in below(app) if not dict(below(one))]
    if single:
        yield f"\n## {name.removeprefix('pillarbox ')}\n\n" if name != "pillarbox" else "\n"
        yield "| command | what it does |\n| --- | --- |\n"
        yield from (_row(f"{name} {word}", one) for word, one in single)
    seen = set()
    for word, one in below(app):
        if dict(below(one)) and id(one) not in seen:
            seen.add(id(one))
            yield from _told(one, f"{name} {word}")


def _row(name: str, one: App) -> str:
    taken = [argument for argument in one.assemble_argument_collection() if argument.name not in _PLACE]
    words = " ".join([name, *(_word(argument) for argument in taken if argument.show)])
    summary = re.sub(r"\s+", " ", one.help.split("\n\n")[0]).strip()
    return f"| `{words}` | {summary} |\n"


def _word(argument: Argument) -> str:
    """Return a parameter as one writes it."""
    word = argument.name
    if word.startswith("-") and argument.hint not in (bool, bool | None):
        word += " …"
    return word if argument.required else f"[{word}]"


if __name__ == "__main__":
    sys.stdout.write(page())
