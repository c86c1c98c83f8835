"""A real JupyterLab in a real Chromium: `Lab` is the server, `Notebook` a page on it.

The same server answers for Notebook 7 and for Voilà, whose pages are in `hosts.py`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import nbformat

from attn_widget.serving import LAB_SETTINGS, Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

PATIENCE = 60.0  # seconds; a condition that takes longer has failed
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What a person ticks as "Save Widget State Automatically".
SAVE_STATE = {"@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True}}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

# Runs in the page before anything else: the open notebook of a name, null while there is none.
FIND = """window.findNotebook = (name) => {
  const shell = window.jupyterapp?.shell;
  return [...(shell?.widgets("main") ?? [])].find((it) => it.context?.path === name) ?? null;
};"""

READY = """async (name) => {
  await window.jupyterapp.restored;
  const panel = window.findNotebook(name);
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  window.jupyterapp.shell.collapseLeft();
}"""

EXECUTE = """async ([name, code]) => {
  const kernel = window.findNotebook(name).sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  let error = null;
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream" && content.name === "stdout") text += content.text;
    if (header.msg_type === "execute_result") text += content.data["text/plain"];
    if (header.msg_type === "error") error = content.traceback.join("\\n");
  };
  await future.done;
  return { text, error };
}"""

RUN_ALL = """async (name) => {
  const { content } = window.findNotebook(name);
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
  for (const cell of content.widgets) {
    const outputs = cell.model.type === "code" ? cell.model.outputs.toJSON() : [];
    const failed = outputs.find((output) => output.output_type === "error");
    if (failed) return failed.traceback.join("\\n");
  }
  return null;
}"""


class Lab:
    """A JupyterLab server on a free port with settings, kernels and files of its own.

    Parameters
    ----------
    home : Path
        An empty folder. Notebooks are served from ``home/notebooks``; nothing of the user's Jupyter
        configuration is read or written.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "notebooks"
        self.log = home / "jupyter.log"
        self._home = home
        self._server: Server | None = None
        self.url = ""

    def start(self) -> None:
        """Start the server and return when it answers."""
        self.root.mkdir(parents=True)
        settings = self._home / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(
            json.dumps(LAB_SETTINGS | SAVE_STATE), encoding="utf-8"
        )
        port = free_port(wanted=0)
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            "--ServerApp.disable_check_xsrf=True",
            "--IdentityProvider.token=",
            f"--LabApp.app_settings_dir={settings}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            # An extension of Notebook 7 that Voilà would load, and could not.
            "--VoilaConfiguration.extension_denylist=['@jupyter-notebook/lab-extension']",
            *(["--allow-root"] if os.geteuid() == 0 else []),
        ]
        environment = dict(os.environ)
        for name in ("CONFIG", "DATA", "RUNTIME"):
            environment[f"JUPYTER_{name}_DIR"] = str(self._home / name.lower())
        for name in ("SETTINGS", "WORKSPACES"):
            environment[f"JUPYTERLAB_{name}_DIR"] = str(self._home / f"lab-{name.lower()}")
        self._server = Server(command, f"{self.url}/api", self.log, environment)
        self._server.start()

    def stop(self) -> None:
        """Stop the server and every kernel that it started."""
        if self._server is not None:
            self._server.stop()

    def request(self, method: str, path: str) -> Any:
        """Answer of the server's REST interface."""
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = answer.read()
        return json.loads(body) if body else None


