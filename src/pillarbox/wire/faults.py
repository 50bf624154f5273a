"""AWS-shaped errors, independent of the protocol that will carry them.

Pure. Raised by every module of wire and by the API handlers; turned into bytes
by `serialize.fault_response`. The spellings of authentication failures follow
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pillarbox.wire.models import Service

Protocol = Literal["query", "rest-json", "json"]

AuthKind = Literal[
    "missing_credentials",
    "incomplete",
    "unknown_key",
    "mismatch",
    "expired_token",
    "denied",
]

NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})

CREDENTIALS_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


class Fault(Exception):
    """The answer is an error that the caller's SDK will recognise.

    `code` is the name on the wire; `query_code` is the name that the query
    protocol uses instead, where the two differ (`InvalidSignatureException`
    and `SignatureDoesNotMatch`, `QueueDoesNotExist` and
    `AWS.SimpleQueueService.NonExistentQueue`).
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        sender: bool = True,
        members: Mapping[str, Any] = NO_MEMBERS,
        query_code: str | None = None,
        query_status: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.sender = sender
        self.members = members
        self.query_code = query_code or code
        self.query_status = query_status or status

    def code_in(self, protocol: Protocol) -> str:
        return self.query_code if protocol == "query" else self.code

    def status_in(self, protocol: Protocol) -> int:
        return self.query_status if protocol == "query" else self.status


def modelled(service: "Service", shape_name: str, message: str, **members: Any) -> Fault:
    """Return the fault that the service's model calls `shape_name`, with its code and HTTP status.

    Raises KeyError when the model has no such error or member: a mistake of ours.
    """
    error = service.errors[shape_name]
    if unknown := members.keys() - error.shape.members.keys():
        raise KeyError(f"{shape_name} has no member {', '.join(sorted(unknown))}")
    return Fault(
        error.code,
        message,
        error.status,
        sender=error.sender,
        members=members,
        query_code=error.query_code,
        query_status=error.query_status,
    )


# kind -> name in the JSON protocols, name in the query protocol, HTTP status, text
_AUTH: dict[AuthKind, tuple[str, str, int, str]] = {
    "missing_credentials": (
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        403,
        "Missing Authentication Token",
    ),
    "incomplete": (
        "IncompleteSignatureException",
        "IncompleteSignature",
        400,
        "The request signature does not conform to AWS standards.",
    ),
    "unknown_key": (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    ),
    "mismatch": ("InvalidSignatureException", "SignatureDoesNotMatch", 403, CREDENTIALS_MISMATCH),
    "expired_token": (
        "ExpiredTokenException",
        "ExpiredToken",
        403,
        "The security token included in the request is expired",
    ),
    "denied": ("AccessDeniedException", "AccessDenied", 403, "Access denied"),
}


def auth_fault(kind: AuthKind, protocol: Protocol | None = None, text: str | None = None) -> Fault:
    """Return the failure `kind`; without `protocol` the fault still knows both of its names.

    The query services spell out the text for missing credentials in a longer
    form than the JSON ones.
    """
    code, query_code, status, usual = _AUTH[kind]
    if kind == "missing_credentials" and protocol == "query":
        usual = "Request is missing Authentication Token"
    return Fault(code, text or usual, status, query_code=query_code)
