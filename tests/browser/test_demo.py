"""`make demo` from its last step: the address that it prints shows a first picture."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import lab
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FIRST = "01_first_look.ipynb"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address that a freshly started demo prints; the server has ended when the test has."""
    notebook = tmp_path / "notebooks" / FIRST
    notebook.parent.mkdir()
    shutil.copy(NOTEBOOKS / FIRST, notebook)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    server = subprocess.Popen(
        [sys.executable, str(NOTEBOOKS / "serve.py"), str(notebook), "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    try:
        printed = next((line for line in server.stdout if "http" in line), "")
        found = re.search(r"http://\S+", printed)
        assert found, "no address was printed"
        yield found.group()
    finally:
        server.send_signal(signal.SIGTERM)
        server.stdout.close()
        assert server.wait(timeout=20) == 0


def test_the_printed_address_shows_the_first_picture(browser: Browser, address: str) -> None:
    context = lab.new_context(browser)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    # A command given before the kernel is there makes JupyterLab ask which one is meant.
    page.get_by_text("(ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".jp-OutputArea-output .attn-widget").first.wait_for(timeout=120_000)
    assert page.get_by_text("Would you like to receive official Jupyter news?").count() == 0
    assert [url for url in asked if lab.leaves_this_machine(url)] == []
    context.close()


def test_a_notebook_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(NOTEBOOKS / "serve.py"), str(tmp_path / "none.ipynb")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(r"There is no notebook .*none\.ipynb\.\n", done.stderr)
