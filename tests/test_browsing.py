"""A corpus as a table beside the widget, and as figures of its heads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import attn_widget as aw

if TYPE_CHECKING:
    from pathlib import Path

QUIET: dict[str, Any] = {"progress": False, "workers": 2}
NAMES = ("trophy", "keys", "curie")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Two samples as files, with one between them that is gone."""
    folder = tmp_path_factory.mktemp("files")
    trophy, keys = (aw.save(aw.load_sample(name), folder / f"{name}.attn") for name in NAMES[:2])
    return [trophy, folder / "gone.attn", keys]


def test_a_row_brings_its_example_with_its_settings(tmp_path: Path, samples: list[Any]) -> None:
    corpus = aw.map_corpus(
        samples, to=tmp_path / "out", levels=(0, 4), heads=3, residual=0.65, source=10, **QUIET
    )
    box = aw.browse(tmp_path / "out")
    widget = box.widget
    assert (widget.levels, widget.heads, widget.residual) == ((0, 4), 3, 0.65)
    assert widget.selected == [(4, 10)]
    np.testing.assert_allclose(widget.relevance, corpus[0][0]["relevance"])
    assert box.table.selected_rows == [0]
    assert box.frame["text"][0].startswith("the trophy does")
    box.table.selected_rows = [2]  # what a click sets
    assert widget.attention.tokens[2] == "keys"
    assert (widget.levels, widget.heads, widget.selected) == ((0, 4), 3, [(4, 10)])
    np.testing.assert_allclose(widget.relevance, corpus[2][0]["relevance"])
    assert box.row == 2
    box.row = 1
    assert "There is no file" in widget.error
    assert widget.attention.tokens[2] == "keys"  # what can be shown stays
    box.row = 0
    assert widget.error == ""
    assert widget.selected == [(4, 10)]
    box.close()
    assert widget.comm is None


def test_the_table_has_the_plain_columns(tmp_path: Path, samples: list[Any]) -> None:
    corpus = aw.map_corpus(samples, "flow", to=tmp_path / "out", **QUIET)
    box = aw.browse(corpus)
    assert list(box.frame.columns) == [
        *("item", "text", "tokens", "error", "mean flow", "bound share", "peak"),
    ]
    pair = corpus[0][0]
    assert box.widget.method == "flow"
    assert box.widget.selected == [(6, pair["query"]), (0, pair["key"])]
    frame = corpus.to_frame()
    frame["mine"] = list("abc")
    some = aw.browse(corpus, table=frame[frame["item"] == 2])
    assert some.frame["mine"].tolist() == ["c"]
    assert some.widget.attention.tokens[2] == "keys"


def test_items_in_memory_are_browsed_as_they_are(tmp_path: Path) -> None:
    items = [aw.load_sample(name) for name in NAMES]
    corpus = aw.map_corpus(
        items, lambda one: {"letters": sum(map(len, one.tokens))}, to=tmp_path / "out", **QUIET
    )
    box = aw.browse(corpus)
    assert box.widget.attention is items[0]
    box.row = 2
    assert box.widget.attention is items[2]
    with pytest.raises(aw.AttentionError, match="row 3 is out of range"):
        box.row = 3
    with pytest.raises(aw.AttentionError, match="is not kept"):
        aw.browse(tmp_path / "out")


def test_what_cannot_be_browsed(tmp_path: Path) -> None:
    empty = aw.map_corpus([], to=tmp_path / "none", **QUIET)
    for wrong, match in (
        ({"corpus": 3}, "browse was given 3"),
        ({"corpus": tmp_path}, "holds no corpus"),
        ({"corpus": empty}, "it has none"),
        ({"corpus": empty, "table": pd.DataFrame({"n": [1]})}, "with the column item"),
    ):
        with pytest.raises(aw.AttentionError, match=match):
            aw.browse(**wrong)


def test_without_itables_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = aw.map_corpus([aw.load_sample()], to=tmp_path / "out", **QUIET)
    monkeypatch.delitem(sys.modules, "attn_widget.browser", raising=False)
    monkeypatch.setitem(sys.modules, "itables.widget", None)
    with pytest.raises(ImportError, match=r"pip install 'attn-widget\[corpus\]'"):
        aw.browse(corpus)


def test_heads_of_a_corpus(tmp_path: Path) -> None:
    items = [aw.load_sample(name) for name in NAMES[:2]]
    corpus = aw.map_corpus(items, "heads", to=tmp_path / "out", outputs=1, **QUIET)
    chart = aw.head_statistics_chart(tmp_path / "out")
    assert list(chart.charts) == ["entropy", "distance", "special_share", "bound_share"]
    entropy = np.stack([row.reshape(6, 12) for row in corpus.to_frame()["entropy"]])
    np.testing.assert_array_equal(chart.statistics["entropy"], entropy)
    spread, dots = chart.charts["entropy"].marks
    np.testing.assert_allclose(dots.y, entropy.mean(axis=0).ravel())
    np.testing.assert_allclose(
        spread.y[:, 1] - spread.y[:, 0], 0.8 * np.ptp(entropy, axis=0).ravel()
    )
    layer, head = divmod(int(entropy.mean(axis=0).argmax()), 12)
    assert chart.charts["entropy"].title.startswith(f"Layer {layer + 1}, head {head} reads most")
    # A click on a head marks it in every figure; another one lets go.
    click = {"event": "element_click", "data": {"index": 2 * 12 + 6}}
    dots._handle_custom_msgs(dots, click)
    assert chart.picked == (3, 6)
    for figure in chart.charts.values():
        assert np.argmax(figure.marks[1].opacities) == 30
        assert figure.title.startswith("Layer 3, head 6 is number")
    dots._handle_custom_msgs(dots, click)
    assert chart.picked is None
    with pytest.raises(aw.AttentionError, match="layers from 1 to 6"):
        chart.picked = (0, 0)
    chart.close()


def test_figures_need_heads_of_one_model(tmp_path: Path) -> None:
    big, small = aw.load_sample(), aw.Attention([[[[1.0, 0.0], [0.5, 0.5]]]])
    for name, items, compute, match in (
        ("other", [small], "relevance", "holds 'relevance'"),
        ("mixed", [big, small], "heads", "2 sizes"),
        ("none", [3], "heads", "no text that could be read"),
    ):
        settings = {"outputs": 0} if compute == "heads" else {}
        corpus = aw.map_corpus(items, compute, to=tmp_path / name, **settings, **QUIET)
        with pytest.raises(aw.AttentionError, match=match):
            aw.head_statistics_chart(corpus)
    one = aw.map_corpus([small], "heads", to=tmp_path / "one", outputs=0, **QUIET)
    assert list(aw.head_statistics_chart(one).charts) == ["entropy", "distance", "special_share"]
