"""The dashboard as a person meets it: clicks, brushes and drags in the charts reach the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import OpenNotebook
    from lab import Notebook
    from playwright.sync_api import Locator

# The first flow of a fresh installation waits for its compiler.
expect.set_options(timeout=60_000)

BOARD = """
import attn_widget as aw
board = aw.dashboard({name: aw.load_sample(name) for name in ("trophy", "keys")})
widget = board.widget
widget.levels, widget.heads, widget.residual = (0, 4), 3, 0.65
widget.selected = [(4, 10)]
board
"""

CHARTS = ("relevance", "residual", "heads", "flow")


def chart(book: Notebook, name: str) -> Locator:
    figure = book.views(".bqplot").nth(CHARTS.index(name))
    figure.scroll_into_view_if_needed()
    return figure


def title(book: Notebook, name: str) -> Locator:
    return chart(book, name).locator(".mainheading")


def middle(target: Locator) -> tuple[float, float]:
    box: Any = target.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_bar_selects_its_token_and_the_widget_the_bar(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    bars = chart(book, "relevance").locator(".bar")
    expect(bars).to_have_count(16)
    bars.nth(8).click()
    book.wait_for_kernel("widget.selected", "[(4, 8)]")
    expect(title(book, "relevance")).to_contain_text("‘suitcase’ at layer 4")
    expect(book.views().locator(".aw-sentence")).to_contain_text("‘suitcase’ at layer 4")
    # The other way: what is selected in the widget is outlined here.
    book.views().locator("[data-token='13']").click()
    expect(title(book, "relevance")).to_contain_text("‘big’ at layer 4")
    book.wait_for_kernel("board.charts['relevance'].marks[0].selected.tolist()", "[13]")
    # A click beside the bars lets go.
    box: Any = chart(book, "relevance").locator(".plotarea_events").bounding_box()
    tall = bars.nth(2).bounding_box()
    assert tall is not None
    book.page.mouse.click(tall["x"] + 5, box["y"] + 5)
    book.wait_for_kernel("widget.selected", "[]")


def test_a_brush_selects_a_set(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    figure = chart(book, "relevance")
    bars = figure.locator(".bar")
    x, y = middle(figure.get_by_text("Brush"))
    book.page.mouse.click(x, y)
    expect(figure.locator(".brushintsel .overlay")).to_have_count(1)
    expect(figure.get_by_text("Drag over bars")).to_be_visible()
    book.wait_for_kernel("widget.selected", "[(4, 10)]")
    x, y = middle(bars.nth(5))
    book.page.mouse.move(x, y - 20)
    book.page.mouse.down()
    book.page.mouse.move(x + 5, y - 20)
    book.page.mouse.move(middle(bars.nth(8))[0], y - 20, steps=4)
    book.page.mouse.up()
    book.wait_for_kernel("widget.selected", "[(4, 5), (4, 6), (4, 7), (4, 8)]")
    expect(title(book, "relevance")).to_contain_text("4 tokens at layer 4")
    # The brush is put away: a click is one on a bar again.
    expect(figure.locator(".brushintsel .overlay")).to_have_count(0)
    book.wait_for_kernel("widget.selected", "[(4, 5), (4, 6), (4, 7), (4, 8)]")
    bars.nth(10).click()
    book.wait_for_kernel("widget.selected", "[(4, 10)]")


def test_the_knob_is_the_residual(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    figure = chart(book, "residual")
    knob = figure.locator(".dot").first
    x, y = middle(knob)
    book.kernel("widget.residual = 0.4")
    expect(book.views().locator("[data-control=residual]")).to_have_value("0.4")
    book.page.wait_for_function(
        "([knob, x]) => knob.getBoundingClientRect().x < x - 40", arg=[knob.element_handle(), x]
    )
    x, y = middle(knob)
    book.page.mouse.move(x, y)
    book.page.mouse.down()
    book.page.mouse.move(x + 30, y, steps=5)
    book.page.mouse.move(x + 60, y, steps=5)
    book.page.mouse.up()
    residual = book.views().locator("[data-control=residual]")
    book.wait_for_kernel("bool(widget.residual > 0.5)", "True")
    # The kernel, the knob and the slider end on one value.
    book.wait_for_kernel("bool(widget.residual == board.charts['residual'].marks[2].x[0])", "True")
    expect(residual).to_have_value(book.kernel("widget.residual"))


def test_a_head_is_picked(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    dots = chart(book, "heads").locator(".dot")
    expect(dots).to_have_count(2 * 72)
    dots.nth(12 + 7).click(force=True)
    book.wait_for_kernel("widget.heads", "7")
    expect(book.views().locator("[data-control=heads]")).to_have_value("8")
    expect(title(book, "heads")).to_contain_text("Head 7")
    book.kernel("widget.heads = 'mean'")
    expect(title(book, "heads")).to_contain_text("How widely")


def test_a_point_of_the_flow_selects_its_pair(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    expect(title(book, "flow")).to_contain_text("‘it’ at layer 4: ")
    expect(title(book, "flow")).to_contain_text("bound")
    points = chart(book, "flow").locator(".dot")
    expect(points).to_have_count(16)
    points.nth(13).click(force=True)
    book.wait_for_kernel("widget.selected", "[(4, 10), (0, 13)]")
    book.kernel("widget.selected = []")
    expect(title(book, "flow")).to_contain_text("select a token")
    expect(points).to_have_count(0)


def test_the_picker_changes_the_example(notebook: OpenNotebook) -> None:
    book = notebook(BOARD, height=1500)
    book.views("select").first.select_option("keys")
    book.wait_for_kernel("widget.tokens[2]", "'keys'")
    count = int(book.kernel("len(widget.tokens)"))
    expect(chart(book, "relevance").locator(".bar")).to_have_count(count)
    book.kernel("widget.attention = board._examples['trophy']")
    expect(book.views("select").first).to_have_value("trophy")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_theme(notebook: OpenNotebook, theme: str) -> None:
    book = notebook(BOARD, theme=theme, width=1300, height=1500)
    expect(title(book, "flow")).to_contain_text("bound")
    ink = "(el) => getComputedStyle(el).fill"
    colors = {one: title(book, one).evaluate(ink) for one in CHARTS}
    text = colors["flow"].removeprefix("rgb").strip("a()").split(",")
    assert (float(text[0]) < 128) == (theme == "light"), colors
    chart(book, "relevance").locator(".bar").nth(8).hover()
    tip = book.page.locator(".bqplot_mark_tooltip", has_text="suitcase")
    expect(tip).to_be_visible()
    assert tip.evaluate("(el) => getComputedStyle(el).color") in set(colors.values())
    book.screenshot(f"dashboard-{theme}")


def test_two_widgets_share_settings_in_the_browser_alone(notebook: OpenNotebook) -> None:
    book = notebook(
        """
