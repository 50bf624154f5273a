"""Read the settings from a file, the environment and flags; the later of them wins.

Touches the settings file. Called by the command line. An unknown key is an
error, so that a misspelt one is never silently without effect.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pillarbox.settings.everything import Settings
from pillarbox.settings.rules import SettingsError, check

PREFIX = "PILLARBOX_"
_TABLES = ("smarthost", "mx", "s3")
_SECRETS = ("access_key_id", "secret_access_key", "session_token")
_LISTS = frozenset(field.name for field in msgspec.structs.fields(Settings) if field.type == tuple[str, ...])


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """Return the settings, or raise SettingsError naming what is wrong."""
    values: dict[str, Any] = {}
    if file is not None:
        values.update(_read(file))
    for name, text in environment.items():
        if name.startswith(PREFIX):
            _set(values, name.removeprefix(PREFIX).lower(), text)
    for name, value in flags.items():
        if value is not None:
            values[name] = value.replace(",", " ").split() if name in _LISTS and isinstance(value, str) else value
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {_in_words(str(error), environment)}") from None
    check(settings)
    return settings


def from_process(file: Path | None, **flags: Any) -> Settings:
    """Load with the environment of this process."""
    return load(file, os.environ, flags)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the settings file {file} cannot be read: it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings file {file} is not TOML: {error}") from None


def _in_words(error: str, environment: Mapping[str, str]) -> str:
    """Return what msgspec says about a value as one reads it who set it: the name of the setting first."""
    what, _, place = error.partition(" - at `$.")
    place = place.removesuffix("`")
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        name = f"{place}.{unknown[1]}" if place else unknown[1]
        variable = PREFIX + name.upper().replace(".", "_")
        given = f" ({variable} in the environment)" if variable in environment else ""
        return f"there is no setting `{name}`{given}; docs/settings.md tells those that there are"
    if missing := re.fullmatch(r"Object missing required field `(.+)`", what):
        return f"{place}: `{missing[1]}` is missing"
    if what.startswith("Expected `str` matching regex"):
        what = "this cannot be its value; docs/settings.md tells what can"
    elif what.startswith("Invalid enum value"):
        what += "; docs/settings.md tells which there are"
    return f"{place}: {what}" if place else what


def _set(values: dict[str, Any], name: str, text: str) -> None:
    """Set what the environment says; `smarthost_password` is `password` in the table `smarthost`.

    Names in a list stand between commas or spaces.
    """
    table, _, inner = name.partition("_")
    if table == "upstream" and inner:
        _set_secret(values.get("upstreams"), inner, text)
        return
    if table in _TABLES and inner:
        given = values.get(table, {})
        values[table] = {**given, inner: text} if isinstance(given, dict) else given
    else:
        values[name] = text.replace(",", " ").split() if name in _LISTS else text


def _set_secret(upstreams: Any, name: str, text: str) -> None:
    """Set a credential of the upstream that it names: `eu_west_secret_access_key` is that of `eu-west`."""
    for upstream in upstreams if isinstance(upstreams, list) else ():
        prefix = f"{upstream.get('name', '')}_".replace("-", "_")
        if name.startswith(prefix) and name.removeprefix(prefix) in _SECRETS:
            upstream[name.removeprefix(prefix)] = text
            return
    raise SettingsError(f"settings: {PREFIX}UPSTREAM_{name.upper()} names no credential of one of the `upstreams`")
