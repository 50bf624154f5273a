"""What one of several servers may do. Pure. Used by the settings, which default to all of it."""

from collections.abc import Sequence

ALL = ("api", "smtp", "tracking", "delivery", "events", "dashboard")


def why_not(roles: Sequence[str], database: str) -> str:
    """Return why a server on this database cannot have these roles; empty when it can."""
    if unknown := sorted({*roles} - {*ALL}):
        return f"there is no {', '.join(unknown)}; there are {', '.join(ALL)}"
    if not roles:
        return f"a server without any has nothing to do; there are {', '.join(ALL)}"
    if {*roles} != {*ALL} and database.startswith("sqlite:"):
        return (
            "servers share work on one PostgreSQL (`database`); nobody else would do the rest on the embedded store,"
            " where `workers` use more of the machine"
        )
    return ""
