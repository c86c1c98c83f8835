"""The image of a vision model, in a real JupyterLab: hover, click, keys, and what Python reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import OpenNotebook
    from lab import Notebook
    from playwright.sync_api import Locator

expect.set_options(timeout=60_000)

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

ROWS, COLUMNS = 3, 4

# A CLS, twelve patches and a register; three layers of sharp random attention.
WIDGET = f"""
import numpy as np
import attn_widget as aw

generator = np.random.default_rng(0)
weights = generator.random((3, 2, 14, 14)) ** 6
weights /= weights.sum(axis=-1, keepdims=True)
y, x = np.mgrid[:90, :120]
image = np.stack([2 * x, 2 * y, 255 - x - y], axis=-1).astype(np.uint8)
attention = aw.from_vision(list(weights[:, None]), image=image, grid=({ROWS}, {COLUMNS}), before=1)
widget = aw.AttentionWidget(attention)
widget
"""


def patch_at(view: Locator, row: int, column: int) -> dict[str, float]:
    """Middle of a patch, from where the image says that it is."""
    expect(view.locator(".aw-image")).to_have_attribute("data-image", re.compile(","))
    place = view.locator(".aw-image").get_attribute("data-image")
    assert place
    x, y, w, h = map(float, place.split(","))
    return {"x": x + (column + 0.5) * w / COLUMNS, "y": y + (row + 0.5) * h / ROWS}


def click(view: Locator, row: int, column: int, *modifiers: Any) -> None:
    view.locator(".aw-image").click(
        position=patch_at(view, row, column),  # type: ignore[arg-type]
        modifiers=list(modifiers),
    )


def token(row: int, column: int) -> int:
    return 1 + row * COLUMNS + column


def pixels(view: Locator) -> bytes:
    return view.locator(".aw-image canvas").screenshot()


def number(book: Notebook, code: str) -> Any:
    return json.loads(book.kernel(f"import json; print(json.dumps({code}))"))


def test_a_click_on_a_patch_selects_it_and_a_hover_says_its_number(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    expect(view.locator(".aw-strip")).to_be_hidden()
    click(view, 1, 2)
    book.wait_for_kernel("widget.selected", f"[(3, {token(1, 2)})]")
    expect(view.locator(".aw-sentence")).to_contain_text("outlined patch")
    graph = view.locator(".aw-stage").screenshot()
    view.locator(".aw-image").hover(position=patch_at(view, 0, 1))  # type: ignore[arg-type]
    share = number(book, f"float(widget.relevance[{token(0, 1)}])")
    tooltip = view.locator(".aw-tooltip:not(.aw-head-tip)")
    expect(tooltip).to_contain_text("of patch\u00a01,2 comes from patch\u00a00,1")
    assert float((tooltip.text_content() or "").split("\u00a0")[0]) == pytest.approx(
        100 * share, rel=6e-3
    )
    # Graph and heatmap light up with it.
    assert view.locator(".aw-stage").screenshot() != graph
    click(view, 2, 3, "Shift")
    book.wait_for_kernel("widget.selected", f"[(3, {token(1, 2)}), (0, {token(2, 3)})]")
    book.kernel(f"widget.selected = [(3, {token(1, 2)})]")
    click(view, 0, 0, "ControlOrMeta")
    book.wait_for_kernel("widget.selected", f"[(3, {token(1, 2)}), (3, {token(0, 0)})]")
    # Set from Python, the picture follows.
    before = pixels(view)
    book.kernel("widget.selected = []")
    expect(view.locator(".aw-sentence")).to_contain_text("pick a patch")
    assert pixels(view) != before


def test_the_keyboard_walks_patches_and_reaches_cls(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET, "print('below')")
    view = book.views()
    image = view.locator(".aw-image")
    click(view, 0, 1)
    book.wait_for_kernel("widget.selected", f"[(3, {token(0, 1)})]")
    cells, active = book.cells(), book.active_cell()
    image.focus()
    # The first arrow after a click only brings the ring out.
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        image.press(key)
    expect(image.get_by_role("status")).to_contain_text("patch 2,2")
    image.press("Enter")
    book.wait_for_kernel("widget.selected", f"[(3, {token(2, 2)})]")
    for key in ("ArrowUp", "ArrowUp", "ArrowUp"):
        image.press(key)
    expect(image.get_by_role("status")).to_contain_text("[DIST]")
    image.press("ArrowLeft")
    image.press("Enter")
    book.wait_for_kernel("widget.selected", "[(3, 0)]")
    expect(view.locator(".aw-sentence")).to_contain_text("CLS at layer 3 draws")
    assert (book.cells(), book.active_cell()) == (cells, active)


def test_the_overlay_follows_a_drag_before_the_kernel_and_its_settings_are_synced(
    notebook: OpenNotebook,
) -> None:
    book = notebook(WIDGET)
    view = book.views()
    book.kernel(f"widget.selected = [(3, {token(1, 1)})]")
    expect(view.locator(".aw-sentence")).to_contain_text("patch\u00a01,1 at layer 3")
    knob = view.locator("[data-control=residual]")
    box = knob.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    before = (pixels(view), view.locator(".aw-sentence").inner_text())
    book.page.mouse.move(box["x"] + box["width"] / 2, y)
    book.page.mouse.down()
    book.page.mouse.move(box["x"] + 0.9 * box["width"], y)
    expect(view.locator(".aw-sentence")).not_to_have_text(before[1])
    assert pixels(view) != before[0]
    book.page.mouse.up()
    shown = pixels(view)
    view.get_by_role("radio", name="Heat").click()
    book.wait_for_kernel("widget.overlay", "'heat'")
    view.locator("[data-control=overlay-opacity]").fill("0.4")
    book.wait_for_kernel("widget.overlay_opacity", "0.4")
    assert pixels(view) != shown
    # What is saved holds the image and the maps of the levels.
    book.kernel("saved = widget.save_svg('vision.svg')")
    book.wait_for_kernel("saved.saved", "True")
    assert int(book.kernel("open('vision.svg').read().count('<image ')")) == 2 + 4
    refused = book.kernel(
        "try:\n    widget.overlay = 'rainbow'\nexcept aw.AttentionError as error:\n    print(error)"
    )
    assert refused == "overlay is 'rainbow': choose one of 'contour', 'heat'."


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_image_has_no_accessibility_violations_and_fits_the_page(
    notebook: OpenNotebook, theme: str
) -> None:
    book = notebook(WIDGET, theme=theme)
    view = book.views()
    book.kernel(f"widget.selected = [(3, 0)]; widget.pin(); widget.selected = [(3, {token(0, 1)})]")
    book.kernel("widget.pin()")
    expect(view.locator(".aw-sentence")).to_contain_text("outlined patch")
    book.screenshot(f"vision-{theme}", view)
    apart = pixels(view)
    book.kernel("widget.compared = [0, 1]")
    expect(view.locator(".aw-sentence")).to_contain_text("points")
    assert pixels(view) != apart
    book.screenshot(f"vision-compared-{theme}", view)
    book.page.add_script_tag(path=str(AXE))
    violations = book.page.evaluate(
        "async () => (await axe.run('.attn-widget')).violations.map(({ id, nodes }) => "
        "`${id}: ${nodes.map((node) => node.html).join(' ')}`)"
    )
    assert violations == []
    book.page.set_viewport_size({"width": 480, "height": 1100})
    expect(view).to_have_attribute("data-size", "narrow")
    assert view.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    book.screenshot(f"vision-narrow-{theme}", view)
