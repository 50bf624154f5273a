"""Which roles a server may have."""

import pytest

from pillarbox.kit.roles import ALL, why_not


@pytest.mark.parametrize(
    ("roles", "database", "why"),
    [
        (ALL, "sqlite:", ""),
        (("api",), "postgresql://db/pillarbox", ""),
        (("api",), "sqlite:", "share work on one PostgreSQL"),
        (("post",), "postgresql://db/pillarbox", "there is no post; there are api, smtp"),
        ((), "postgresql://db/pillarbox", "nothing to do"),
    ],
)
def test_roles_are_known_and_divide_only_what_can_be_shared(roles: tuple[str, ...], database: str, why: str) -> None:
    assert (why in why_not(roles, database)) and bool(why) == bool(why_not(roles, database))
