"""What SDKs say of their tries."""

import pytest

from pillarbox.edge.invocation import invocation_of
from pillarbox.sending.draft import Invocation


@pytest.mark.parametrize(
    ("said", "is_again", "ends_here"),
    [
        ("attempt=1", False, False),
        ("attempt=1; max=3", False, False),
        ("ttl=20260101T000000Z; attempt=2; max=3", True, False),
        ("attempt=3; max=3", True, True),
        ("attempt=1; max=1", False, True),
        (None, True, False),
        ("max=1", True, False),
    ],
)
def test_an_invocation_is_told_with_its_try(said: str | None, is_again: bool, ends_here: bool) -> None:
    headers = {"amz-sdk-invocation-id": "one"} | ({"amz-sdk-request": said} if said else {})
    assert invocation_of(headers, "AKIA") == Invocation("AKIA one", is_again, ends_here)


def test_a_client_that_does_not_number_its_calls_has_no_invocation() -> None:
    assert invocation_of({"amz-sdk-request": "attempt=1"}, "AKIA") is None
