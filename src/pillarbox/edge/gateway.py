"""The road of a request through the gate: one visible list.

Called by edge/http.py for whatever is not a page, a probe or a certificate.
Authenticate, read, route, parse, check, call, serialize; an error at any of
these is told in the caller's own protocol, and an error of ours tells nothing
but the request's id, under which the log has the rest.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from prometheus_client import Counter

from pillarbox.api.call import Call, Services
from pillarbox.api.declined import decline
from pillarbox.api.faults import fault_for
from pillarbox.api.registry import Handler
from pillarbox.api.unsigned import ANONYMOUS, UNSIGNED, scope_of
from pillarbox.edge.authenticate import Authenticator, Caller
from pillarbox.edge.control_rate import ControlRate
from pillarbox.edge.invocation import invocation_of
from pillarbox.edge.permission import entry_of, permit
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import Clock
from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.kit.ids import new_uuid
from pillarbox.wire.check import check
from pillarbox.wire.faults import Fault, Protocol, auth_fault
from pillarbox.wire.models import Service
from pillarbox.wire.parse import parse
from pillarbox.wire.request import Request, Response
from pillarbox.wire.route import Routed, protocol_of, route, service_of
from pillarbox.wire.serialize import fault_response, serialize

REQUESTS = metrics.counter(
    "api_requests_total",
    labels=("service", "operation", "status"),
    doc="API requests by what they asked and the HTTP status they got. A rise of 5xx is a fault of this server.",
)

ReadBody = Callable[[], Awaitable[bytes]]


class Gateway:
    """Answers every API request with a Response; never raises."""

    def __init__(
        self,
        services: Services,
        handlers: Mapping[tuple[str, str], Handler],
        authenticator: Authenticator,
        clock: Clock,
        control_rate: ControlRate | None = None,
    ) -> None:
        self._control_rate = control_rate
        self._services = services
        self._handlers = handlers
        self._authenticator = authenticator
        self._clock = clock
        self._log = log.named("gateway")
        self._counters: dict[tuple[str | int, ...], Counter] = {}

    async def answer(self, request: Request, read_body: ReadBody, source_ip: str, scheme: str) -> Response:
        """Answer one request, whose body is read only when its head is in order."""
        request_id = new_uuid()
        protocol = protocol_of(request.target, request.headers)
        asked = _Asked(protocol)
        request.peer = source_ip
        try:
            response = await self._do(asked, request, read_body, source_ip, scheme, request_id)
        except Fault as fault:
            response = self._refuse(asked, request, fault, request_id)
        except Unavailable as error:
            self._log.error("unavailable", request=request_id, why=str(error))
            response = self._refuse(asked, request, _unavailable(asked), request_id)
        except Exception:
            self._log.exception("request failed", request=request_id)
            response = self._refuse(asked, request, _internal(asked), request_id)
        self._count(asked.service_name, asked.operation_name, response.status)
        return response

    def _count(self, *labels: str | int) -> None:
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = REQUESTS.labels(*labels)
        counter.inc()

    async def _do(
        self, asked: "_Asked", request: Request, read_body: ReadBody, source_ip: str, scheme: str, request_id: str
    ) -> Response:
        now = self._clock.now()
        presented = await self._authenticator.present(request, asked.protocol, now)
        if presented is None:
            caller, signing_name = self._stranger(request, asked.protocol), None
        else:
            caller, signing_name = presented.caller, presented.signature.service
            asked.service = service_of(asked.protocol, signing_name)
            request.body = await read_body()
            self._authenticator.prove(presented, request)
        routed = route(request, signing_name)
        asked.routed = routed
        params = parse(routed, request)
        check(routed, params)
        call = Call(
            caller.scope,
            caller.user_name,
            source_ip,
            request_id,
            f"{scheme}://{request.headers.get('host', '')}",
            now,
            self._services,
            grants=caller.grants,
            audit=entry_of(caller, routed.service.name, routed.operation.name, params, source_ip, now),
            invocation=invocation_of(request.headers, presented.signature.key_id) if presented else None,
        )
        handler = self._handlers.get((routed.service.name, routed.operation.name))
        try:
            permit(caller, routed.service.name, routed.operation.name, params)
            if self._control_rate is not None:
                await self._control_rate.check(caller.scope, routed.service.name, routed.operation.name, now)
            if handler is None:
                raise decline(routed.service.name, routed.operation.name)
            result = await handler(call, params)
        except Refusal as refusal:
            raise fault_for(routed.service, refusal) from refusal
        return serialize(routed, result, request_id)

    def _stranger(self, request: Request, protocol: Protocol) -> Caller:
        """The links that SNS puts into its posts work without a signature; nothing else does."""
        query = {name: values[0] for name, values in parse_qs(request.raw_query, max_num_fields=20).items()}
        if protocol != "query" or query.get("Action") not in UNSIGNED:
            raise auth_fault("missing_credentials", protocol)
        return Caller(scope_of(query), ANONYMOUS)

    def _refuse(self, asked: "_Asked", request: Request, fault: Fault, request_id: str) -> Response:
        query_mode = request.headers.get("x-amzn-query-mode", "").lower() == "true"
        return fault_response(
            fault, service=asked.service, protocol=asked.protocol, request_id=request_id, query_mode=query_mode
        )


class _Asked:
    """What is known of a request so far; an error is told in its terms."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.service: Service | None = service_of(protocol, None)
        self._routed: Routed | None = None

    @property
    def routed(self) -> Routed | None:
        return self._routed

    @routed.setter
    def routed(self, routed: Routed) -> None:
        self._routed = routed
        self.service = routed.service

    @property
    def service_name(self) -> str:
        return self.service.name if self.service else ""

    @property
    def operation_name(self) -> str:
        return self._routed.operation.name if self._routed else ""


def _unavailable(asked: _Asked) -> Fault:
    code = "InternalServiceErrorException" if asked.protocol == "rest-json" else "ServiceUnavailable"
    return Fault(code, "The service cannot take the request now; try again.", 503, sender=False)


def _internal(asked: _Asked) -> Fault:
    code = "InternalServiceErrorException" if asked.protocol == "rest-json" else "InternalFailure"
    return Fault(code, "The request processing has failed because of an unknown error.", 500, sender=False)
