"""A clock for tests: it stands until it is set."""

from pillarbox.kit.clock import Millis

NOON: Millis = 1_790_000_000_000


class StandingClock:
    """Tells `at`, which the test moves."""

    def __init__(self, at: Millis = NOON) -> None:
        self.at = at

    def now(self) -> Millis:
        return self.at
