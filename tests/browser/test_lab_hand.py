"""Everything that a hand or a key does in the view, once each, in a real JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from pointing import cell_at, geometry, node_at

if TYPE_CHECKING:
    from conftest import OpenNotebook
    from lab import Notebook
    from playwright.sync_api import Locator

WIDGET = """
import attn_widget as aw
widget = aw.AttentionWidget(aw.load_sample(), levels=(0, 4), heads=3, residual=0.65)
widget
"""

LEVELS = (0, 4)
IT, BIG, SUITCASE = 10, 13, 8
ZOOMED = "data-rows-in-view"


def stage_of(view: Locator) -> Locator:
    return view.locator(".aw-stage")


def told(view: Locator) -> Locator:
    return view.locator(".aw-tooltip:not(.aw-head-tip)")


def point(view: Locator, position: dict[str, float], action: str = "click", **more: Any) -> None:
    getattr(stage_of(view), action)(position=position, **more)


def turn(book: Notebook, view: Locator, at: dict[str, float], by: float) -> None:
    """Turn the wheel over a place of the stage, Ctrl held down."""
    point(view, at, "hover")
    book.page.keyboard.down("Control")
    book.page.mouse.wheel(0, by)
    book.page.keyboard.up("Control")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pointer(notebook: OpenNotebook, theme: str) -> None:
    book = notebook(WIDGET, theme=theme)
    view = book.views()
    output, other = (node_at(view, 4, token, LEVELS) for token in (IT, BIG))

    # Hover: an output, an edge of its trace and a cell, each with its number.
    point(view, output)
    book.wait_for_kernel("widget.selected", "[(4, 10)]")
    point(view, output, "hover")
    expect(told(view)).to_contain_text("it")
    upper = node_at(view, 3, IT, LEVELS)
    point(view, {"x": (output["x"] + upper["x"]) / 2, "y": output["y"]}, "hover")
    expect(told(view)).to_contain_text("%")
    point(view, cell_at(view, IT, SUITCASE), "hover")
    expect(told(view)).to_contain_text("of ‘it’ comes from ‘suitcase’")
    book.screenshot(f"hand-hover-{theme}", view)

    # A set, a pair, and nothing.
    point(view, other, modifiers=["Control"])
    book.wait_for_kernel("widget.selected", "[(4, 10), (4, 13)]")
    point(view, output)
    point(view, node_at(view, 0, SUITCASE, LEVELS), modifiers=["Shift"])
    book.wait_for_kernel("widget.selected", "[(4, 10), (0, 8)]")
    stage_of(view).press("Escape")
    book.wait_for_kernel("widget.selected", "[]")

    # A cell is a pair, a label of a column its token.
    point(view, cell_at(view, IT, BIG))
    book.wait_for_kernel("widget.selected", "[(4, 10), (0, 13)]")
    column = cell_at(view, 0, SUITCASE)
    point(view, {"x": column["x"] + 3, "y": geometry(view)["matrixY"] - 8})
    book.wait_for_kernel("widget.selected", "[(0, 8)]")

    # Wheel at the pointer, drag, double click.
    cell = cell_at(view, IT, IT)
    turn(book, view, cell, -240)
    expect(stage_of(view)).to_have_attribute(ZOOMED, re.compile(r"\d"))
    before = geometry(view)["y0"]
    box: Any = stage_of(view).bounding_box()
    book.page.mouse.move(box["x"] + cell["x"], box["y"] + cell["y"])
    book.page.mouse.down()
    book.page.mouse.move(box["x"] + cell["x"], box["y"] + cell["y"] - 60, steps=5)
    book.page.mouse.up()
    assert geometry(view)["y0"] != before
    book.screenshot(f"hand-zoom-{theme}", view)
    point(view, cell, "dblclick")
    expect(stage_of(view)).not_to_have_attribute(ZOOMED, re.compile(r"\d"))

    # The strip, and the heads: hover names and enlarges, a click picks, the order changes.
    view.locator("[data-token='13']").click()
    book.wait_for_kernel("widget.selected", "[(4, 13)]")
    view.locator("[data-action=heads]").click()
    head = view.get_by_role("button", name="Layer 2, head 8, entropy")
    head.hover()
    expect(view.locator(".aw-head-tip")).to_contain_text("Layer 2, head 8")
    book.screenshot(f"hand-heads-{theme}", view)
    head.click()
    book.wait_for_kernel("widget.heads", "8")
    for order in ("Entropy", "Contribution", "Number"):
        view.get_by_role("radio", name=order).click()
        expect(view.get_by_role("radio", name=order)).to_be_checked()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keys(notebook: OpenNotebook, theme: str) -> None:
    book = notebook(WIDGET, theme=theme)
    view = book.views()
    stage = stage_of(view)
    cells, active = book.cells(), book.active_cell()
    said = stage.locator("[role=status]")

    # Down along the tokens, left to the level below, and a trace from there.
    stage.press("ArrowDown")
    expect(said).to_have_text("the, layer 4, token 1")
    stage.press("ArrowLeft")
    expect(said).to_have_text("the, layer 3, token 1")
    stage.press("Enter")
    book.wait_for_kernel("widget.selected", "[(3, 1)]")
    stage.press("Home")
    for _ in range(3):
        stage.press("ArrowLeft")
    expect(said).to_have_text("[CLS], input, token 0")
    stage.press("Shift+Enter")
    book.wait_for_kernel("widget.selected", "[(3, 1), (0, 0)]")
    book.screenshot(f"keys-focus-{theme}", view)
    stage.press("Escape")
    book.wait_for_kernel("widget.selected", "[]")

    stage.press("]")
    book.wait_for_kernel("widget.levels", "(0, 5)")
    stage.press("[")
    book.wait_for_kernel("widget.levels", "(0, 4)")
    stage.press("h")
    book.wait_for_kernel("widget.heads", "4")
    stage.press("Shift+H")
    book.wait_for_kernel("widget.heads", "3")
    for key, method in (("3", "flow"), ("1", "attention"), ("2", "rollout")):
        stage.press(key)
        book.wait_for_kernel("widget.method", repr(method))
    stage.press("+")
    expect(stage).to_have_attribute(ZOOMED, re.compile(r"\d"))
    stage.press("0")
    expect(stage).not_to_have_attribute(ZOOMED, re.compile(r"\d"))
    stage.press("?")
    expect(view.locator(".aw-keys")).to_be_visible()
    book.screenshot(f"keys-help-{theme}", view)
    assert (book.cells(), book.active_cell()) == (cells, active)
