"""The widget and its dashboard at home in each host: open, run, click, drag, read back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lab as lab_module
import pytest
from hosts import Marimo, Notebook7, Voila
from lab import Notebook, Visit
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab import Lab
    from playwright.sync_api import Browser, BrowserContext, Locator

# The first flow of a fresh installation waits for its compiler.
expect.set_options(timeout=60_000)

BOARD = """
import attn_widget as aw, ipywidgets
board = aw.dashboard({name: aw.load_sample(name) for name in ("trophy", "keys")}, height=400)
widget = board.widget
widget.levels, widget.heads, widget.residual = (0, 4), 3, 0.65
widget.selected = [(4, 10)]
board
"""

# A page without a console tells by an output what the kernel knows.
TOLD = """
told = ipywidgets.Label()
def tell(_change):
    told.value = f"kernel: {widget.selected}, {widget.residual:.2f}, {widget.heads}"
widget.observe(tell, ["selected", "residual", "heads"])
tell(None)
told
"""

# 6 layers, 12 heads, 128 tokens, every head unfolded: as much as a saved state has to hold.
LARGE = """
import attn_widget as aw, numpy as np
weights = np.random.default_rng(0).dirichlet(np.full(128, 0.05), size=(6, 12, 128))
tokens = [f"w{i}" for i in range(128)]
widget = aw.AttentionWidget(weights, tokens, height=400, heads_open=True)
widget
"""

APP = """
# /// script
# [tool.marimo.display]
# theme = "dark"
# ///
import marimo

app = marimo.App(width="full")

@app.cell
def _():
    import attn_widget as aw
    import marimo as mo
    return aw, mo

@app.cell
def _(aw, mo):
    shown = aw.AttentionWidget(aw.load_sample(), levels=(0, 4), heads=3, residual=0.65)
    widget = mo.ui.anywidget(shown)
    widget
    return (widget,)

@app.cell
def _(mo, widget):
    mo.md(
        f"kernel: {widget.value['selected']}, {widget.value['residual']:.2f}, "
        f"{widget.value['method']}, {widget.widget.relevance.sum():.3f}"
    )
"""


@pytest.fixture
def context(browser: Browser) -> BrowserContext:
    return lab_module.new_context(browser, height=1500)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)


@pytest.fixture
def notebook7(lab: Lab, context: BrowserContext, pictures: Path) -> Iterator[Notebook7]:
    lab_module.write_notebook(lab.root / "seven.ipynb", (BOARD,))
    book = Notebook7(lab, context, "seven.ipynb", pictures)
    yield book
    book.close()
    quiet(book)


@pytest.fixture
def voila(lab: Lab, context: BrowserContext, pictures: Path) -> Iterator[Voila]:
    lab_module.write_notebook(lab.root / "served.ipynb", (BOARD, TOLD))
    page = Voila(lab, context, pictures)
    yield page
    page.close()
    quiet(page)


def quiet(page: Visit) -> None:
    """The page has asked no other machine and has logged no error."""
    assert page.outside == [], "asked another machine"
    assert page.errors == [], "errors in the console"


def chart_title(page: Visit, place: int) -> Locator:
    return page.views(".bqplot").nth(place).locator(".mainheading")


def drag(page: Visit, target: Locator, by: float) -> None:
    """Drag with the mouse, as a hand does: through points on the way."""
    target.scroll_into_view_if_needed()
    box: Any = target.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + by / 2, y, steps=4)
    page.page.mouse.move(x + by, y, steps=4)
    page.page.mouse.up()


def drag_residual(page: Visit, by: float) -> float:
    """Drag the residual's handle; returns where the slider stands then."""
    slider = page.views("[data-control=residual]").first
    box: Any = slider.bounding_box()
    share = float(slider.input_value())
    x, y = box["x"] + box["width"] * share, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + by / 2, y, steps=4)
    page.page.mouse.move(x + by, y, steps=4)
    page.page.mouse.up()
    return float(slider.input_value())


def test_notebook_7(notebook7: Notebook7) -> None:
    book = notebook7
    book.open()
    book.run_all()
    sentence = book.views(".aw-sentence")
    expect(sentence).to_contain_text("‘it’ at layer 4 draws")
    expect(book.views()).to_have_attribute("data-theme", "light")
    book.views("[data-token='8']").click()
    book.wait_for_kernel("widget.selected", "[(4, 8)]")
    expect(chart_title(book, 0)).to_contain_text("‘suitcase’ at layer 4")
    residual = drag_residual(book, -20)
    assert residual < 0.6
    book.wait_for_kernel("widget.residual", f"{residual}")
    # Keys are the widget's while it has the focus: no cell moves, none is added.
    cells, active = book.cells(), book.active_cell()
    book.views("[data-control=residual]").press("ArrowRight")
    book.wait_for_kernel("round(widget.residual, 2)", f"{round(residual + 0.01, 2)}")
    book.views("[data-token='8']").press("b")
    assert (book.cells(), book.active_cell()) == (cells, active)
    # A chart leads, the widget follows.
    book.views(".bqplot").nth(0).locator(".bar").nth(13).click()
    book.wait_for_kernel("widget.selected", "[(4, 13)]")
    expect(sentence).to_contain_text("‘big’ at layer 4")
    expect(chart_title(book, 3)).to_contain_text("bound")
    book.theme("dark")
    expect(book.views()).to_have_attribute("data-theme", "dark")
    book.screenshot("notebook7")


