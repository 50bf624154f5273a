"""The tables that a settings file may hold, and the kinds of values in them.

Pure: what one value may be; what values mean together is in rules.py. Called
by settings/everything.py, which has them as fields, and by whoever a table is for.
docs/settings.md tells each name; a test compares names and defaults.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=-1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


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
