"""The mailbox simulator: addresses whose fate is known beforehand.

Pure. Serves `simulator.amazonses.com` on every server, whatever the routes
say; labels (`bounce+order-17@…`) are kept. The automatic reply of `ooto` is
written by destinations/forwarding.py, which learns of the delivery.
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator
"""

from collections.abc import Mapping

from pillarbox.delivery.outcome import Delivered, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.events.types import ON_GLOBAL_LIST

_ACCEPTED = "250 2.6.0 Message received"
_FATES: Mapping[str, Outcome] = {
    "success": Delivered(_ACCEPTED),
    "ooto": Delivered(_ACCEPTED),
    "complaint": Delivered(_ACCEPTED, complaint="abuse"),
    "bounce": Refused("550 5.1.1 user unknown"),
    "suppressionlist": Refused(subtype=ON_GLOBAL_LIST),
}
_NO_SUCH_ADDRESS = Refused("550 5.1.1 the simulator knows no such address")


class SimulatorTransport:
    """Answers at once what the address stands for."""

    name = "simulator"

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        return {address: fate_of(address) for address in attempt.recipients}


def fate_of(address: str) -> Outcome:
    """Return what the simulator does with an address; case and label make no difference."""
    mailbox = address.partition("@")[0].lower().partition("+")[0]
    return _FATES.get(mailbox, _NO_SUCH_ADDRESS)
