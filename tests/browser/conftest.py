"""Fixtures of the browser tests: one JupyterLab, one Chromium, a page for each notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import lab as lab_module
import pytest
from lab import Lab, Notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


class OpenNotebook(Protocol):
    """`notebook("cell", "cell", theme="dark")`: open the cells as a notebook and run them."""

    def __call__(
        self,
        *cells: str,
        theme: str = "light",
        run: bool = True,
        width: int = 1440,
        height: int = 1100,
    ) -> Notebook: ...


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("jupyter"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    yield from lab_module.chromium()


@pytest.fixture
def notebook(
    lab: Lab, browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenNotebook]:
    """Open notebooks; at the end none may have asked another machine or logged an error."""
    pictures = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    opened: list[Notebook] = []

    def open_notebook(
        *cells: str,
        theme: str = "light",
        run: bool = True,
        width: int = 1440,
        height: int = 1100,
    ) -> Notebook:
        name = f"{request.node.name.replace('[', '-').replace(']', '')}-{len(opened)}.ipynb"
        lab_module.write_notebook(lab.root / name, cells)
        context = lab_module.new_context(browser, width=width, height=height)
        page = Notebook(lab, context, name, pictures)
        opened.append(page)
        page.open(theme=theme)
        if run:
            page.run_all()
        return page

    yield open_notebook

    for page in opened:
        page.close()
    assert [url for page in opened for url in page.outside] == [], "asked another machine"
    assert [error for page in opened for error in page.errors] == [], "errors in the console"
