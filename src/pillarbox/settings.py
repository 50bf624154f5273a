"""The settings: one frozen object from a file, the environment and flags, in that order of precedence.

Touches the settings file. Called by the command line. An unknown key is an
error, so that a misspelt one is never silently without effect.
docs/settings.md is printed from the docstrings here.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

PREFIX = "PILLARBOX_"


class SettingsError(Exception):
    """A setting is unknown or its value is not acceptable; the message names it."""


class RouteSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[routes]]` table: mail that fits every given field goes by `transport`."""

    transport: str
    account: str = ""
    configuration_set: str = ""
    domain: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an operator can set; see docs/settings.md."""

    data: str = "pillarbox-data"
    database: str = "sqlite:"
    keyring: str = ""
    host: str = "127.0.0.1"
    port: int = 8025
    smtp_port: int = 2587
    smtps_port: int = 2465
    smtp_connections: int = 1000
    smtp_idle_seconds: float = 10.0
    smtp_regions: tuple[str, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""
    dev: bool = False
    any_sender: bool = False
    public_url: str = ""
    sns_cert_url: str = ""
    service_domain: str = "pillarbox.localhost"
    sandbox: bool = False
    max_24_hour_send: float = -1.0
    max_send_rate: float = 0.0
    sns_private_addresses: bool = False
    metrics_token: str = ""
    sigv3: bool = False
    signature_window_seconds: int = 900
    body_limit_bytes: int = 64 * 1024 * 1024
    bodies_in_flight_bytes: int = 512 * 1024 * 1024
    log_json: bool = False
    log_level: str = "info"
    routes: tuple[RouteSetting, ...] = ()

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def keyring_path(self) -> Path:
        return Path(self.keyring) if self.keyring else self.folder / "keyring.json"

    @property
    def socket_path(self) -> Path:
        """The admin socket by which commands speak to a running server."""
        return self.folder / "admin.sock"


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """Return the settings, or raise SettingsError naming what is wrong."""
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values.update(tomllib.loads(file.read_text()))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{file}: {error}") from None
    for name, text in environment.items():
        if name.startswith(PREFIX):
            values[name.removeprefix(PREFIX).lower()] = text
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {error}") from None
    _check(settings)
    return settings


def from_process(file: Path | None, **flags: Any) -> Settings:
    """Load with the environment of this process."""
    return load(file, os.environ, flags)


def _check(settings: Settings) -> None:
    if settings.dev and settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError("settings: --dev accepts any secret, so it listens on loopback only; leave out `host`")
    if settings.any_sender and not settings.dev:
        raise SettingsError("settings: `any_sender` works only together with `dev`")
    known = {"capture", "simulator"}
    for route in settings.routes:
        if route.transport not in known:
            raise SettingsError(f"settings: routes: no transport named {route.transport!r}; there are {sorted(known)}")
