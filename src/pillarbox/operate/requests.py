"""The requests of operators, each a value that can be sent to a running server.

Pure but for `answer`, which works on a `Desk`. The admin socket answers with
it, and so does the command line where no server runs.
"""

from typing import Any

import msgspec

from pillarbox.kit.ids import Scope
from pillarbox.operate import (
    account_requests,
    audit,
    dead_letters,
    dns_zone,
    doctor_requests,
    history,
    identities,
    keys,
    list_requests,
    messages,
    quarantine,
    queue,
    sends,
    statistics,
    tracking,
    upstream_requests,
    user_requests,
)
from pillarbox.operate.account_requests import AccountRequest
from pillarbox.operate.desk import Desk
from pillarbox.operate.doctor_requests import DoctorRequest
from pillarbox.operate.list_requests import ListRequest
from pillarbox.operate.messages import Wanted
from pillarbox.operate.queue import What
from pillarbox.operate.statistics import Asked
from pillarbox.operate.upstream_requests import UpstreamRequest
from pillarbox.operate.user_requests import UserRequest


class _Request(msgspec.Struct, frozen=True, tag_field="request"):
    """A request names itself in the field `request`."""


class Status(_Request, frozen=True, tag="status"):
    """Where the server listens and whether it is in dev mode; answered by `ServerStatus`."""


class CreateKey(_Request, frozen=True, tag="keys.create"):
    """Answered by `keys.KeyPair`."""

    account: str
    user_name: str
    scope: str = ""


class ListKeys(_Request, frozen=True, tag="keys.list"):
    """Answered by a list of `keys.Key`."""


class RevokeKey(_Request, frozen=True, tag="keys.revoke"):
    """Answered by None."""

    key_id: str


class ListIdentities(_Request, frozen=True, tag="identities.list"):
    """Answered by a list of `identities.Sender`."""

    account: str = ""
    region: str = ""


class Vouch(_Request, frozen=True, tag="identities.vouch"):
    """Answered by `identities.Sender`."""

    name: str
    account: str
    region: str


class CheckIdentity(_Request, frozen=True, tag="identities.check"):
    """Answered by a list of `identities.Report`, one for each account and region that has the identity."""

    name: str
    account: str = ""
    region: str = ""


class AddEd25519(_Request, frozen=True, tag="identities.ed25519"):
    """Answered by `identities.Published`."""

    name: str
    account: str
    region: str


class CheckTracking(_Request, frozen=True, tag="tracking.check"):
    """Answered by `tracking.DomainReport`."""

    domain: str


class ShowTrackingKeys(_Request, frozen=True, tag="tracking.keys"):
    """Answered by keys in hex, by their numbers."""


class ShowZone(_Request, frozen=True, tag="dns.zone"):
    """Answered by `dns_zone.Zone`."""


class ListMessages(_Request, frozen=True, tag="messages"):
    """Answered by `messages.Page`."""

    wanted: Wanted


class ShowHistory(_Request, frozen=True, tag="history"):
    """Answered by `history.History`."""

    message_id: str


class ShowSend(_Request, frozen=True, tag="send"):
    """Answered by a list of one `sends.Send`, or of none when no message belongs to a send of that id."""

    send_id: str
    after: str = ""


class ListAudit(_Request, frozen=True, tag="audit"):
    """Answered by a list of `audit.Entry`."""

    account: str = ""
    most: int = 100


class ListDeadLetters(_Request, frozen=True, tag="dead-letters.list"):
    """Answered by a list of `dead_letters.DeadLetter`."""

    account: str = ""
    topic: str = ""
    most: int = 100


class ReplayDeadLetters(_Request, frozen=True, tag="dead-letters.replay"):
    """Without an id: all that fit. Answered by how many."""

    notification_id: str = ""
    account: str = ""
    topic: str = ""


class ListQuarantine(_Request, frozen=True, tag="quarantine.list"):
    """Answered by a list of `quarantine.Kept`."""

    upstream: str = ""
    most: int = 100


class ReadAgain(_Request, frozen=True, tag="quarantine.retry"):
    """Answered by how many could be read now."""

    upstream: str = ""


class ShowQueue(_Request, frozen=True, tag="queue"):
    """Answered by `queue.Queue`."""

    account: str = ""


class ListPaces(_Request, frozen=True, tag="pace.list"):
    """Answered by a list of `queue.Pace`."""


class SetPace(_Request, frozen=True, tag="pace.set"):
    """Answered by `queue.Pace`; None leaves a limit as it is."""

    hop: str
    rate: float | None
    connections: int | None
    forget: bool


class PauseMail(_Request, frozen=True, tag="queue.pause"):
    """Answered by how many deliveries wait."""

    what: What
    why: str


class ResumeMail(_Request, frozen=True, tag="queue.resume"):
    """Answered by how many deliveries go on."""

    what: What


class ShowStatistics(_Request, frozen=True, tag="stats"):
    """Answered by `statistics.Report`."""

    asked: Asked


class CountAgain(_Request, frozen=True, tag="stats.rebuild"):
    """Answered by how many events are still to be counted."""


class StillToCount(_Request, frozen=True, tag="stats.left"):
    """Answered by how many events are recorded and not yet counted."""


