"""The log: one line per fact, the same keys everywhere.

Called by app/ once at start. No message bodies, no secrets; a reason that a
person can act on belongs in the key `why`.
"""

import logging
import sys
from typing import Any, TextIO

import structlog


def configure(*, as_json: bool, level: str = "info", stream: TextIO = sys.stderr) -> None:
    """Send log lines to `stream`, as JSON for machines or in columns for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=20)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def named(part: str) -> Any:
    """Return the logger of one part of the program; its name is in every line."""
    return structlog.get_logger(part=part)
