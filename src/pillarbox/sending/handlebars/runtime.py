"""What a template carries while it renders: output, allowances, and where it stands.

Changes only the `Run` it is given, which lives for one rendering. Made by
Template.render, used by the closures of compiler and expressions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pillarbox.sending.handlebars.errors import RenderingLimit
from pillarbox.sending.handlebars.tree import UNDEFINED
from pillarbox.sending.handlebars.values import is_nothing, is_same

MOST_STEPS = 1_000_000  # about a second of work
MOST_CHARACTERS = 10 * 1024 * 1024
DEEPEST_RUN = 120

# `#if` and its like give this to their blocks in place of a null context.
NULL_CONTEXT: dict[str, object] = {}


@dataclass(slots=True)
class Frame:
    """The `@` variables: those of one loop and, by `parent`, of the loops around it."""

    root: object
    parent: "Frame | None" = None
    key: object = UNDEFINED
    index: object = UNDEFINED
    first: object = UNDEFINED
    last: object = UNDEFINED


@dataclass(slots=True)
class Level:
    """One step of `../`."""

    context: object
    above: "Level | None"


@dataclass(slots=True)
class Bound:
    """The values of the block parameters of one block, and of the blocks around it."""

    values: tuple[object, ...]
    outer: "Bound | None"


@dataclass(slots=True)
class Scope:
    """Where a body stands. `context` is not always that of `level`: see NULL_CONTEXT."""

    context: object
    level: Level | None
    frame: Frame
    bound: Bound | None

    @property
    def this(self) -> object:
        """The context as Handlebars.js hands it on by a helper: never null."""
        return NULL_CONTEXT if is_nothing(self.context) else self.context


# A body takes, third, the level at which partials defined in it stand.
Body = Callable[["Run", Scope, Level | None], None]


@dataclass(slots=True)
class Run:
    """One rendering. Raises RenderingLimit as soon as an allowance is used up."""

    out: list[str] = field(default_factory=list)
    partials: dict[str, tuple[Body, Level | None]] = field(default_factory=dict)
    steps: int = MOST_STEPS
    room: int = MOST_CHARACTERS
    depth: int = 0

    def write(self, text: str) -> None:
        self.room -= len(text)
        if self.room < 0:
            raise RenderingLimit(f"The rendered text is longer than {MOST_CHARACTERS} characters")
        self.out.append(text)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise RenderingLimit(f"Rendering takes more than {MOST_STEPS} steps")

    def enter(self, steps: int, characters: int) -> None:
        """Begin a body: pay for its steps and for the text that stands in it."""
        self.depth += 1
        if self.depth > DEEPEST_RUN:
            raise RenderingLimit(f"Blocks and partials call each other more than {DEEPEST_RUN} deep")
        self.spend(steps)
        self.room -= characters
        if self.room < 0:
            raise RenderingLimit(f"The rendered text is longer than {MOST_CHARACTERS} characters")


def level_of(context: object, level: Level | None) -> Level | None:
    """Return the level of a body entered with `context`: a new one unless the context stays the same."""
    here = UNDEFINED if level is None else level.context
    if is_same(context, here) or (context is NULL_CONTEXT and here is None):
        return level
    return Level(context, level)