class Visit:
    """One page in a profile of its own, with what it asks for and what it complains about.

    Attributes
    ----------
    page : playwright.sync_api.Page
    outside : list of str
        Every address asked for that is not this machine's.
    errors : list of str
        What the page wrote to the console as an error, and every uncaught exception.
    """

    def __init__(self, context: BrowserContext, pictures: Path) -> None:
        self.context = context
        self.pictures = pictures
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def views(self, selector: str = ".attn-widget") -> Locator:
        """The widget's views; a locator looks into shadow roots, too."""
        return self.page.locator(selector)

    def screenshot(self, name: str, target: Locator | None = None) -> Path:
        """Picture of the page, or of one element, in $SCREENSHOTS (else the test's own folder)."""
        path = self.pictures / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if target is None:
            self.page.screenshot(path=path)
        else:
            target.screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the page."""
        self.context.close()

    def _note(self, url: str) -> None:
        if leaves_this_machine(url):
            self.outside.append(url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self.errors.append(f"{message.text} ({place})")


class Notebook(Visit):
    """One notebook, open in JupyterLab."""

    def __init__(self, lab: Lab, context: BrowserContext, name: str, pictures: Path) -> None:
        super().__init__(context, pictures)
        self.lab = lab
        self.name = name
        self.page.add_init_script(FIND)

    def open(self, *, theme: str = "light") -> None:
        """Open the notebook and wait for its kernel."""
        self.page.goto(f"{self.lab.url}/lab/tree/{self.name}?reset")
        self.page.wait_for_function("(name) => window.findNotebook(name) !== null", arg=self.name)
        self.page.evaluate(READY, self.name)
        # The start picture fades over the page and would be in every screenshot.
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.theme(theme)

    def run_all(self) -> None:
        """Run every cell; a cell that fails fails the test with its traceback."""
        failed = self.page.evaluate(RUN_ALL, self.name)
        if failed:
            message = f"a cell of {self.name} failed:\n{failed}"
            raise AssertionError(message)

    def kernel(self, code: str) -> str:
        """Run code in the notebook's kernel without touching the page; return what it prints.

        The value of a last expression is printed too, as under a cell.
        """
        answer = self.page.evaluate(EXECUTE, [self.name, code])
        if answer["error"]:
            message = f"{code!r} failed:\n{answer['error']}"
            raise AssertionError(message)
        return str(answer["text"]).strip()

    def wait_for_kernel(self, code: str, wanted: str) -> None:
        """Wait until `code` prints `wanted`.

        What a click does may come later than the answer to a question asked right after it: the
        page gathers changes for a frame, and the kernel may work on them beside the cells.
        """
        end = time.monotonic() + PATIENCE / 3
        seen = self.kernel(code)
        while seen != wanted:
            if time.monotonic() > end:
                message = f"{code} stayed {seen!r}; {wanted!r} was waited for"
                raise AssertionError(message)
            self.page.wait_for_timeout(25)
            seen = self.kernel(code)

    def cells(self) -> list[str]:
        """Source of each cell: what a test of leaking keys compares before and after."""
        sources = self.page.evaluate(
            "(name) => window.findNotebook(name).content.model.toJSON()"
            ".cells.map((cell) => cell.source)",
            self.name,
        )
        return [source if isinstance(source, str) else "".join(source) for source in sources]

    def active_cell(self) -> int:
        """Index of the active cell, which a leaking arrow key would move."""
        return int(
            self.page.evaluate(
                "(name) => window.findNotebook(name).content.activeCellIndex", self.name
            )
        )

    def theme(self, theme: str) -> None:
        """Switch JupyterLab to "light" or "dark" and wait until the page has it."""
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            THEMES[theme],
        )
        # The style sheet may come after the attribute.
        self.page.wait_for_function(
            """(light) => {
              const paper = getComputedStyle(document.body).getPropertyValue("--jp-layout-color0");
              const isLight = ["#fff", "#ffffff", "white"].includes(paper.trim());
              return document.body.dataset.jpThemeLight === String(light) && isLight === light;
            }""",
            arg=theme == "light",
        )

    def views(self, selector: str = ".attn-widget") -> Locator:
        """The widget's views in the outputs."""
        return self.page.locator(f".jp-OutputArea-output {selector}")

    def close(self) -> None:
        """Close the page and end the notebook's kernel."""
        self.context.close()
        for session in self.lab.request("GET", "/api/sessions"):
            if session["path"] == self.name:
                self.lab.request("DELETE", f"/api/sessions/{session['id']}")


def leaves_this_machine(url: str) -> bool:
    """Whether an address is another machine's."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme not in {"data", "blob", "about"} and parts.hostname != "127.0.0.1"


def write_notebook(path: Path, cells: tuple[str, ...]) -> None:
    """Write code cells as a notebook for this Python's kernel."""
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(book, path)


def new_context(
    browser: Browser, *, width: int = 1440, height: int = 1100, scale: float = 1
) -> BrowserContext:
    """A fresh profile, with room for the widget at its full width."""
    return browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        reduced_motion="reduce",
        locale="en-US",
    )


def chromium() -> Iterator[Browser]:
    """Headless Chromium, closed at the end; the one that `find_browser.py` finds."""
    import find_browser
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser.find(), args=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()
