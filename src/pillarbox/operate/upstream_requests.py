"""The requests of operators that are about other SES.

Pure but for `answer`, which works on a `Desk`. Part of operate/requests.py.
"""

from typing import Any

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.operate import upstream
from pillarbox.operate.desk import Desk


class _Request(msgspec.Struct, frozen=True, tag_field="request"):
    """A request names itself in the field `request`."""


class ListUpstreams(_Request, frozen=True, tag="upstreams.list"):
    """Answered by a list of `upstream.Seen`."""


class CheckUpstream(_Request, frozen=True, tag="upstreams.check"):
    """Answered by `upstream.Seen`."""

    name: str


class ExamineUpstream(_Request, frozen=True, tag="upstreams.doctor"):
    """Answered by a list of `chain.link.Link`; what is missing is made when it is `repairing`."""

    name: str
    sender: str = ""
    repairing: bool = False


class ProveUpstream(_Request, frozen=True, tag="upstreams.prove"):
    """Answered by `chain.proof.Proof`: a mail is on its way whose events should arrive here."""

    name: str
    sender: str


class FollowProof(_Request, frozen=True, tag="upstreams.follow"):
    """Answered by `chain.proof.Progress`; the rest is what `Proof` says."""

    name: str
    message_id: str
    sent_at: Millis


class LeastPolicy(_Request, frozen=True, tag="upstreams.policy"):
    """Answered by a policy document for the credentials, with what repairing needs if it is `repairing`."""

    name: str
    repairing: bool = False


class SetUpstreamCredentials(_Request, frozen=True, tag="upstreams.credentials.set"):
    """Answered by None."""

    name: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"SetUpstreamCredentials({self.name})"  # never the secret


class RemoveUpstreamCredentials(_Request, frozen=True, tag="upstreams.credentials.remove"):
    """Answered by None."""

    name: str


UpstreamRequest = (
    ListUpstreams
    | CheckUpstream
    | ExamineUpstream
    | ProveUpstream
    | FollowProof
    | LeastPolicy
    | SetUpstreamCredentials
    | RemoveUpstreamCredentials
)


async def answer(desk: Desk, request: UpstreamRequest) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    match request:
        case ListUpstreams():
            return await upstream.list_all(desk)
        case CheckUpstream(name):
            return await upstream.check(desk, name)
        case ExamineUpstream(name, sender, repairing):
            return await upstream.doctor(desk, name, sender, repairing=repairing)
        case ProveUpstream(name, sender):
            return await upstream.prove(desk, name, sender)
        case FollowProof(name, message_id, sent_at):
            return await upstream.follow(desk, name, message_id, sent_at)
        case LeastPolicy(name, repairing):
            return upstream.policy(desk, name, repairing=repairing)
        case SetUpstreamCredentials(name, access_key_id, secret_access_key, session_token):
            return await upstream.set_credentials(desk, name, access_key_id, secret_access_key, session_token)
        case RemoveUpstreamCredentials(name):
            return await upstream.remove_credentials(desk, name)
