"""Asks axe-core what on a page keeps people from using it.

https://github.com/dequelabs/axe-core
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.support.node.clients import NodeClients

_AXE = Path(__file__).parents[2] / ".node" / "clients" / "node_modules" / "axe-core" / "axe.min.js"
# Runs beside our pages, whose policy allows no script of others: it is put in by the browser, not by the page.
_RUN = """async () => (await axe.run(document, {iframes: false})).violations.map(
  (one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`)"""


class Axe:
    """Installs axe-core once and looks at pages."""

    def __init__(self) -> None:
        NodeClients.installed()
        self._script = _AXE.read_text()

    def violations(self, page: Page) -> list[str]:
        """Return what is wrong with a page as it is shown now."""
        page.evaluate(self._script)
        found: Any = page.evaluate(_RUN)
        return [str(one) for one in found]
