"""The dashboard: what may be given, and who closes what."""

from __future__ import annotations

import re
import subprocess
import sys

import ipywidgets
import numpy as np
import pytest
import traitlets

import attn_widget as aw
from attn_widget.dashboard import read_examples

SAMPLE, KEYS = aw.load_sample(), aw.load_sample("keys")


def test_the_parts_are_linked():
    board = aw.dashboard(SAMPLE)
    assert list(board.charts) == ["relevance", "residual", "heads", "flow"]
    assert board.picker is None
    assert board.children[0] is board.widget
    board.widget.selected = [(6, 10)]
    np.testing.assert_allclose(
        board.charts["relevance"].marks[0].y, 100 * aw.rollout(SAMPLE)[10], atol=1e-9
    )
    board.close()
    assert board.widget.comm is None


class Output:
    attentions = tuple(SAMPLE.weights[:, None])


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (SAMPLE, 1),
        (SAMPLE.weights, 1),
        (list(SAMPLE.weights), 1),
        (Output(), 1),
        ([SAMPLE, KEYS], 2),
        ((SAMPLE, SAMPLE), 2),
        ({"a": SAMPLE, "b": KEYS.weights}, 2),
    ],
    ids=["attention", "array", "layers", "output", "list", "twice", "dict"],
)
def test_it_takes_one_or_several(given, count):
    examples = read_examples(given)
    assert len(examples) == count
    assert all(isinstance(one, aw.Attention) for one in examples.values())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "at least one"),
        ({}, "at least one"),
        ({1: SAMPLE, "1": KEYS}, "the same"),
        (None, "None"),
        ({"a": "no attention"}, "str"),
    ],
    ids=str,
)
def test_anything_else_gets_a_sentence(given, words):
    with pytest.raises(aw.AttentionError, match=re.escape(words)):
        aw.dashboard(given)


def test_the_picker_follows_and_is_followed():
    board = aw.dashboard({"trophy": SAMPLE, "keys": KEYS, "half\ud83d": SAMPLE.weights[:, :2]})
    board.widget.heads = 5
    board.picker.value = "keys"
    assert board.widget.attention is KEYS
    board.widget.attention = SAMPLE
    assert board.picker.value == "trophy"
    # Head 5 is none of a model with two heads: all of its heads are shown.
    board.picker.value = board.picker.options[2]
    assert board.widget.n_heads == 2
    assert board.widget.heads == "mean"
    board.close()


def test_two_dashboards_share_a_widget_and_leave_it_open():
    widget = aw.AttentionWidget(SAMPLE)
    first, second = aw.dashboard(widget), aw.dashboard(widget)
    widget.selected = [(6, 10)]
    for board in (first, second):
        assert board.widget is widget
        assert board.charts["relevance"].marks[0].selected.tolist() == [10]
    first.close()
    widget.selected = [(6, 3)]
    assert first.charts["relevance"].marks[0].selected.tolist() == [10]
    assert second.charts["relevance"].marks[0].selected.tolist() == [3]
    second.close()
    assert widget.comm is not None
    widget.close()
    with pytest.raises(aw.AttentionError, match="closed"):
        aw.dashboard(widget)


def test_the_name_is_a_function_whoever_imports_first():
    code = (
        "import attn_widget.dashboard, importlib\n"
        "importlib.import_module('attn_widget.dashboard')\n"
        "import attn_widget as aw; print(callable(aw.dashboard))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_without_bqplot_the_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['bqplot'] = None\n"
        "import attn_widget as aw\n"
        "try: aw.dashboard(aw.load_sample())\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'attn-widget[charts]'" in done.stdout


@pytest.mark.parametrize("link", [traitlets.link, ipywidgets.link], ids=["traitlets", "ipywidgets"])
def test_widgets_are_linked_in_the_kernel_both_ways(link):
    first, second = aw.AttentionWidget(SAMPLE), aw.AttentionWidget(KEYS)
    links = [
        link((first, name), (second, name)) for name in ("levels", "heads", "residual", "selected")
    ]
    seen = []
    second.observe(lambda change: seen.append(change["name"]), names=["residual", "heads"])
    first.selected = [(6, 10)]
    first.levels = (1, 4)
    second.heads = [1, 4]
    first.set_state({"residual": 0.7, "selected": [[4, 3], [4, 5]]})
    for widget in (first, second):
        assert (widget.levels, widget.heads, widget.residual) == ((1, 4), [1, 4], 0.7)
        assert widget.selected == [(4, 3), (4, 5)]
        expected = aw.rollout(widget.attention, levels=(1, 4), heads=[1, 4], residual=0.7)
        np.testing.assert_allclose(widget.matrix, expected, atol=1e-12)
    assert sorted(seen) == ["heads", "residual"]
    for one in links:
        one.unlink()
    first.residual = 0.1
    assert second.residual == 0.7
    first.close()
    second.close()


def test_two_dashboards_on_one_widget_close_apart():
    widget = aw.AttentionWidget(SAMPLE)
    first, second = aw.dashboard(widget), aw.dashboard(widget)
    widget.selected = [(6, 10)]
    bars = [board.charts["relevance"].marks[0] for board in (first, second)]
    np.testing.assert_array_equal(bars[0].y, bars[1].y)
    first.close()
    assert widget.comm is not None
    stale = bars[0].y.copy()
    widget.selected = [(6, 8)]
    np.testing.assert_array_equal(bars[0].y, stale)
    np.testing.assert_allclose(bars[1].y, 100 * aw.rollout(SAMPLE)[8], atol=1e-9)
    bars[1].selected = np.array([3], dtype=np.uint32)
    assert widget.selected == [(6, 3)]
    second.close()
    assert widget.comm is not None
    widget.close()
