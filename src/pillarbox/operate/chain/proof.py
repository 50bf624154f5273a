"""Proves the chain with a mail to the mailbox simulator, followed to its events.

Touches the far side, and the store that events come into. The mail goes
straight to the upstream's API: here, simulated addresses never leave. Its
events make a message that was witnessed, with the subject that is written here.
Called by operate/upstream.py.
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.operate.chain.far import Far
from pillarbox.store import events, quarantine
from pillarbox.store.plan import Plan
from pillarbox.store.upstream_ids import OUR_ID_TAG

RECIPIENT = "success@simulator.amazonses.com"
SUBJECT = "Pillarbox looks whether events arrive"
_OF_THE_DOCTOR = "doctor"


class Proof(msgspec.Struct, frozen=True):
    """A mail that was sent for this: the upstream calls it `message_id`."""

    message_id: str
    sent_at: Millis


class Progress(msgspec.Struct, frozen=True):
    """What has arrived of a proof; `unreadable` is why something that came since could not be read."""

    arrived: list[str]
    unreadable: list[str]

    @property
    def is_done(self) -> bool:
        """Whether the upstream has told what became of the mail, and not only that it was sent."""
        return bool(set(self.arrived) - {"Send"})


async def begin(far: Far, sender: str, configuration_set: str, now: Millis) -> Proof:
    """Send the mail, or raise FarRefused."""
    named = {"ConfigurationSetName": configuration_set} if configuration_set else {}
    text = {"Data": "This mail was sent to see whether what becomes of it is told.\n"}
    answer = await far.call(
        "ses:SendEmail",
        FromEmailAddress=sender,
        Destination={"ToAddresses": [RECIPIENT]},
        Content={"Simple": {"Subject": {"Data": SUBJECT}, "Body": {"Text": text}}},
        EmailTags=[{"Name": OUR_ID_TAG, "Value": _OF_THE_DOCTOR}],
        **named,
    )
    return Proof(answer["MessageId"], now)


def progress(upstream: str, proof: Proof) -> Plan[Progress]:
    """Return what has arrived until now."""
    told = yield from events.of_message(proof.message_id)
    kept = yield from quarantine.oldest(upstream, 10, quarantine.since(proof.sent_at))
    return Progress([row.kind for row in told], [row.why for row in kept])
