"""Pins, heads, words and saved pictures, in a real JupyterLab on a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import OpenNotebook

WIDGET = """
import attn_widget as aw
widget = aw.AttentionWidget(aw.load_sample(), levels=(0, 4), heads=3, selected=[(4, 10)])
widget
"""


def test_pins_are_named_by_the_kernel_and_shown_in_one_go(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    # The key must pin, and not reach the notebook, where it would open the palette.
    view.locator(".aw-stage").press("p")
    expect(view.locator(".aw-chip-name")).to_have_text(["‘it’, head 3"])
    view.get_by_role("radio", name="Attention").click()
    view.locator("[data-token='8']").click()
    view.locator("[data-action=pin]").click()
    expect(view.locator(".aw-chip-name")).to_have_text(
        ["‘it’, head 3", "‘suitcase’, head 3, attention"]
    )
    book.kernel("computed = []; widget.observe(lambda c: computed.append(1), 'shown_trace')")
    view.locator(".aw-chip-show").first.click()
    book.wait_for_kernel("(widget.method, widget.selected)", "('rollout', [(4, 10)])")
    expect(view.locator(".aw-sentence")).to_contain_text("‘it’ at layer 4 draws")
    assert book.kernel("print(len(computed))").strip() == "1"
    view.locator(".aw-chip-show").first.press("F2")
    view.locator(".aw-chip-field").fill("mine")
    view.locator(".aw-chip-field").press("Enter")
    book.wait_for_kernel("[pin['name'] for pin in widget.pins][0]", "'mine'")


def test_two_pins_are_compared_until_a_setting_changes(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET + "\nwidget.pin(); widget.heads = 'mean'; widget.pin(); widget")
    view = book.views()
    view.locator("[data-action=compare]").click()
    book.wait_for_kernel("(widget.compared, widget.heads)", "([0, 1], 3)")
    expect(view.locator("[data-pole=a] .aw-chip-name")).to_have_text("‘it’, head 3")
    view.locator("[data-action=swap]").click()
    book.wait_for_kernel("(widget.compared, widget.heads)", "([1, 0], 'mean')")
    view.locator("[data-control=heads]").fill("6")
    book.wait_for_kernel("(widget.compared, widget.heads)", "([], 5)")
    expect(view.locator("[data-pole]")).to_have_count(0)


def test_the_heads_unfold_and_one_is_picked(notebook: OpenNotebook) -> None:
    book = notebook(WIDGET)
    view = book.views()
    view.locator("[data-action=heads]").click()
    expect(view.locator(".aw-head")).to_have_count(72)
    share = float(
        book.kernel(
            "from attn_widget.wire import unpack\n"
            "print(float(unpack(widget.head_shares['shares'])[1, 8]))"
        )
    )
    expect(view.get_by_role("button", name="Layer 2, head 8, entropy")).to_have_attribute(
        "aria-label",
        f"Layer 2, head 8, entropy 0.87 bits, {100 * share:.3g}\u00a0% of the selection’s trace",
    )
    view.get_by_role("button", name="Layer 2, head 8, entropy").click()
    book.wait_for_kernel("widget.heads", "8")
    expect(view.locator(".aw-head[aria-pressed=true]")).to_have_count(4)


def test_words_are_selected_whole_and_dropped_tokens_carry_nothing(notebook: OpenNotebook) -> None:
    book = notebook(
        "import numpy as np, attn_widget as aw\n"
        "n = 6\n"
        "maps = np.random.default_rng(0).dirichlet(np.ones(n), (2, 2, n))\n"
        "tokens = ['[CLS]', 'un', '##read', '##able', 'text', '[SEP]']\n"
        "widget = aw.AttentionWidget(maps, tokens)\n"
        "widget"
    )
    view = book.views()
    view.locator("[data-action=settings]").click()
    view.get_by_role("switch", name="Merge pieces into words").click()
    view.locator("[data-action=settings]").click()
    expect(view.locator(".aw-token")).to_have_text(["CLS", "unreadable", "text", "SEP"])
    view.locator("[data-token='1']").click()
    book.wait_for_kernel("widget.selected", "[(2, 1), (2, 2), (2, 3)]")
    expect(view.locator(".aw-sentence")).to_contain_text("‘unreadable’ at layer 2 draws")
    view.locator("[data-action=settings]").click()
    view.get_by_role("switch", name="Drop special tokens").click()
    book.wait_for_kernel("widget.drop", "[0, 5]")
    book.wait_for_kernel("float(widget.relevance[[0, 5]].sum())", "0.0")
    expect(view.locator(".aw-facts")).to_contain_text("CLS and SEP dropped")
    view.get_by_role("switch", name="Hide special tokens").click()
    expect(view.locator(".aw-token")).to_have_text(["unreadable", "text"])


def test_python_saves_what_the_browser_shows(notebook: OpenNotebook, tmp_path: Path) -> None:
    vectors, pixels = tmp_path / "it.svg", tmp_path / "it.png"
    # Asked for before there is a view, in the cell that makes it.
    book = notebook(
        WIDGET.replace("\nwidget\n", f"\nearly = widget.save_svg({str(vectors)!r})\nwidget\n"),
    )
    view = book.views()
    book.wait_for_kernel("early.saved", "True")
    book.kernel(f"late = widget.save_png({str(pixels)!r})")
    book.wait_for_kernel("late.saved", "True")
    root = ET.parse(vectors).getroot()
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == view.locator(".aw-sentence").text_content()
    assert pixels.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "is there already" in book.kernel(
        f"try: widget.save_png({str(pixels)!r})\nexcept aw.AttentionError as e: print(e)"
    )


def test_a_button_downloads_the_picture(notebook: OpenNotebook, tmp_path: Path) -> None:
    book = notebook(WIDGET)
    view = book.views()
    for form, first in (("svg", b"<svg"), ("png", b"\x89PNG")):
        view.locator("[data-action=save]").click()
        with book.page.expect_download() as download:
            view.locator(f"[data-format={form}]").click()
        assert download.value.suggested_filename == f"rollout-it.{form}"
        target = tmp_path / f"picture.{form}"
        download.value.save_as(target)
        assert target.read_bytes().startswith(first)