class CountByTag(_Request, frozen=True, tag="stats.tag"):
    """Answered by the time from which on mail is counted by the tag."""

    account: str
    region: str
    tag: str


class StopCountingByTag(_Request, frozen=True, tag="stats.untag"):
    """Answered by None."""

    account: str
    region: str
    tag: str


class RetryMail(_Request, frozen=True, tag="queue.retry"):
    """Answered by how many deliveries are tried now."""

    what: What


Request = (
    Status
    | CreateKey
    | ListKeys
    | RevokeKey
    | ListIdentities
    | Vouch
    | CheckIdentity
    | AddEd25519
    | ShowZone
    | CheckTracking
    | ShowTrackingKeys
    | ListMessages
    | ShowHistory
    | ShowSend
    | ListAudit
    | AccountRequest
    | ListRequest
    | UserRequest
    | ListDeadLetters
    | ReplayDeadLetters
    | ListQuarantine
    | ReadAgain
    | ShowQueue
    | ListPaces
    | SetPace
    | PauseMail
    | ResumeMail
    | RetryMail
    | ShowStatistics
    | CountAgain
    | StillToCount
    | CountByTag
    | StopCountingByTag
    | UpstreamRequest
    | DoctorRequest
)

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Request).decode


class ServerStatus(msgspec.Struct, frozen=True):
    """`endpoint` is empty when no server runs."""

    endpoint: str
    dev: bool


async def answer(desk: Desk, request: Request) -> Any:
    """Do what is asked and return a value that JSON can carry, or raise a Refusal."""
    if isinstance(request, AccountRequest):
        return await account_requests.answer(desk, request)
    if isinstance(request, ListRequest):
        return await list_requests.answer(desk, request)
    if isinstance(request, UpstreamRequest):
        return await upstream_requests.answer(desk, request)
    if isinstance(request, DoctorRequest):
        return await doctor_requests.answer(desk, request)
    if isinstance(request, UserRequest):
        return await user_requests.answer(desk, request)
    match request:
        case Status():
            return ServerStatus(desk.endpoint, desk.dev)
        case CreateKey(account, user_name, scope):
            return await keys.create(desk, account, user_name, scope)
        case ListKeys():
            return await keys.list_all(desk)
        case RevokeKey(key_id):
            return await keys.revoke(desk, key_id)
        case ListIdentities(account, region):
            return await identities.list_all(desk, account, region)
        case Vouch(name, account, region):
            return await identities.vouch(desk, name, account, region)
        case CheckIdentity(name, account, region):
            return await identities.check(desk, name, account, region)
        case AddEd25519(name, account, region):
            return await identities.add_ed25519(desk, name, account, region)
        case CheckTracking(domain):
            return await tracking.check(desk, domain)
        case ShowTrackingKeys():
            return await tracking.keys(desk.store, desk.keyring, desk.clock.now())
        case ShowZone():
            return await dns_zone.zone(desk)
        case ListMessages(wanted):
            return await messages.page(desk.store, wanted)
        case ShowHistory(message_id):
            return await history.of(desk.store, message_id, desk.clock.now())
        case ShowSend(send_id, after):
            send = await sends.of(desk.store, send_id, after)
            return [send] if send else []
        case ListAudit(account, most):
            return await audit.newest(desk, account, most)
        case ListDeadLetters(account, topic, most):
            return await dead_letters.list_all(desk, account, topic, most)
        case ReplayDeadLetters(notification_id, account, topic):
            return await dead_letters.replay(desk, notification_id, account, topic)
        case ListQuarantine(name, most):
            return await quarantine.list_all(desk, name, most)
        case ReadAgain(name):
            return await quarantine.read_again(desk, name)
        case ShowQueue() | ListPaces() | SetPace() | PauseMail() | ResumeMail() | RetryMail():
            return await _of_the_queue(desk, request)
        case ShowStatistics() | CountAgain() | StillToCount() | CountByTag() | StopCountingByTag():
            return await _of_statistics(desk, request)


_OfTheQueue = ShowQueue | ListPaces | SetPace | PauseMail | ResumeMail | RetryMail


async def _of_the_queue(desk: Desk, request: _OfTheQueue) -> Any:
    match request:
        case ShowQueue(account):
            return await queue.show(desk, account)
        case ListPaces():
            return await queue.paces(desk)
        case SetPace(hop, rate, connections, forget):
            return await queue.set_pace(desk, hop, rate, connections, forget=forget)
        case PauseMail(what, why):
            return await queue.pause(desk, what, why)
        case ResumeMail(what):
            return await queue.resume(desk, what)
        case RetryMail(what):
            return await queue.retry(desk, what)


_OfStatistics = ShowStatistics | CountAgain | StillToCount | CountByTag | StopCountingByTag


async def _of_statistics(desk: Desk, request: _OfStatistics) -> Any:
    match request:
        case ShowStatistics(asked):
            return await statistics.report(desk, asked)
        case CountAgain():
            return await statistics.count_again(desk)
        case StillToCount():
            return await statistics.still_to_count(desk)
        case CountByTag(account, region, tag):
            return await statistics.count_by_tag(desk, Scope(account, region), tag)
        case StopCountingByTag(account, region, tag):
            return await statistics.stop_counting_by_tag(desk, Scope(account, region), tag)