def test_voila(voila: Voila) -> None:
    page = voila
    page.open("served.ipynb", theme="dark")
    told = page.page.get_by_text("kernel: ")
    sentence = page.views(".aw-sentence")
    expect(sentence).to_contain_text("‘it’ at layer 4 draws")
    expect(page.views()).to_have_attribute("data-theme", "dark")
    page.views("[data-token='8']").click()
    expect(told).to_have_text("kernel: [(4, 8)], 0.65, 3")
    expect(chart_title(page, 0)).to_contain_text("‘suitcase’ at layer 4")
    residual = drag_residual(page, -20)
    assert residual < 0.6
    expect(told).to_have_text(f"kernel: [(4, 8)], {residual:.2f}, 3")
    page.views(".bqplot").nth(0).locator(".bar").nth(13).click()
    expect(told).to_have_text(f"kernel: [(4, 13)], {residual:.2f}, 3")
    expect(sentence).to_contain_text("‘big’ at layer 4")
    expect(chart_title(page, 3)).to_contain_text("bound")
    page.screenshot("voila")
    page.views("select").first.select_option("keys")
    expect(page.views("[data-token='2']")).to_have_text("keys")


def test_marimo(context: BrowserContext, tmp_path: Path, pictures: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP.lstrip(), encoding="utf-8")
    server = Marimo(app)
    server.start()
    try:
        page = Visit(context, pictures)
        page.page.goto(server.url)
        told = page.page.get_by_text("kernel: ")
        sentence = page.views(".aw-sentence")
        expect(sentence).to_contain_text("pick a token to trace it")
        assert page.views().evaluate("(el) => el.getRootNode() instanceof ShadowRoot")
        expect(page.views()).to_have_attribute("data-theme", "dark")
        page.views("[data-token='8']").click()
        expect(told).to_have_text("kernel: [(4, 8)], 0.65, rollout, 1.000")
        expect(sentence).to_contain_text("‘suitcase’ at layer 4 draws")
        residual = drag_residual(page, -20)
        assert residual < 0.6
        expect(told).to_have_text(f"kernel: [(4, 8)], {residual:.2f}, rollout, 1.000")
        # Keys and the focus work across the shadow's border.
        page.views("[data-token='8']").press("ArrowRight")
        assert page.views("[data-token='9']").evaluate(
            "(el) => el.getRootNode().activeElement === el"
        )
        page.views("[data-token='9']").press("Enter")
        expect(sentence).to_contain_text("‘because’ at layer 4 draws")
        page.views("[data-action=settings]").click()
        expect(page.views(".aw-popover").first).to_be_visible()
        page.screenshot("marimo")
        page.page.keyboard.press("Escape")
        page.views().get_by_role("radio", name="Flow").click()
        expect(sentence).to_contain_text("can draw")
        expect(told).to_contain_text("flow")
        page.close()
        quiet(page)
    finally:
        server.stop()


def test_a_reopened_notebook_shows_its_last_picture(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    """Its kernel is gone and no cell has run again: everything comes from the saved state."""
    lab_module.write_notebook(lab.root / "saved.ipynb", (LARGE,))
    first = Notebook(lab, lab_module.new_context(browser), "saved.ipynb", pictures)
    first.open()
    first.run_all()
    first.views("[data-token='8']").click()
    first.wait_for_kernel("widget.selected", "[(6, 8)]")
    expect(first.views(".aw-sentence")).to_contain_text("‘w8’ at layer 6 draws")
    first.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    first.close()
    quiet(first)
    stored = json.loads((lab.root / "saved.ipynb").read_text(encoding="utf-8"))
    assert len(json.dumps(stored["metadata"]["widgets"])) < 1_000_000

    again = Notebook(lab, lab_module.new_context(browser), "saved.ipynb", pictures)
    again.open()
    sentence = again.views(".aw-sentence")
    expect(sentence).to_contain_text("‘w8’ at layer 6 draws")
    before = sentence.inner_text()
    residual = drag_residual(again, 20)
    assert residual > 0.55
    expect(sentence).not_to_have_text(before)
    expect(again.views(".aw-facts")).to_contain_text(f"residual {residual:g}")
    again.views("[data-token='3']").hover()
    expect(again.views(".aw-tooltip:not(.aw-head-tip)")).to_be_visible()
    # What needs the kernel says so, and the picture stays.
    again.views("[data-token='3']").click()
    expect(again.views(".aw-message-what")).to_contain_text("Nothing answers")
    expect(sentence).to_contain_text("‘w8’ at layer 6 draws")
    again.screenshot("reopened")
    again.close()
    quiet(again)
