"""The other hosts: Notebook 7 and Voilà on JupyterLab's server, marimo on its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lab import READY, Notebook, Visit

from attn_widget.serving import Server, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab
    from playwright.sync_api import BrowserContext, Route

# Voilà's own page template asks for an icon font and for MathJax, whatever it shows.
VOILA_ASKS = ("https://cdn.jsdelivr.net/npm/@fortawesome/", "https://cdnjs.cloudflare.com/ajax/")
# Whatever is asked of it, it does nothing.
NO_MATHJAX = """globalThis.MathJax = new Proxy(() => {}, {
  get: (_, name) => (name === "then" ? undefined : MathJax),
  apply: () => MathJax,
});"""


class Notebook7(Notebook):
    """One notebook, open in Notebook 7."""

    def open(self, *, theme: str = "light") -> None:
        """Open the notebook and wait for its kernel."""
        self.page.goto(f"{self.lab.url}/notebooks/{self.name}")
        self.page.wait_for_function("(name) => window.findNotebook(name) !== null", arg=self.name)
        self.page.evaluate(READY, self.name)
        self.theme(theme)
        # Before a cell has run, nothing of this package is on the page: what it has complained
        # about by now is Notebook's own (7.6 loses a keyboard shortcut's schema).
        self.errors.clear()


class Voila(Visit):
    """A notebook as Voilà's page: its outputs alone, run by a kernel of its own."""

    def __init__(self, lab: Lab, context: BrowserContext, pictures: Path) -> None:
        super().__init__(context, pictures)
        self._lab = lab
        for address in VOILA_ASKS:
            self.page.route(f"{address}**", answer_with_nothing)

    def open(self, name: str, *, theme: str = "light") -> None:
        """Open the notebook and wait until every cell has run."""
        self.page.goto(f"{self._lab.url}/voila/render/{name}?theme={theme}")
        self.page.locator("#rendered_cells").wait_for()

    def _note(self, url: str) -> None:
        if not url.startswith(VOILA_ASKS):
            super()._note(url)


def answer_with_nothing(route: Route) -> None:
    """Spare the page a request that has no answer on a machine without a network."""
    script = route.request.resource_type == "script"
    route.fulfill(status=200, body=NO_MATHJAX if script else "")


class Marimo:
    """A marimo app on a free port."""

    def __init__(self, app: Path) -> None:
        port = free_port(wanted=0)
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "marimo", "-q", "run", str(app), "--headless", "--no-token"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ]
        self._server = Server(command, f"{self.url}/health", app.with_suffix(".log"))

    def start(self) -> None:
        """Start the server and return when it answers."""
        self._server.start()

    def stop(self) -> None:
        """Stop it with its kernels."""
        self._server.stop()
