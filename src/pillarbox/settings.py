"""The settings: one frozen object from a file, the environment and flags, in that order of precedence.

Touches the settings file. Called by the command line. An unknown key is an
error, so that a misspelt one is never silently without effect.
docs/settings.md tells each of them; a test compares names and defaults.
"""

import os
import re
import ssl
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pillarbox.kit import roles

PREFIX = "PILLARBOX_"
_TABLES = ("smarthost", "mx", "s3")
_SECRETS = ("access_key_id", "secret_access_key", "session_token")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STAYS_HERE = frozenset({"capture", "simulator"})

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=-1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(Exception):
    """A setting is unknown or its value is not acceptable; the message names it."""


class RouteSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[routes]]` table: mail that fits every given field goes by `transport`."""

    transport: str
    account: str = ""
    configuration_set: str = ""
    pool: str = ""
    domain: str = ""
    upstream: str = ""


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


class WarmUpSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an address that is new to the world begins; see delivery/warm_up.py."""

    warm_up_from: date | None = None
    warm_up_messages: AtLeastOne = 50
    warm_up_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30


class MxSetting(WarmUpSetting, frozen=True, forbid_unknown_fields=True):
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


class S3Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[s3]` table: from where import jobs read, which account may from which bucket, and where `bodies` may be."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"
    buckets: dict[str, str] = {}


class PoolSetting(WarmUpSetting, frozen=True, forbid_unknown_fields=True):
    """One `[pools.NAME]` table: where mail leaves from by `mx` when its configuration set names this pool."""

    source_ipv4: str = ""
    source_ipv6: str = ""
    helo: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:\[\]-]*$")] = ""


class EventsSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[upstreams.events]`: how what an upstream tells of mail comes in, by HTTP posts or through a queue."""

    topics: tuple[str, ...] = ()
    certificate_hosts: tuple[str, ...] = ()
    queue_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s]+)?$")] = ""
    republish: bool = False
    max_age_seconds: AtLeastOne = 14 * 24 * 3600


class UpstreamSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[upstreams]]` table: another SES, through which the transport `ses` delivers and whose events come back.

    `account` is the one of ours that its suppression list and its events belong to, in the same `region`.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    region: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    account: Annotated[str, msgspec.Meta(pattern=r"^(\d{12})?$")] = ""
    endpoint_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/]+)?/?$")] = ""
    ca_file: str = ""
    profile: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    fallback: str = ""
    configuration_set: str = ""
    configuration_sets: dict[str, str] = {}
    tracking: Literal["theirs", "ours"] = "theirs"
    suppression: bool = True
    events: EventsSetting | None = None
    max_send_rate: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    max_connections: AtLeastOne = 50
    connect_seconds: Seconds = 10.0
    answer_seconds: Seconds = 60.0

    def __repr__(self) -> str:
        return f"UpstreamSetting({self.name} in {self.region})"  # never the secret


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an operator can set; see docs/settings.md."""

    data: str = "pillarbox-data"
    database: Annotated[str, msgspec.Meta(pattern=r"^(sqlite:|postgres(ql)?://\S*)$")] = "sqlite:"
    database_connections: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 16
    keyring: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8025
    smtp_port: Port = 2587
    smtps_port: Port = 2465
    return_path_port: Port = 2525
    https_port: Port = 0
    operator_address: str = ""
    smtp_connections: AtLeastOne = 1000
    smtp_idle_seconds: Seconds = 300.0
    regions: tuple[str, ...] = ()
    smtp_regions: tuple[str, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""
    roles: tuple[str, ...] = roles.ALL
    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    dev: bool = False
    any_sender: bool = False
    dev_really_send: bool = False
    public_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/]+\S*)?$")] = ""
    sns_cert_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/]+\S*)?$")] = ""
    tracking_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+/?)?$")] = ""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    clamd: Annotated[str, msgspec.Meta(pattern=r"^(/[^\0]+|[A-Za-z0-9.:\[\]-]+:\d{1,5})?$")] = ""
    click_query: Literal["keep", "drop"] = "keep"
    bot_rules: str = ""
    hits_limit_bytes: AtLeastOne = 256 * 1024 * 1024
    service_domain: str = "pillarbox.localhost"
    sign_twice: bool = False
    sandbox: bool = False
    max_24_hour_send: float = -1.0
    max_send_rate: float = 0.0
    control_rate: float = 0.0
    split_recipients: bool = False
    split_recipient_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    sns_private_addresses: bool = False
    nameservers: tuple[str, ...] = ()
    dns_validates: bool = False
    bodies: Annotated[str, msgspec.Meta(pattern=r"^(store|folder:[^\0]+|s3://[a-z0-9][a-z0-9.-]+(/[^\0]*)?)$")] = (
        "store"
    )
    bodies_days: Days = 30
    history_days: Days = 180
    partition_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 7
    least_free_bytes: Annotated[int, msgspec.Meta(ge=0)] = 256 * 1024 * 1024
    metrics_token: str = ""
    sigv3: bool = False
    signature_window_seconds: int = 900
    body_limit_bytes: int = 64 * 1024 * 1024
    bodies_in_flight_bytes: int = 512 * 1024 * 1024
    log_json: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    routes: tuple[RouteSetting, ...] = ()
    smarthost: SmarthostSetting | None = None
    mx: MxSetting | None = None
    s3: S3Setting | None = None
    upstreams: tuple[UpstreamSetting, ...] = ()
    pools: dict[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")], PoolSetting] = {}

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def keyring_path(self) -> Path:
        return Path(self.keyring) if self.keyring else self.folder / "keyring.json"

    @property
    def hits_folder(self) -> Path:
        """Where opens and clicks wait for the event log."""
        return self.folder / "hits"

    @property
    def socket_path(self) -> Path:
        """The admin socket by which commands speak to a running server."""
        return self.folder / "admin.sock"


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
    _check(settings)
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


def _check(settings: Settings) -> None:
    if settings.dev and settings.host not in _LOOPBACK:
        raise SettingsError("settings: --dev accepts any secret, so it listens on loopback only; leave out `host`")
    if settings.any_sender and not settings.dev:
        raise SettingsError("settings: `any_sender` works only together with `dev`")
    if settings.dev_really_send and not settings.dev:
        raise SettingsError("settings: `dev_really_send` works only together with `dev`")
    _check_certificate(settings.tls_certificate, settings.tls_key)
    if settings.https_port and not settings.tls_certificate:
        raise SettingsError("settings: `https_port` needs a `tls_certificate` that browsers trust")
    if wrong := roles.why_not(settings.roles, settings.database):
        raise SettingsError(f"settings: roles: {wrong}")
    _check_operator(settings)
    _check_proxies(settings.trusted_proxies)
    _check_nameservers(settings.nameservers)
    _check_routes(settings)
    if settings.smarthost is not None:
        _check_smarthost(settings.smarthost)
    if settings.mx is not None:
        _check_sources("mx", settings.mx)
        _check_authorities("mx", settings.mx.ca_file)
    _check_bodies(settings.bodies, settings.s3)
    _check_upstreams(settings.upstreams)
    for name, pool in settings.pools.items():
        if not (pool.source_ipv4 or pool.source_ipv6):
            raise SettingsError(f"settings: pools.{name}: a pool needs a `source_ipv4` or a `source_ipv6`")
        _check_sources(f"pools.{name}", pool)


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


def _check_proxies(proxies: tuple[str, ...]) -> None:
    for one in proxies:
        try:
            ip_network(one)
        except ValueError as error:
            raise SettingsError(f"settings: trusted_proxies: {error}") from None


def _check_nameservers(nameservers: tuple[str, ...]) -> None:
    for one in nameservers:
        host, port = (one, "") if _is_address(one) else one.rpartition(":")[::2]
        if not _is_address(host.removeprefix("[").removesuffix("]")) or (port and not port.isdecimal()):
            raise SettingsError(f"settings: nameservers: {one!r} is neither an address nor address:port")


def _check_routes(settings: Settings) -> None:
    known = _STAYS_HERE | {"smtp", "mx", "ses"}
    for route in settings.routes:
        if route.transport not in known:
            raise SettingsError(f"settings: routes: no transport named {route.transport!r}; there are {sorted(known)}")
        if route.transport == "smtp" and settings.smarthost is None:
            raise SettingsError("settings: routes: 'smtp' needs to know where to send: add a table [smarthost]")
        if (route.transport == "ses") != bool(route.upstream):
            raise SettingsError("settings: routes: `upstream` and the transport 'ses' belong together")
        if route.upstream and route.upstream not in {one.name for one in settings.upstreams}:
            raise SettingsError(f"settings: routes: there is no table in [[upstreams]] named {route.upstream!r}")
        if route.pool and route.pool not in settings.pools:
            raise SettingsError(f"settings: routes: there is no table [pools.{route.pool}]")
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


def _check_bodies(bodies: str, s3: S3Setting | None) -> None:
    if bodies.startswith("s3:"):
        if s3 is None:
            raise SettingsError("settings: bodies: a bucket needs to know of which service: add a table [s3]")
        bucket = bodies.removeprefix("s3://").partition("/")[0]
        if bucket in s3.buckets:
            raise SettingsError(f"settings: bodies: an account may import from the bucket {bucket}: name another one")


def _check_sources(table: str, given: MxSetting | PoolSetting) -> None:
    for name, source, version in (("source_ipv4", given.source_ipv4, 4), ("source_ipv6", given.source_ipv6, 6)):
        if source and not _is_address(source, version):
            raise SettingsError(f"settings: {table}: `{name}` {source} is no address of that kind")


def _check_upstreams(upstreams: Sequence[UpstreamSetting]) -> None:
    ways = {one.name: one.fallback for one in upstreams}
    if len(ways) < len(upstreams):
        raise SettingsError("settings: upstreams: two have one name")
    for one in upstreams:
        if bool(one.access_key_id) != bool(one.secret_access_key):
            raise SettingsError(
                f"settings: upstreams: {one.name}: `access_key_id` and `secret_access_key` are given together or not at"
                " all; without them the credentials are found as the AWS SDKs find them"
            )
        _check_authorities(f"upstreams: {one.name}", one.ca_file)
        if one.events is not None:
            _check_events(one, one.events)
        seen, name = {one.name}, one.fallback
        while name:
            if name not in ways or name in seen:
                raise SettingsError(f"settings: upstreams: {one.name}: `fallback` leads to {name!r}, and no further")
            seen.add(name)
            name = ways[name]


def _check_events(upstream: UpstreamSetting, events: EventsSetting) -> None:
    here = f"settings: upstreams: {upstream.name}: events"
    if not upstream.account:
        raise SettingsError(f"{here} need to belong to somebody: give the upstream an `account`")
    if not events.topics and not events.queue_url:
        raise SettingsError(f"{here}: name the `topics` whose posts are expected, or the `queue_url` to poll")
    for topic in events.topics:
        if not topic.startswith("arn:") or topic.count(":") != 5:
            raise SettingsError(f"{here}: {topic!r} is no ARN of a topic")
    for host in events.certificate_hosts:
        if not host or "/" in host or "@" in host:
            raise SettingsError(f"{here}: `certificate_hosts` are names, or name:port; {host!r} is neither")


def _is_address(text: str, version: int = 0) -> bool:
    try:
        return ip_address(text).version in (version or 4, version or 6)
    except ValueError:
        return False


def _check_authorities(table: str, ca_file: str) -> None:
    if ca_file:
        try:
            ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            why = error.strerror or error
            raise SettingsError(f"settings: {table}: ca_file {ca_file}: {why}") from None
