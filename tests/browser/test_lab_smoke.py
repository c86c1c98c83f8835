"""The fixture itself: a throwaway widget goes from Python to the page and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import OpenNotebook

CELL = '''
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = `count ${model.get("count")}`; };
      button.addEventListener("click", () => {
        model.set("count", model.get("count") + 1); model.save_changes(); });
      model.on("change:count", show);
      show();
      el.append(button);
    } };
    """
    count = traitlets.Int(0).tag(sync=True)
counter = Counter()
counter
'''


def test_a_click_reaches_the_kernel_and_python_moves_the_page(notebook: OpenNotebook) -> None:
    book = notebook(CELL)
    button = book.page.get_by_role("button", name="count 0")
    button.click()
    book.wait_for_kernel("counter.count", "1")
    book.kernel("counter.count = 41")
    book.page.get_by_role("button", name="count 41").click()
    book.wait_for_kernel("counter.count", "42")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_what_was_asked_for(notebook: OpenNotebook, theme: str) -> None:
    book = notebook("print('hello')", theme=theme)
    paper = book.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper.strip("rgb()").split(",")[:3]) / 3
    assert (brightness > 128) == (theme == "light")
    assert book.screenshot(theme).stat().st_size > 1000


def test_a_failing_cell_fails_the_test(notebook: OpenNotebook) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook("1 / 0")
