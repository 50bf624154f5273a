"""Everything that an operator can set, in one frozen object.

Pure. Made by settings/reading.py, given to app/ when it puts the server
together; the tables within are in tables.py. docs/settings.md tells each
name; a test compares names and defaults.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from pillarbox.kit import roles
from pillarbox.settings.tables import (
    AtLeastOne,
    Days,
    MxSetting,
    PoolSetting,
    Port,
    RouteSetting,
    S3Setting,
    Seconds,
    SmarthostSetting,
    UpstreamSetting,
)


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
