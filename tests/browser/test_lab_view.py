"""What the view adds to the main job, driven once in a real JupyterLab, light and dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import OpenNotebook

WIDGET = """
import attn_widget as aw
widget = aw.AttentionWidget(aw.load_sample("curie"), levels=(0, 4), selected=[(4, 20)])
widget
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_settings_of_the_view_reach_python(notebook: OpenNotebook, theme: str) -> None:
    book = notebook(WIDGET, theme=theme)
    view = book.views()
    before = book.kernel("widget.matrix.sum()")
    view.locator("[data-action=settings]").click()
    for control, trait in (
        ("merge-words", "merge_words"),
        ("hide-special", "hide_special"),
        ("scale-rows", "scale_rows"),
    ):
        view.locator(f"[data-control={control}]").click()
        book.wait_for_kernel(f"widget.{trait}", "True")
    assert book.kernel("widget.matrix.sum()") == before
    expect(view.locator("[data-token]").first).to_have_text("marie")
    expect(view.locator(".aw-facts")).to_contain_text("hidden")
    view.locator("[data-control=drop-special]").click()
    book.wait_for_kernel("widget.drop", "[0, 45]")
    book.kernel("widget.drop, widget.color_scale = [], 'sqrt'")
    view.locator("[data-action=settings]").press("Escape")
    book.screenshot(f"view-{theme}")


def test_words_are_selected_as_sets(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    book.kernel("widget.merge_words = True")
    curie = view.locator("[data-token]", has_text="curie").first
    curie.click()
    pieces = book.kernel("[i for i, word in enumerate(widget.words['of_token']) if word == 2]")
    book.wait_for_kernel("[token for _, token in widget.selected]", pieces)


def test_a_full_screen_is_filled(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    stage = view.locator(".aw-stage")
    foot = "(el) => Math.round(el.getBoundingClientRect().bottom)"
    inline = stage.evaluate("(el) => el.offsetHeight")
    view.locator("[data-action=full-screen]").click()
    expect(view.get_by_role("button", name="Leave full screen")).to_be_visible()
    expect(stage).not_to_have_css("height", f"{inline}px")
    screen = book.page.evaluate("() => window.innerHeight")
    assert screen - 40 <= stage.evaluate(foot) <= screen
    book.screenshot("full-screen")
    # No page is behind it that a wheel could scroll.
    box = stage.bounding_box()
    x, y = (float(stage.get_attribute(name) or 0) for name in ("data-matrix-x", "data-matrix-y"))
    assert box is not None
    book.page.mouse.move(box["x"] + x + 80, box["y"] + y + 200)
    book.page.mouse.wheel(0, -240)
    expect(stage).to_have_attribute("data-rows-in-view", re.compile(r"\d"))
    view.get_by_role("button", name="Leave full screen").click()
    expect(stage).to_have_css("height", f"{inline}px")


def test_the_list_of_keys_stands_in_two_columns(notebook: OpenNotebook) -> None:
    """JupyterLab has its own ideas of lists and of keys."""
    book = notebook(WIDGET)
    view = book.views()
    view.locator("[data-action=help]").click()
    lefts = view.locator(".aw-keys").evaluate(
        "(list) => ['dt', 'dd'].map((name) => new Set(Array.from("
        "list.querySelectorAll(name), (it) => it.getBoundingClientRect().left)).size)"
    )
    assert lefts == [1, 1]
    cut = view.locator(".aw-keys kbd").evaluate_all(
        "(keys) => keys.filter((key) => key.scrollWidth > key.clientWidth).length"
    )
    assert cut == 0


def test_forced_colours_are_the_systems(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    book.page.emulate_media(forced_colors="active")
    # The canvas does not obey by itself: the theme that it is drawn with is read again.
    expect(view).to_have_attribute("style", re.compile("--aw-surface: *#ffffff"))
    colors = view.evaluate(
        "(el) => ['--aw-ink', '--aw-accent'].map((name) => {"
        " const probe = document.createElement('i'); probe.style.color = `var(${name})`;"
        " probe.style.forcedColorAdjust = 'none'; el.append(probe);"
        " const { color } = getComputedStyle(probe); probe.remove(); return color; })"
    )
    system = book.page.evaluate(
        "() => ['CanvasText', 'Highlight'].map((name) => {"
        " const probe = document.createElement('i'); probe.style.color = name;"
        " probe.style.forcedColorAdjust = 'none'; document.body.append(probe);"
        " const { color } = getComputedStyle(probe); probe.remove(); return color; })"
    )
    assert colors == system
    book.screenshot("forced-colours", view)
