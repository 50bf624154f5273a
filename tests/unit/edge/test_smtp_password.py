"""SMTP passwords are those that Amazon's own script makes of a secret key."""

import pytest

from pillarbox.edge.smtp_password import region_of, smtp_password
from pillarbox.kit.ids import REGIONS

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KNOWN = {
    "us-east-1": "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9",
    "eu-west-1": "BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk",
}


@pytest.mark.parametrize(("region", "password"), KNOWN.items())
def test_a_password_is_derived_from_secret_and_region(region: str, password: str) -> None:
    assert smtp_password(SECRET, region) == password


@pytest.mark.parametrize(("region", "password"), KNOWN.items())
def test_a_password_tells_its_region(region: str, password: str) -> None:
    assert region_of(password, SECRET, REGIONS) == region


@pytest.mark.parametrize("password", ["", SECRET, KNOWN["us-east-1"][:-1], KNOWN["us-east-1"].lower(), "pässword"])
def test_nothing_else_is_a_password(password: str) -> None:
    assert region_of(password, SECRET, REGIONS) is None


def test_a_region_that_the_server_does_not_know_has_no_password() -> None:
    assert region_of(smtp_password(SECRET, "moon-1"), SECRET, REGIONS) is None
    assert region_of(smtp_password(SECRET, "moon-1"), SECRET, (*REGIONS, "moon-1")) == "moon-1"
