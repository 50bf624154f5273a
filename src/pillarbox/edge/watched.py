"""Credentials, judged with a memory of who failed lately.

Around the authenticator of the API and the logins of SMTP, in production; both
share one memory. Built by app/.
"""

from pillarbox.edge.authenticate import Authenticator, Caller, Presented
from pillarbox.edge.failures import Failures
from pillarbox.edge.smtp_login import HeldOff, Logins
from pillarbox.kit.clock import Millis
from pillarbox.wire import sigv3, sigv4
from pillarbox.wire.faults import Fault, Protocol
from pillarbox.wire.request import Request

_API, _SMTP = "api", "smtp"
_UNKNOWN, _WRONG = "InvalidClientTokenId", "SignatureDoesNotMatch"


class WatchedAuthenticator:
    """Refuses a key that failed too often from where it comes; else what the one inside says."""

    def __init__(self, inside: Authenticator, failures: Failures) -> None:
        self._inside = inside
        self._failures = failures

    async def present(self, request: Request, protocol: Protocol, now: Millis) -> Presented | None:
        if self._failures.has_any and self._failures.holds_off(_API, request.peer, _key_id(request)):
            raise _throttled(protocol)
        try:
            return await self._inside.present(request, protocol, now)
        except Fault as fault:
            if fault.query_code == _UNKNOWN:
                self._failures.failed(_API, request.peer, _key_id(request), "unknown")
            raise

    def prove(self, presented: Presented, request: Request) -> None:
        key_id = presented.signature.key_id
        try:
            self._inside.prove(presented, request)
        except Fault as fault:
            if fault.query_code == _WRONG:
                self._failures.failed(_API, request.peer, key_id, "wrong")
            raise
        self._failures.succeeded(request.peer, key_id)


class WatchedLogins:
    """The same for user names and passwords; HeldOff is raised for those who failed too often."""

    def __init__(self, inside: Logins, failures: Failures) -> None:
        self._inside = inside
        self._failures = failures

    async def caller(self, user: str, password: str, peer: str = "", /) -> Caller | None:
        if self._failures.holds_off(_SMTP, peer, user):
            raise HeldOff
        caller = await self._inside.caller(user, password, peer)
        if caller is None:
            self._failures.failed(_SMTP, peer, user, "wrong")
        else:
            self._failures.succeeded(peer, user)
        return caller

    async def stands(self, caller: Caller, /) -> bool:
        return await self._inside.stands(caller)


def _key_id(request: Request) -> str:
    """Return the key that a request names, or nothing when it names none in a form that can be read."""
    try:
        claim = sigv4.read_claim(request.target, request.headers) or sigv3.read_claim(request.headers)
    except Fault:
        return ""
    return claim.key_id if claim else ""


def _throttled(protocol: Protocol) -> Fault:
    text = "Rate exceeded: this access key failed too often from where you are. Wait, and look at its secret."
    if protocol == "rest-json":
        return Fault("TooManyRequestsException", text, 429)
    return Fault("ThrottlingException", text, 400, query_code="Throttling")
