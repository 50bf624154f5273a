"""What is known of other SES that mail leaves through: their quotas, and when they are looked at again.

Plans. Written when a quota was read (delivery/transport/ses_quota.py); read by
upkeep and by operators. They belong to the service, not to an account.
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Touch

TOPIC = "upstreams"
_SCOPE = Scope(SERVICE_ACCOUNT, "")
_QUOTA, _LIST = "upstream-quota", "upstream-list"


class Quota(msgspec.Struct, frozen=True):
    """What an upstream said of its account when it was last asked; `failure` is why it could not be.

    Rates and quotas count recipients; below 0 they are unlimited. `production` is False in the sandbox.
    """

    looked_at: Millis
    look_again_at: Millis
    max_send_rate: float = 0.0
    max_24_hour_send: float = 0.0
    sent_last_24_hours: float = 0.0
    sending_enabled: bool = True
    production: bool = True
    enforcement: str = ""
    failure: str = ""

    @property
    def is_known(self) -> bool:
        return self.max_send_rate != 0.0

    @property
    def is_used_up(self) -> bool:
        return 0 <= self.max_24_hour_send <= self.sent_last_24_hours and self.is_known


class ListState(msgspec.Struct, frozen=True):
    """How far the copy of an upstream's suppression list has come: `token` is where its next page begins.

    `round` counts whole passes; an address that was not seen in a round has left the list. `addresses` is how many
    the last round saw; `is_read` says that only those who have left are still to be taken off.
    """

    look_again_at: Millis = 0
    token: str = ""
    round: int = 1
    seen: int = 0
    is_read: bool = False
    addresses: int = 0
    looked_at: Millis = 0
    failure: str = ""


_read_quota = msgspec.json.Decoder(Quota).decode
_read_list = msgspec.json.Decoder(ListState).decode


def quota(name: str) -> Plan[Quota | None]:
    found = yield from nouns.get(_SCOPE, _QUOTA, name)
    return _read_quota(found.document) if found else None


def put_quota(name: str, seen: Quota, now: Millis) -> Plan[None]:
    yield from _put(_QUOTA, name, msgspec.json.encode(seen).decode(), now)


def list_state(name: str) -> Plan[ListState]:
    found = yield from nouns.get(_SCOPE, _LIST, name)
    return _read_list(found.document) if found else ListState()


def put_list_state(name: str, state: ListState, now: Millis) -> Plan[None]:
    yield from _put(_LIST, name, msgspec.json.encode(state).decode(), now)


def _put(kind: str, name: str, document: str, now: Millis) -> Plan[None]:
    if not (yield from nouns.create(_SCOPE, kind, name, document, now)):
        yield from nouns.change(_SCOPE, kind, name, lambda _: document, now)
    yield Touch(TOPIC)


def look_now(name: str, now: Millis) -> Plan[None]:
    """Let a suppression list be read from the beginning at once."""
    state = yield from list_state(name)
    yield from put_list_state(name, ListState(round=state.round + 1, addresses=state.addresses), now)
