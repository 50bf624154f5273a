"""The requests of operators to the doctor.

Pure but for `answer`, which works on a `Desk`. Part of operate/requests.py.
"""

from typing import Any

import msgspec

from pillarbox.kit.ids import Scope
from pillarbox.operate.desk import Desk


class Examine(msgspec.Struct, frozen=True, tag_field="request", tag="doctor.examine"):
    """`part` is one of `doctor.PARTS`. Answered by a list of `finding.Finding`."""

    part: str


class ProveEvents(msgspec.Struct, frozen=True, tag_field="request", tag="doctor.prove"):
    """Answered by `doctor_events.Proof`: a mail is on its way whose events are to be told."""

    account: str
    region: str
    sender: str
    configuration_set: str = ""


class FollowEvents(msgspec.Struct, frozen=True, tag_field="request", tag="doctor.follow"):
    """Answered by `doctor_events.Progress`."""

    message_id: str


DoctorRequest = Examine | ProveEvents | FollowEvents


async def answer(desk: Desk, request: DoctorRequest) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    from pillarbox.operate import doctor, doctor_events  # certificates and sending: commands start without them

    match request:
        case Examine(part):
            return await doctor.examine(desk, part)
        case ProveEvents(account, region, sender, configuration_set):
            return await doctor_events.prove(desk, Scope(account, region), sender, configuration_set)
        case FollowEvents(message_id):
            return await desk.store.read(doctor_events.progress, message_id)
