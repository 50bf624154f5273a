"""What AWS offers and this server does not do: refused by name, never stored without effect.

Pure. Called by the nouns and by api/ for members of a request; whole
operations are declined by api/declined.py.
"""

from collections.abc import Mapping
from typing import Any

from pillarbox.kit.errors import Invalid


class Unsupported(Invalid):
    """The value asks for something that this server does not do; nothing has changed."""


def refuse_members(params: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Raise Unsupported for the first of the named members that is given at all.

    A block that is given but empty asks for nothing, so it passes.
    """
    for member, reason in reasons.items():
        if params.get(member):
            raise Unsupported(f"{member} is not supported: {reason}")


def refuse_unless(member: str, given: object, default: object, reason: str) -> None:
    """Raise Unsupported when a member has another value than AWS's default."""
    if given is not None and given != default:
        raise Unsupported(f"{member} is not supported at any value but {default}: {reason}")
