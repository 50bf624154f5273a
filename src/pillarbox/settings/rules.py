"""What settings may be together: each rule says what is wrong in the words of docs/settings.md.

Opens the files of certificates, to see that they are some; touches nothing
else. Called by settings/reading.py with every value of its own kind already.
"""

import ssl
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from pillarbox.kit import roles
from pillarbox.settings.everything import Settings
from pillarbox.settings.tables import (
    EventsSetting,
    MxSetting,
    PoolSetting,
    S3Setting,
    SmarthostSetting,
    UpstreamSetting,
)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STAYS_HERE = frozenset({"capture", "simulator"})


class SettingsError(Exception):
    """A setting is unknown or its value is not acceptable; the message names it."""


def check(settings: Settings) -> None:
    """Raise SettingsError for the first rule that is broken."""
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
            files = f"tls_certificate {certificate} with tls_key {key or '(in it)'}"
            raise SettingsError(f"settings: {files}: {_why_not_read(error, 'a certificate and its key')}") from None


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
            raise SettingsError(
                f"settings: {table}: ca_file {ca_file}: {_why_not_read(error, 'certificates')}"
            ) from None


def _why_not_read(error: OSError, sought: str) -> str:
    if isinstance(error, PermissionError):
        return f"{error.strerror}: let the user that Pillarbox runs as read it"
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is that of another certificate"
    return f"{sought} in PEM are expected, and no password on them"
