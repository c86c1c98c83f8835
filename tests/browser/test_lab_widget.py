"""The widget as a person meets it: a real JupyterLab, a real kernel, a real browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from pointing import cell_at, node_at

if TYPE_CHECKING:
    from conftest import OpenNotebook
    from lab import Notebook
    from playwright.sync_api import Locator

# The first flow of a fresh installation waits for its compiler.
expect.set_options(timeout=60_000)

WIDGET = """
import attn_widget as aw
widget = aw.AttentionWidget(aw.load_sample())
widget
"""

IT, BIG, SUITCASE = 10, 13, 8


def slide(view: Locator, control: str, value: float) -> None:
    view.locator(f"[data-control={control}]").fill(str(value))


def choose(view: Locator, method: str) -> None:
    view.get_by_role("radio", name=method).click()


def click_node(
    view: Locator,
    level: int,
    token: int,
    levels: tuple[int, int] = (0, 6),
    modifiers: list[Any] | None = None,
) -> None:
    position = node_at(view, level, token, levels)
    view.locator(".aw-stage").click(position=position, modifiers=modifiers or [])  # type: ignore[arg-type]


def sentence(view: Locator) -> Locator:
    return view.locator(".aw-sentence")


def numbers(book: Notebook, code: str) -> Any:
    return json.loads(book.kernel(f"import json; print(json.dumps({code}))"))


def test_a_click_selects_and_python_reads_it(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    expect(sentence(view)).to_contain_text("pick a token to trace it")
    click_node(view, 6, IT)
    book.wait_for_kernel("widget.selected", "[(6, 10)]")
    expect(sentence(view)).to_contain_text("‘it’ at layer 6 draws")
    relevance = numbers(book, "widget.relevance.tolist()")
    assert abs(sum(relevance) - 1) < 1e-9
    # What the sentence says is what Python says.
    words = {3: "does", 2: "trophy", 8: "suitcase", 13: "big", 5: "fit"}
    top = max(words, key=lambda token: relevance[token])
    expect(sentence(view)).to_contain_text(f"‘{words[top]}’")

    click_node(view, 3, SUITCASE)
    book.wait_for_kernel("widget.selected", "[(3, 8)]")
    expect(sentence(view)).to_contain_text("‘suitcase’ at layer 3 draws")

    click_node(view, 6, IT)
    click_node(view, 0, BIG, modifiers=["Shift"])
    book.wait_for_kernel("widget.selected", "[(6, 10), (0, 13)]")
    view.locator(".aw-stage").press("Escape")
    book.wait_for_kernel("widget.selected", "[]")


def test_a_cell_selects_its_pair_and_a_token_of_the_text_its_output(
    notebook: OpenNotebook,
) -> None:
    book = notebook(WIDGET)
    view = book.views()
    view.locator(".aw-stage").click(position=cell_at(view, IT, BIG))  # type: ignore[arg-type]
    book.wait_for_kernel("widget.selected", "[(6, 10), (0, 13)]")
    view.locator("[data-token='8']").click()
    book.wait_for_kernel("widget.selected", "[(6, 8)]")


def test_python_moves_the_picture(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    book.kernel("widget.selected = [(6, 8)]")
    expect(sentence(view)).to_contain_text("‘suitcase’ at layer 6 draws")
    expect(view.locator("[data-token='8']")).to_have_attribute("aria-selected", "true")
    book.kernel("widget.levels, widget.heads, widget.residual = (0, 4), 3, 0.65")
    expect(sentence(view)).to_contain_text("‘suitcase’ at layer 4 draws")
    expect(view.locator("[data-control=residual]")).to_have_value("0.65")
    expect(view.locator("[data-control=heads]")).to_have_value("4")
    expect(view.locator("[data-control=layers-stop]")).to_have_value("4")
    book.kernel("widget.method = 'flow'")
    expect(sentence(view)).to_contain_text("can draw")
    expect(view.get_by_role("radio", name="Flow")).to_be_checked()


def test_every_control_reaches_the_kernel(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    slide(view, "residual", 0.65)
    book.wait_for_kernel("widget.residual", "0.65")
    slide(view, "layers-stop", 4)
    book.wait_for_kernel("widget.levels", "(0, 4)")
    slide(view, "layers-start", 1)
    book.wait_for_kernel("widget.levels", "(1, 4)")
    slide(view, "heads", 4)
    book.wait_for_kernel("widget.heads", "3")
    slide(view, "heads", 0)
    book.wait_for_kernel("widget.heads", "'mean'")
    slide(view, "mass", 0.5)
    book.wait_for_kernel("widget.mass_shown", "0.5")
    view.locator("[data-action=settings]").click()
    view.get_by_role("radio", name="Max").click()
    book.wait_for_kernel("widget.heads", "'max'")
    view.locator("[data-action=settings]").press("Escape")
    choose(view, "Flow")
    book.wait_for_kernel("widget.method", "'flow'")
    choose(view, "Attention")
    book.wait_for_kernel("widget.method", "'attention'")
    slide(view, "layers-stop", 2)
    book.wait_for_kernel("widget.levels[1]", "2")
    assert numbers(book, "abs(widget.matrix.sum(axis=1) - 1).max()") < 1e-9


def test_a_dragged_residual_moves_the_picture_and_the_kernel(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    click_node(view, 6, IT)
    expect(sentence(view)).to_contain_text("‘it’ at layer 6 draws")
    before = sentence(view).inner_text()
    picture = view.locator(".aw-stage").screenshot()
    box = view.locator("[data-control=residual]").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    book.page.mouse.move(box["x"] + box["width"] * 0.5, y)
    book.page.mouse.down()
    for part in (0.55, 0.6, 0.7, 0.8, 0.9):
        book.page.mouse.move(box["x"] + box["width"] * part, y)
    # Still down: the picture has followed, whatever the kernel does.
    expect(sentence(view)).not_to_have_text(before)
    assert view.locator(".aw-stage").screenshot() != picture
    book.page.mouse.up()
    value = float(view.locator("[data-control=residual]").input_value())
    assert value > 0.8
    book.wait_for_kernel("widget.residual", repr(value))
    stays = numbers(book, "widget.relevance[10]")
    percent = f"{round(100 * stays)}"
    expect(sentence(view)).to_contain_text(f"{percent}\u00a0%")


def test_flow_of_a_pair_says_what_limits_it(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    book.kernel(
        "widget.levels, widget.heads, widget.residual, widget.method = (0, 4), 8, 0.65, 'flow'"
    )
    book.kernel("widget.selected = [(4, 10), (0, 13)]")
    expect(sentence(view)).to_contain_text("‘it’ can draw at most")
    value = numbers(book, "float(widget.relevance[13])")
    expect(sentence(view)).to_contain_text(f"{value:.2f}")
    expect(sentence(view)).to_contain_text("the cut")
    slide(view, "residual", 0.3)
    book.wait_for_kernel("widget.residual", "0.3")
    changed = numbers(book, "float(widget.relevance[13])")
    expect(sentence(view)).to_contain_text(f"{changed:.2f}")


def test_keys_stay_in_the_widget(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET, "print('below')")
    view = book.views()
    residual = view.locator("[data-control=residual]")
    residual.focus()
    cells, active = book.cells(), book.active_cell()
    for key in ("ArrowRight", "ArrowRight", "b", "a", "d", "d", "x", "ArrowDown"):
        residual.press(key)
    book.wait_for_kernel("widget.residual", "0.51")
    stage = view.locator(".aw-stage [tabindex='0'], .aw-stage[tabindex='0']").first
    stage.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter", "b", "a", "m", "y"):
        stage.press(key)
    expect(sentence(view)).to_contain_text(" at layer ")
    assert book.cells() == cells
    assert book.active_cell() == active


def test_two_views_show_one_widget_and_two_widgets_are_two(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET, "widget", "other = aw.AttentionWidget(aw.load_sample('keys')); other")
    first, second, other = (book.views().nth(i) for i in range(3))
    first.locator("[data-token='10']").click()
    for view in (first, second):
        expect(sentence(view)).to_contain_text("‘it’ at layer 6 draws")
    expect(sentence(other)).to_contain_text("pick a token to trace it")
    other.locator("[data-token='2']").click()
    book.wait_for_kernel("(widget.selected, other.selected)", "([(6, 10)], [(6, 2)])")


def test_a_view_that_was_removed_comes_back_as_it_was(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET, "from IPython.display import clear_output\nclear_output()")
    view = book.views()
    view.locator("[data-token='10']").click()
    book.wait_for_kernel("widget.selected", "[(6, 10)]")
    slide(view, "residual", 0.8)
    book.wait_for_kernel("widget.residual", "0.8")
    book.page.evaluate(
        "(name) => window.findNotebook(name).content.widgets[0].model.outputs.clear()", book.name
    )
    expect(book.views()).to_have_count(0)
    book.kernel("widget.residual = 0.7")
    book.page.evaluate(
        """async (name) => {
          const { content } = window.findNotebook(name);
          content.activeCellIndex = 1;
          content.activeCell.model.sharedModel.setSource("widget");
          await window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        book.name,
    )
    expect(sentence(book.views())).to_contain_text("‘it’ at layer 6 draws")
    expect(book.views().locator("[data-control=residual]")).to_have_value("0.7")


def test_a_mistake_in_a_callback_is_shown_and_goes_away(notebook: OpenNotebook) -> None:
    book = notebook(
        WIDGET + "\nwidget.observe(lambda change: 1 / 0, names='residual')\nwidget",
    )
    view = book.views().first
    slide(view, "residual", 0.6)
    message = view.locator(".aw-message")
    expect(message).to_contain_text("division by zero")
    expect(sentence(view)).to_be_visible()
    message.get_by_role("button").first.click()
    expect(message).to_be_hidden()
    book.wait_for_kernel("widget.residual", "0.6")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_theme_of_the_page(notebook: OpenNotebook, theme: str) -> None:
    book = notebook(WIDGET, theme=theme)
    view = book.views()
    view.locator("[data-token='10']").click()
    expect(sentence(view)).to_contain_text("‘it’")
    expect(view).to_have_attribute("data-theme", theme)
    book.screenshot(f"widget-{theme}")
    book.theme("dark" if theme == "light" else "light")
    expect(view).to_have_attribute("data-theme", "dark" if theme == "light" else "light")
