"""The settings: one frozen object from a file, the environment and flags, in that order of precedence.

Touches the settings file. Called by the command line. An unknown key is an
error, so that a misspelt one is never silently without effect.
docs/settings.md is printed from the docstrings here.
"""

import os
import ssl
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

PREFIX = "PILLARBOX_"
_TABLES = ("smarthost", "mx")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STAYS_HERE = frozenset({"capture", "simulator"})

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(Exception):
    """A setting is unknown or its value is not acceptable; the message names it."""


class RouteSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[routes]]` table: mail that fits every given field goes by `transport`."""

    transport: str
    account: str = ""
    configuration_set: str = ""
    domain: str = ""


class SmarthostSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[smarthost]` table: where the transport `smtp` hands mail over.

    The times are those of RFC 5321 section 4.5.3.2.
    """

    host: Annotated[str, msgspec.Meta(pattern=r"^[^\s@/]+$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    tls: Literal["none", "starttls", "starttls-required", "tls"] = "starttls-required"
    verify: bool = True
    ca_file: str = ""
    user: str = ""
    password: str = ""
    password_without_tls: bool = False
    helo: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:\[\]-]*$")] = ""
    max_connections: AtLeastOne = 20
    messages_per_connection: AtLeastOne = 100
    idle_seconds: Seconds = 60.0
    connect_seconds: Seconds = 30.0
    command_seconds: Seconds = 300.0
    data_seconds: Seconds = 120.0
    block_seconds: Seconds = 180.0
    done_seconds: Seconds = 600.0

    def __repr__(self) -> str:
        return f"SmarthostSetting({self.host}:{self.port})"  # never the password


class MxSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[mx]` table: how the transport `mx` sends mail to the mail exchangers of its recipients.

    The times are those of RFC 5321 section 4.5.3.2.
    """

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 25
    helo: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:\[\]-]*$")] = ""
    source_ipv4: str = ""
    source_ipv6: str = ""
    families: Literal["both", "ipv4", "ipv6"] = "both"
    own: tuple[str, ...] = ()
    private_addresses: bool = False
    mta_sts: bool = True
    ca_file: str = ""
    max_connections: AtLeastOne = 5
    messages_per_connection: AtLeastOne = 50
    idle_seconds: Seconds = 5.0
    hosts_seconds: Seconds = 120.0
    connect_seconds: Seconds = 30.0
    command_seconds: Seconds = 300.0
    data_seconds: Seconds = 120.0
    block_seconds: Seconds = 180.0
    done_seconds: Seconds = 600.0

    @property
    def versions(self) -> frozenset[int]:
        """The versions of the Internet protocol by which mail may leave."""
        return frozenset({"both": {4, 6}, "ipv4": {4}, "ipv6": {6}}[self.families])


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an operator can set; see docs/settings.md."""

    data: str = "pillarbox-data"
    database: str = "sqlite:"
    keyring: str = ""
    host: str = "127.0.0.1"
    port: int = 8025
    smtp_port: int = 2587
    smtps_port: int = 2465
    return_path_port: int = 2525
    operator_address: str = ""
    smtp_connections: AtLeastOne = 1000
    smtp_idle_seconds: Seconds = 10.0
    regions: tuple[str, ...] = ()
    smtp_regions: tuple[str, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""
    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    dev: bool = False
    any_sender: bool = False
    dev_really_send: bool = False
    public_url: str = ""
    sns_cert_url: str = ""
    tracking_url: str = ""
    service_domain: str = "pillarbox.localhost"
    sign_twice: bool = False
    sandbox: bool = False
    max_24_hour_send: float = -1.0
    max_send_rate: float = 0.0
    split_recipients: bool = False
    split_recipient_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    sns_private_addresses: bool = False
    nameservers: tuple[str, ...] = ()
    dns_validates: bool = False
    metrics_token: str = ""
    sigv3: bool = False
    signature_window_seconds: int = 900
    body_limit_bytes: int = 64 * 1024 * 1024
    bodies_in_flight_bytes: int = 512 * 1024 * 1024
    log_json: bool = False
    log_level: str = "info"
    routes: tuple[RouteSetting, ...] = ()
    smarthost: SmarthostSetting | None = None
    mx: MxSetting | None = None

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
            _set(values, name.removeprefix(PREFIX).lower(), text)
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


def _set(values: dict[str, Any], name: str, text: str) -> None:
    """Set what the environment says; `smarthost_password` is `password` in the table `smarthost`."""
    table, _, inner = name.partition("_")
    if table in _TABLES and inner:
        given = values.get(table, {})
        values[table] = {**given, inner: text} if isinstance(given, dict) else given
    else:
        values[name] = text


def _check(settings: Settings) -> None:
    if settings.dev and settings.host not in _LOOPBACK:
        raise SettingsError("settings: --dev accepts any secret, so it listens on loopback only; leave out `host`")
    if settings.any_sender and not settings.dev:
        raise SettingsError("settings: `any_sender` works only together with `dev`")
    if settings.dev_really_send and not settings.dev:
        raise SettingsError("settings: `dev_really_send` works only together with `dev`")
    _check_certificate(settings.tls_certificate, settings.tls_key)
    _check_operator(settings)
    _check_routes(settings)
    if settings.smarthost is not None:
        _check_smarthost(settings.smarthost)
    if settings.mx is not None:
        _check_mx(settings.mx)


def _check_certificate(certificate: str, key: str) -> None:
    if key and not certificate:
        raise SettingsError("settings: `tls_key` belongs to a `tls_certificate`, and there is none")
    if certificate:
        try:
            # With a password OpenSSL asks nobody for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, password="")
        except OSError as error:
            why = error.strerror or error
            raise SettingsError(
                f"settings: tls_certificate {certificate} with tls_key {key or '(in it)'}: {why}"
            ) from None


def _check_operator(settings: Settings) -> None:
    address = settings.operator_address
    local_part, _, domain = address.rpartition("@")
    if address and not (local_part and domain and address.isascii() and address.isprintable() and " " not in address):
        raise SettingsError(f"settings: operator_address {address!r} is no address")
    if f".{domain}".lower().endswith(f".{settings.service_domain}".lower()):
        raise SettingsError(
            "settings: operator_address is mail to this server itself; give a mailbox that people read elsewhere"
        )


def _check_routes(settings: Settings) -> None:
    known = _STAYS_HERE | {"smtp", "mx"}
    for route in settings.routes:
        if route.transport not in known:
            raise SettingsError(f"settings: routes: no transport named {route.transport!r}; there are {sorted(known)}")
        if route.transport == "smtp" and settings.smarthost is None:
            raise SettingsError("settings: routes: 'smtp' needs to know where to send: add a table [smarthost]")
        if settings.dev and not settings.dev_really_send and route.transport not in _STAYS_HERE:
            raise SettingsError(
                f"settings: routes: {route.transport!r} would send mail from dev mode, where every program on this"
                " machine may send as anybody; if that is what you want, add --dev-really-send"
            )


def _check_smarthost(smarthost: SmarthostSetting) -> None:
    if smarthost.password_without_tls and smarthost.host not in _LOOPBACK:
        raise SettingsError("settings: smarthost: `password_without_tls` works only with a `host` on loopback")
    if smarthost.user and smarthost.tls == "none" and not smarthost.password_without_tls:
        raise SettingsError("settings: smarthost: a password is sent only over TLS; choose another `tls` than 'none'")
    if bool(smarthost.user) != bool(smarthost.password):
        raise SettingsError(
            "settings: smarthost: `user` and `password` (PILLARBOX_SMARTHOST_PASSWORD) are given together or not at all"
        )
    _check_authorities("smarthost", smarthost.ca_file)


def _check_mx(mx: MxSetting) -> None:
    for name, source, version in (("source_ipv4", mx.source_ipv4, 4), ("source_ipv6", mx.source_ipv6, 6)):
        if source and not _is_address(source, version):
            raise SettingsError(f"settings: mx: `{name}` {source} is no address of that kind")
    _check_authorities("mx", mx.ca_file)


def _is_address(text: str, version: int) -> bool:
    try:
        return ip_address(text).version == version
    except ValueError:
        return False


def _check_authorities(table: str, ca_file: str) -> None:
    if ca_file:
        try:
            ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            why = error.strerror or error
            raise SettingsError(f"settings: {table}: ca_file {ca_file}: {why}") from None