import attn_widget as aw, ipywidgets
a = aw.AttentionWidget(aw.load_sample(), height=300)
b = aw.AttentionWidget(aw.load_sample("keys"), height=300)
links = [ipywidgets.jslink((a, name), (b, name)) for name in ("residual", "levels", "heads")]
links.append(ipywidgets.jslink((a, "selected"), (b, "selected")))
ipywidgets.VBox([a, b])
"""
    )
    first, second = book.views().nth(0), book.views().nth(1)
    first.locator("[data-control=residual]").fill("0.8")
    expect(second.locator("[data-control=residual]")).to_have_value("0.8")
    second.locator("[data-control=heads]").fill("4")
    expect(first.locator("[data-control=heads]")).to_have_value("4")
    second.locator("[data-control=layers-stop]").fill("4")
    expect(first.locator("[data-control=layers-stop]")).to_have_value("4")
    first.locator("[data-token='5']").click()
    expect(second.locator("[data-token='5']")).to_have_attribute("aria-selected", "true")
    for name, value in (("residual", "0.8"), ("levels", "(0, 4)"), ("heads", "3")):
        book.wait_for_kernel(f"(a.{name}, b.{name})", f"({value}, {value})")
    book.wait_for_kernel("(a.selected, b.selected)", "([(4, 5)], [(4, 5)])")
