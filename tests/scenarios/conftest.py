"""Fixtures of the scenarios: clients and subscribers that are programs of their own."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.node.clients import NodeClients
from tests.support.subscriber import Subscriber


@pytest.fixture(scope="session")
def node() -> NodeClients:
    return NodeClients.installed()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber.listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is not installed: `make setup` installs it"
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield launched
        launched.close()
