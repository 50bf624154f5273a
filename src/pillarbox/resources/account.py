"""The account as a sender: its switch, its quota and what it has used of it, whom it suppresses.

Plans, and the quota as the settings give it. Called by api/ and by sending,
which refuses while the switch is off.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.resources.suppression_reasons import EVERY_REASON, Reasons
from pillarbox.store import messages, nouns
from pillarbox.store.plan import Plan

KIND = "account"
_NAME = "account"
# Clients pace themselves by 1 / MaxSendRate, so that neither 0 nor -1 may be told for "no limit".
_TOLD_FOR_NO_LIMIT = 1_000_000.0


@dataclass(slots=True, frozen=True)
class Quota:
    """What the server lets each account send in each region: recipients in 24 hours and a second.

    `max_24_hour` -1 and `max_rate` 0 (or less) stand for no limit.
    """

    max_24_hour: float
    max_rate: float
    sandbox: bool

    @property
    def told_rate(self) -> float:
        """The rate as callers are told it."""
        return self.max_rate if self.max_rate > 0 else _TOLD_FOR_NO_LIMIT


class Account(msgspec.Struct, frozen=True):
    """The standing of an account in one region; accounts exist by being used.

    `suppressed_reasons` are those for which addresses are added to its
    suppression list and kept from its mail; none switches the list off.
    """

    sending_enabled: bool = True
    suppressed_reasons: Reasons = EVERY_REASON


_read = msgspec.json.Decoder(Account).decode


def get(scope: Scope) -> Plan[Account]:
    noun = yield from nouns.get(scope, KIND, _NAME)
    return _read(noun.document) if noun else Account()


def set_sending(scope: Scope, enabled: bool, now: Millis) -> Plan[None]:
    """Pause or resume all sending of the account in this region."""
    yield from _change(scope, lambda one: msgspec.structs.replace(one, sending_enabled=enabled), now)


def set_suppressed_reasons(scope: Scope, reasons: Reasons, now: Millis) -> Plan[None]:
    """Choose for which reasons addresses are suppressed in this region."""
    yield from _change(scope, lambda one: msgspec.structs.replace(one, suppressed_reasons=reasons), now)


def sent_last_24_hours(scope: Scope, now: Millis) -> Plan[int]:
    """Return how many recipients count against the daily quota now."""
    return (yield from messages.recipients_since(scope, now - DAY))


def _change(scope: Scope, edit: Callable[[Account], Account], now: Millis) -> Plan[None]:
    if not (yield from nouns.create(scope, KIND, _NAME, _write(edit(Account())), now)):
        yield from nouns.change(scope, KIND, _NAME, lambda document: _write(edit(_read(document))), now)


def _write(account: Account) -> str:
    return msgspec.json.encode(account).decode()
