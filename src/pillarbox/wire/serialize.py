"""Write results and faults as the bytes that the caller's SDK reads.

Pure. Called by edge/gateway.py, last on the road of a request.
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pillarbox.wire import write_json, write_xml
from pillarbox.wire.faults import Fault, Protocol
from pillarbox.wire.models import ErrorShape, Operation, Service
from pillarbox.wire.request import Response
from pillarbox.wire.route import Routed

_CONTENT_TYPE = {"query": "text/xml", "rest-json": "application/json", "json": "application/x-amz-json-1.0"}

# For the few errors that come before any service is known.
_UNKNOWN_NAMESPACE = "http://ses.amazonaws.com/doc/2010-12-01/"

_encode_json = msgspec.json.Encoder().encode


def serialize(routed: Routed, result: Mapping[str, Any], request_id: str) -> Response:
    """Return the 200 answer. A member that the output shape does not have raises KeyError: a mistake of ours."""
    if routed.protocol == "query":
        body = _result_xml(routed.operation, result, request_id)
    else:
        body = _encode_json(routed.operation.write_json(result))
    return Response(200, _headers(routed.protocol, request_id), body)


def fault_response(
    fault: Fault,
    *,
    service: Service | None,
    protocol: Protocol,
    request_id: str,
    query_mode: bool = False,
) -> Response:
    """Return the error answer; `service` is None when the request failed before it was known.

    `query_mode` is the client's wish, by `x-amzn-query-mode: true`, to be told
    the query protocol's code beside the JSON one.
    """
    headers = _headers(protocol, request_id)
    if protocol == "query":
        body = _fault_xml(fault, service, request_id)
    elif protocol == "rest-json":
        headers.append(("x-amzn-ErrorType", fault.code))
        body = _encode_json(_described(fault, service))
    else:
        if query_mode:
            headers.append(("x-amzn-query-error", f"{fault.query_code};{_blame(fault)}"))
        body = _encode_json({"__type": _type_of(fault, service)} | _described(fault, service))
    return Response(fault.status_in(protocol), headers, body)


def _headers(protocol: Protocol, request_id: str) -> list[tuple[str, str]]:
    return [("Content-Type", _CONTENT_TYPE[protocol]), ("x-amzn-RequestId", request_id)]


def _result_xml(operation: Operation, result: Mapping[str, Any], request_id: str) -> bytes:
    name = operation.name
    out = [f'<{name}Response xmlns="{operation.service.namespace}">']
    if operation.form_output is not None:
        out.append(f"<{name}Result>")
        write_xml.write_members(operation.write_form, result, out)
        out.append(f"</{name}Result>")
    out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
    return "".join(out).encode()


def _fault_xml(fault: Fault, service: Service | None, request_id: str) -> bytes:
    namespace = service.namespace if service and service.namespace else _UNKNOWN_NAMESPACE
    out = [
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{_blame(fault)}</Type>',
        f"<Code>{write_xml.escape(fault.query_code)}</Code>",
        f"<Message>{write_xml.escape(fault.message)}</Message>",
    ]
    error = _error_of(fault, service)
    if error is not None:
        write_xml.write_members(write_xml.compile_members(error.shape), fault.members, out)
    out.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
    return "".join(out).encode()


def _described(fault: Fault, service: Service | None) -> dict[str, Any]:
    described: dict[str, Any] = {"message": write_json.write_string(fault.message)}
    error = _error_of(fault, service)
    if error is not None:
        described |= write_json.compile_writer(error.shape)(fault.members)
    return described


def _type_of(fault: Fault, service: Service | None) -> str:
    """Name the error as SQS does: its own ones under its name, the framework's under the framework's."""
    own = service is not None and fault.code in service.errors
    return f"{'com.amazonaws.sqs' if own else 'com.amazon.coral.service'}#{fault.code}"


def _error_of(fault: Fault, service: Service | None) -> ErrorShape | None:
    if service is None:
        return None
    return next((error for error in service.errors.values() if error.code == fault.code), None)


def _blame(fault: Fault) -> str:
    return "Sender" if fault.sender else "Receiver"
