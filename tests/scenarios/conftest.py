"""Fixtures of the scenarios: clients and subscribers that are programs of their own."""

from collections.abc import Iterator

import pytest

from tests.support.node.clients import NodeClients
from tests.support.subscriber import Subscriber


@pytest.fixture(scope="session")
def node() -> NodeClients:
    return NodeClients.installed()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber.listening() as listening:
        yield listening
