"""A corpus as a person meets it: sort, filter, click a row, and the example is in the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import OpenNotebook

CORPUS = """
import tempfile
import attn_widget as aw
samples = [aw.load_sample(name) for name in aw.sample_names()]
corpus = aw.map_corpus(samples, to=tempfile.mkdtemp(), progress=False, source=0)
box = aw.browse(corpus)
box
"""


def test_a_table_beside_the_widget(notebook: OpenNotebook) -> None:
    book = notebook(CORPUS, theme="dark")
    rows = book.views(".aw-corpus tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_have_class("selected")
    rows.nth(1).click()
    book.wait_for_kernel("box.widget.tokens[2]", "'keys'")
    expect(book.views().locator("[data-token='2']").first).to_contain_text("keys")
    expect(rows.nth(1)).to_have_class("selected")
    # Longest first; the row that was picked stays picked, wherever it goes.
    header = book.views(".aw-corpus thead th").filter(has_text="tokens")
    header.locator(".dtcc-button").first.click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.locator(".dtcc-button").first.click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(rows.nth(0)).to_contain_text("46")
    rows.nth(0).click()
    book.wait_for_kernel("(box.row, len(box.widget.tokens))", "(2, 46)")
    book.views(".dt-search input").fill("trophy")
    expect(rows).to_have_count(1)
    rows.nth(0).click()
    book.wait_for_kernel("(box.row, box.widget.selected)", "(0, [(6, 0)])")
    # And from Python.
    book.views(".dt-search input").fill("")
    expect(rows).to_have_count(3)
    book.kernel("box.row = 1")
    expect(book.views(".aw-corpus tr.selected")).to_contain_text("keys")
    book.screenshot("corpus-dark")
