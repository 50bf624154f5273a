"""Tell which operation of which service a request asks for.

Pure. Rest-json (sesv2) goes by method and path, json 1.0 (sqs) by X-Amz-Target,
query by `Action`, whatever the method. Called by edge/gateway.py.
"""

from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote_to_bytes

from pillarbox.wire import form
from pillarbox.wire.faults import Fault, Protocol, auth_fault
from pillarbox.wire.models import Operation, Service, load
from pillarbox.wire.request import Request

REST_PREFIX = "/v2/email"

# What clients sign as; `email` is SES's host name, which some old ones use instead.
SIGNED_AS = {"ses": ("ses", "sesv2"), "email": ("ses", "sesv2"), "sns": ("sns",), "sqs": ("sqs",), "sts": ("sts",)}

# Releases of SES moved these paths; clients on either side of the move are served.
MOVED_PATHS = {
    "ListEmailIdentities": (("GET", "/v2/email/identities"), ("POST", "/v2/email/list-identities")),
    "ListConfigurationSets": (
        ("GET", "/v2/email/configuration-sets"),
        ("POST", "/v2/email/list-configuration-sets"),
    ),
}


@dataclass(slots=True)
class Routed:
    """Where a request goes; `labels` are decoded, `form` is there for the query protocol only."""

    service: Service
    operation: Operation
    protocol: Protocol
    labels: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)


def protocol_of(target: str, headers: dict[str, str]) -> Protocol:
    """Tell from the head of a request how it and its errors are spelled."""
    if target.startswith(REST_PREFIX):
        return "rest-json"
    return "json" if "x-amz-target" in headers else "query"


def service_of(protocol: Protocol, signing_name: str | None) -> Service | None:
    """Tell the service before the body is read, or None; good enough for an error's envelope."""
    if protocol == "rest-json":
        return load().service("sesv2")
    if protocol == "json":
        return load().service("sqs")
    names = SIGNED_AS.get(signing_name or "", ())
    return load().service(names[0]) if names else None


def route(request: Request, signing_name: str | None) -> Routed:
    """Find the operation, or raise the fault that AWS gives for a request that names none.

    A request signed for another service than the one it asks is refused as
    SignatureDoesNotMatch.
    """
    protocol = protocol_of(request.target, request.headers)
    if protocol == "rest-json":
        routed = _route_rest(request)
    elif protocol == "json":
        routed = _route_json(request.headers["x-amz-target"])
    else:
        routed = _route_query(request, signing_name)
    if signing_name is not None and routed.service.name not in SIGNED_AS.get(signing_name, ()):
        text = f"Credential should be scoped to correct service: '{routed.service.signing_name}'."
        raise auth_fault("mismatch", protocol, text)
    return routed


def _route_json(target: str) -> Routed:
    service = load().service("sqs")
    prefix, _, name = target.partition(".")
    operation = service.operations.get(name) if prefix == service.target_prefix else None
    if operation is None:
        raise Fault("UnknownOperationException", f"The requested operation {target} is not known.")
    return Routed(service, operation, "json")


def _route_query(request: Request, signing_name: str | None) -> Routed:
    params = _params(request)
    action = params.get("Action")
    if not action:
        raise Fault("MissingAction", "The request must contain the parameter Action.")
    service = _query_service(params.get("Version"), signing_name, action)
    operation = service.operations.get(action) if service else None
    if service is None or operation is None:
        version = params.get("Version") or (service.api_version if service else "")
        raise Fault("InvalidAction", f"Could not find operation {action} for version {version}")
    if service.name == "sqs":
        _imply_queue_url(request, params)
    return Routed(service, operation, "query", form=params)


def _params(request: Request) -> dict[str, str]:
    query = request.raw_query
    params = form.decode(request.body) if request.body else {}
    return form.decode(query.encode("latin-1")) | params if query else params


def _query_service(version: str | None, signing_name: str | None, action: str) -> Service | None:
    by_version, by_action = _query_services()
    if version is not None:
        return by_version.get(version)
    if signing_name is not None:
        return service_of("query", signing_name)
    owners = by_action.get(action, ())
    return owners[0] if len(owners) == 1 else None


@cache
def _query_services() -> tuple[dict[str, Service], dict[str, list[Service]]]:
    by_version: dict[str, Service] = {}
    by_action: dict[str, list[Service]] = {}
    for service in load().services.values():
        if "query" in service.protocols:
            by_version[service.api_version] = service
            for action in service.operations:
                by_action.setdefault(action, []).append(service)
    return by_version, by_action


def _imply_queue_url(request: Request, params: dict[str, str]) -> None:
    """Let `POST /{account}/{queue}` stand for the QueueUrl parameter, as SQS does."""
    path = request.raw_path
    if "QueueUrl" not in params and path.strip("/").count("/") == 1:
        params["QueueUrl"] = f"http://{request.headers.get('host', '')}{path}"


_LABEL = "{}"


@dataclass(slots=True)
class _Place:
    """A place in the tree of known paths."""

    below: dict[str, "_Place"] = field(default_factory=dict)
    operation: Operation | None = None
    labels: tuple[str, ...] = ()


def _route_rest(request: Request) -> Routed:
    # Segments are told apart before they are decoded: %2F inside a label is not a separator.
    segments = request.raw_path.rstrip("/").split("/")[1:]
    root = _rest_paths().get(request.method)
    found = _find(root, segments, ()) if root else None
    if found is None:
        raise Fault("UnknownOperationException", "The requested operation is not known.", 404)
    place, values = found
    if place.operation is None:
        raise AssertionError("a place without an operation was found")
    labels = {name: _decode_label(value) for name, value in zip(place.labels, values, strict=True)}
    return Routed(place.operation.service, place.operation, "rest-json", labels=labels)


def _find(place: _Place, segments: list[str], values: tuple[str, ...]) -> tuple[_Place, tuple[str, ...]] | None:
    """Follow the literal name first and a label second, so that `/tenants/get` is no tenant's name."""
    if not segments:
        return (place, values) if place.operation else None
    first, rest = segments[0], segments[1:]
    literal, label = place.below.get(first), place.below.get(_LABEL)
    if literal and (found := _find(literal, rest, values)):
        return found
    return _find(label, rest, (*values, first)) if label and first else None


def _decode_label(raw: str) -> str:
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Fault("SerializationException", "The path is not valid UTF-8.") from None


@cache
def _rest_paths() -> dict[str, _Place]:
    roots: dict[str, _Place] = {}
    for operation in load().service("sesv2").operations.values():
        for method, uri in (*MOVED_PATHS.get(operation.name, ()), (operation.method, operation.uri)):
            place = roots.setdefault(method, _Place())
            names = []
            for segment in uri.rstrip("/").split("/")[1:]:
                if segment.startswith("{"):
                    names.append(segment.strip("{}"))
                    segment = _LABEL
                place = place.below.setdefault(segment, _Place())
            place.operation, place.labels = operation, tuple(names)
    return roots
