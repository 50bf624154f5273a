"""docs/settings.md names every setting with its default, and nothing else."""

import re
from pathlib import Path

import msgspec

from pillarbox.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
WORDS = {"": "empty", (): "none"}


def test_the_page_tells_every_setting_and_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE.read_text(), re.MULTILINE))
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    assert told == {
        name: WORDS.get(default) or str(default).lower() if not isinstance(default, str) else default or "empty"
        for name, default in defaults.items()
    }
