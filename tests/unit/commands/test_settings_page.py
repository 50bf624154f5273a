"""docs/settings.md names every setting with its default, and nothing else."""

import re
from pathlib import Path

import msgspec

from pillarbox.kit import roles
from pillarbox.settings import MxSetting, S3Setting, Settings, SmarthostSetting, UpstreamSetting

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def told_by_the_page(prefix: str) -> dict[str, str]:
    cells = re.findall(rf"^\| `{prefix}(\w+)` \| ([^|]+?) \|", PAGE.read_text(), re.MULTILINE)
    return {name: default.replace("`", "") for name, default in cells}


def defaults_of(settings: type[msgspec.Struct]) -> dict[str, str]:
    fields = msgspec.structs.fields(settings)
    return {field.name: told(() if field.default_factory is dict else field.default) for field in fields}


def told(default: object) -> str:
    """Return a default as the page says it."""
    if default == roles.ALL:
        return "all"
    if isinstance(default, tuple):
        return ", ".join(default) or "none"
    return default or "empty" if isinstance(default, str) else str(default).lower()


def test_the_page_tells_every_setting_and_its_default() -> None:
    assert told_by_the_page("") == defaults_of(Settings)


def test_the_page_tells_every_setting_of_the_smarthost() -> None:
    assert told_by_the_page(r"smarthost\.") == {**defaults_of(SmarthostSetting), "host": "required"}


def test_the_page_tells_every_setting_of_direct_delivery() -> None:
    assert told_by_the_page(r"mx\.") == defaults_of(MxSetting)


def test_the_page_tells_every_setting_of_import_jobs() -> None:
    required = dict.fromkeys(("endpoint", "access_key_id", "secret_access_key"), "required")
    assert told_by_the_page(r"s3\.") == {**defaults_of(S3Setting), **required}


def test_the_page_tells_every_setting_of_an_upstream() -> None:
    required = {"name": "required", "region": "required"}
    assert told_by_the_page(r"upstreams\.") == {**defaults_of(UpstreamSetting), **required}
