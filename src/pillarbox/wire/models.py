"""The five AWS service models, with readers, writers and checks compiled from them.

Touches only the model files inside botocore. `load` is called by the first request
and by tests; everything behind it is cached for the life of the process.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import botocore
import msgspec
from botocore.model import ServiceModel

from pillarbox.wire import read_json, read_query, rules, sqs_query, write_json, write_xml
from pillarbox.wire.faults import Protocol

Shape = Any  # botocore.model.Shape; botocore carries no types

_VERSIONS = {
    "ses": "2010-12-01",
    "sesv2": "2019-09-27",
    "sns": "2010-03-31",
    "sqs": "2012-11-05",
    "sts": "2011-06-15",
}


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """What the model says of one error: the names and statuses it has on the wire."""

    shape: Shape
    code: str
    status: int
    sender: bool
    query_code: str
    query_status: int


class Operation:
    """One operation and its compiled functions.

    `form_input` and `form_output` are the shapes as the query protocol names
    them; they are the plain ones except for SQS.
    """

    def __init__(self, service: "Service", model: Any, form_model: Any) -> None:
        self.service = service
        self.name: str = model.name
        self.method: str = model.http["method"]
        self.uri: str = model.http["requestUri"]
        self.errors: tuple[str, ...] = tuple(shape.name for shape in model.error_shapes)
        self._model = model
        self._form_model = form_model

    @property
    def input(self) -> Shape | None:
        return self._model.input_shape

    @property
    def output(self) -> Shape | None:
        return self._model.output_shape

    @property
    def form_input(self) -> Shape | None:
        return self._form_model.input_shape

    @property
    def form_output(self) -> Shape | None:
        return self._form_model.output_shape

    @cached_property
    def read_form(self) -> read_query.Reader:
        return read_query.compile_reader(self.form_input) if self.form_input else _nothing

    @cached_property
    def read_body(self) -> dict[str, tuple[str, read_json.Reader]]:
        """Readers of the members that travel in a JSON body, by their name there."""
        return self._members_at(None)

    @cached_property
    def read_labels(self) -> dict[str, str]:
        """Label in the path -> member."""
        return self._names_at("uri")

    @cached_property
    def read_query(self) -> dict[str, tuple[str, Shape]]:
        """Parameter in the query string -> member and its shape."""
        if self.input is None:
            return {}
        return {wire: (name, self.input.members[name]) for wire, name in self._names_at("querystring").items()}

    @cached_property
    def violations(self) -> rules.Checker:
        return rules.compile_checker(self.service.name, self.form_input)

    @cached_property
    def write_form(self) -> dict[str, write_xml.Writer]:
        return write_xml.compile_members(self.form_output) if self.form_output else {}

    @cached_property
    def write_json(self) -> write_json.Writer:
        return write_json.compile_writer(self.output) if self.output else _nothing

    def compile(self) -> None:
        """Make all compiled functions now; raises re.error for a pattern that cannot be used."""
        for name, part in vars(type(self)).items():
            if isinstance(part, cached_property):
                getattr(self, name)

    def _members_at(self, location: str | None) -> dict[str, tuple[str, read_json.Reader]]:
        names = list(self._names_at(location).values())
        return read_json.compile_members(self.input, names) if self.input else {}

    def _names_at(self, location: str | None) -> dict[str, str]:
        if self.input is None:
            return {}
        return {
            str(member.serialization.get("name", name)): name
            for name, member in self.input.members.items()
            if member.serialization.get("location") == location
        }


def _nothing(_: Any) -> dict[str, Any]:
    """Stand for the reader or writer of an operation that has no input or output."""
    return {}


class Service:
    """One AWS service as its model describes it."""

    def __init__(self, name: str, description: dict[str, Any]) -> None:
        metadata = description["metadata"]
        is_sqs = name == "sqs"
        form_description = sqs_query.with_query_names(description) if is_sqs else description
        self.name = name
        self.api_version: str = metadata["apiVersion"]
        self.signing_name: str = metadata.get("signingName", metadata["endpointPrefix"])
        self.namespace: str = form_description["metadata"].get("xmlNamespace", "")
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.protocols: tuple[Protocol, ...] = ("json", "query") if is_sqs else (metadata["protocol"],)
        model = ServiceModel(description, name)
        form_model = ServiceModel(form_description, name) if is_sqs else model
        self.operations: Mapping[str, Operation] = {
            operation: Operation(self, model.operation_model(operation), form_model.operation_model(operation))
            for operation in description["operations"]
        }
        self.errors: Mapping[str, ErrorShape] = {
            shape: _error(name, model, shape)
            for shape, parts in description["shapes"].items()
            if parts.get("exception")
        }


def _error(service: str, model: Any, name: str) -> ErrorShape:
    shape = model.shape_for(name)
    error = shape.metadata.get("error", {})
    code = error.get("code", name)
    status = error.get("httpStatusCode", 400)
    query_code, query_status = sqs_query.ERRORS.get(name, (code, status)) if service == "sqs" else (code, status)
    return ErrorShape(shape, code, status, status < 500, query_code, query_status)


class Catalogue:
    """All services by name."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self.services = services

    def service(self, name: str) -> Service:
        return self.services[name]


@cache
def load() -> Catalogue:
    """Read and compile the models of all five services; raises FileNotFoundError when botocore lacks one."""
    catalogue = Catalogue({name: Service(name, _description(name, version)) for name, version in _VERSIONS.items()})
    for service in catalogue.services.values():
        for operation in service.operations.values():
            operation.compile()
    return catalogue


def _description(name: str, version: str) -> dict[str, Any]:
    folder = Path(botocore.__file__).parent / "data" / name / version
    packed = folder / "service-2.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "service-2.json").read_bytes()
    description: dict[str, Any] = msgspec.json.decode(text)
    return description
