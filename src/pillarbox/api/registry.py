"""Which function does which operation.

Filled at import by `@operation`; read by edge/gateway.py, `pillarbox where`
and the page docs/coverage.md. Operation X of service S is the function
`xform_name(X)` in a module of `pillarbox.api.S`.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping

import pillarbox.api
from pillarbox.api.call import Call, Params, Result

Handler = Callable[[Call, Params], Awaitable[Result]]

_HANDLERS: dict[tuple[str, str], Handler] = {}


def operation(service: str, name: str) -> Callable[[Handler], Handler]:
    """Register a function as the one that does operation `name` of `service`."""

    def register(handler: Handler) -> Handler:
        assert (service, name) not in _HANDLERS, f"{service} {name} is registered twice"
        _HANDLERS[service, name] = handler
        return handler

    return register


def load() -> Mapping[tuple[str, str], Handler]:
    """Import every module of api/ and return what they registered."""
    for module in pkgutil.walk_packages(pillarbox.api.__path__, "pillarbox.api."):
        importlib.import_module(module.name)
    return _HANDLERS
