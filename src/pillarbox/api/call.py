"""One authenticated call and what it may use.

Made by edge/gateway.py for each request; handed to every operation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Policy
from pillarbox.kit.secrets import Keyring
from pillarbox.resources.account import Quota
from pillarbox.resources.audit import audited_store
from pillarbox.resources.dedicated_ips import Pools
from pillarbox.sending.draft import Invocation
from pillarbox.sending.sender import Sender
from pillarbox.sending.verification_mail import VerificationMail
from pillarbox.store.audit import AuditRow
from pillarbox.store.engine import Store

Params = Mapping[str, Any]
Result = Mapping[str, Any]


@dataclass(slots=True, frozen=True)
class Services:
    """The parts that operations call, built by app/."""

    store: Store
    sender: Sender
    verification_mail: VerificationMail
    keyring: Keyring
    public_url: str
    service_domain: str  # of our Message-IDs
    quota: Quota
    pools: Pools
    verify_at_once: bool  # dev mode: an identity is verified when it is created
    import_buckets: Mapping[str, str] = field(default_factory=dict)  # which account may import from which bucket


class Call(msgspec.Struct, frozen=True):
    """Who calls, from where and when. `endpoint` is scheme and host as the caller signed them."""

    scope: Scope
    user_name: str
    source_ip: str
    request_id: str
    endpoint: str
    now: Millis
    services: Services
    grants: Policy | None = None  # the scope of the key; None for one that may do everything
    audit: AuditRow | None = None  # how the audit log tells what this call changes
    invocation: Invocation | None = None  # by which an SDK's second try is known

    @property
    def store(self) -> Store:
        """The store; what a call changes there is told in the audit log by the same transaction."""
        return self.services.store if self.audit is None else audited_store(self.services.store, self.audit)
