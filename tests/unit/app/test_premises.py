"""What operators learn of the machine from the settings."""

import pytest

from pillarbox.app.premises import premises
from pillarbox.settings import Settings


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        (Settings(tracking_url="http://track.example:8080/", public_url="https://mail.example"), "track.example"),
        (Settings(public_url="https://mail.example/pillarbox"), "mail.example"),
        (Settings(), ""),
    ],
)
def test_tracked_links_lead_to_a_host_of_their_own_or_to_that_of_the_server(settings: Settings, host: str) -> None:
    assert premises(settings).links_host == host
