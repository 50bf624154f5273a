"""How many examples a property is tried with: some in every run, many more where there is time for them."""

import os

_CAMPAIGN_TIMES = 20


def examples(some: int) -> int:
    return some * _CAMPAIGN_TIMES if os.environ.get("TEST_CAMPAIGN") else some
