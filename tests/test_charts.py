"""Charts follow the widget and the widget them; what they show are the public numbers."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import attn_widget as aw
from attn_widget import chartsweep
from attn_widget.chartdata import head_figures, residual_curves, spread
from attn_widget.chartparts import ORANGE, token_label, token_labels

SAMPLE = aw.load_sample()
ALL = (aw.relevance_chart, aw.residual_sweep, aw.head_chart, aw.flow_chart)
IT, BIG = 10, 13


@pytest.fixture
def widget():
    made = aw.AttentionWidget(SAMPLE, levels=(0, 4), heads=3, residual=0.65, selected=[(4, IT)])
    yield made
    made.close()


def click(mark, index):
    mark._handle_custom_msgs(mark, {"event": "element_click", "data": {"index": index}})


# --- relevance -----------------------------------------------------------------------------------


def test_bars_are_the_relevance(widget):
    figure = aw.relevance_chart(widget)
    bars = figure.marks[0]
    np.testing.assert_allclose(bars.y, 100 * widget.relevance)
    assert bars.selected.tolist() == [IT]
    assert figure.title == "‘it’ at layer 4 draws 9\u00a0% from ‘big’"
    widget.selected = [(4, BIG), (4, 8)]
    np.testing.assert_allclose(bars.y, 100 * widget.relevance)
    assert sorted(bars.selected.tolist()) == [8, BIG]
    widget.method = "flow"
    figure.link.wait()
    np.testing.assert_allclose(bars.y, widget.relevance, atol=1e-9)
    widget.selected = []
    figure.link.wait()
    np.testing.assert_allclose(bars.y, widget.relevance, atol=1e-9)
    assert bars.selected is None


def test_bars_select(widget):
    bars = aw.relevance_chart(widget).marks[0]
    bars.set_state({"selected": [8]})
    assert widget.selected == [(4, 8)]
    bars.selected = np.array([2, 3], dtype=np.uint32)
    assert widget.selected == [(4, 2), (4, 3)]
    bars.selected = None
    assert widget.selected == []


def test_a_brush_that_is_taken_up_selects_nothing_yet(widget):
    figure = aw.relevance_chart(widget)
    bars, caption, button = figure.marks
    click(button, 0)
    assert figure.interaction is not None
    assert list(caption.text) == ["Drag over bars"]
    bars.set_state({"selected": None})  # as bqplot's brush does when it comes up
    assert widget.selected == [(4, IT)]
    assert bars.selected.tolist() == [IT]
    figure.interaction.brushing = True
    bars.set_state({"selected": [5, 6]})
    figure.interaction.brushing = False
    assert widget.selected == [(4, 5), (4, 6)]
    assert figure.interaction is None
    assert list(caption.text) == ["Brush"]


# --- residual ------------------------------------------------------------------------------------


@pytest.mark.parametrize("selected", [[(4, IT)], [(4, IT), (4, 2)], [(0, BIG)], []])
def test_curves_are_rollouts(widget, selected):
    widget.selected = selected
    analysis, settings, selection = widget.showing
    residuals = [0, 0.3, 0.65, 1]
    curves = residual_curves(analysis, settings, selection, residuals)
    for residual, curve in zip(residuals, curves, strict=True):
        widget.residual = residual
        np.testing.assert_allclose(curve, widget.relevance, atol=1e-12)


def test_the_knob_and_the_residual_are_one(widget):
    figure = aw.residual_sweep(widget)
    lines, ends, cursor, knob = figure.marks
    assert len(ends.text) == len(lines.y)
    assert list(cursor.x) == [0.65, 0.65]
    widget.residual = 0.2
    assert (list(cursor.x), list(knob.x)) == ([0.2, 0.2], [0.2])
    for dragged, residual in ((0.4321, 0.43), (1.7, 1.0), (-0.2, 0.0)):
        knob.x = [dragged]
        assert widget.residual == residual
        assert list(cursor.x) == [residual, residual]
    # A line tells of which token it is, and where it is highest.
    tokens = SAMPLE.tokens
    big = next(text for text in lines.labels if text.startswith("big: "))
    highest, at = re.search(r"at most (\d+)\u00a0%, at residual (\d\.\d\d)$", big).groups()
    rollout = aw.rollout(SAMPLE, levels=(0, 4), heads=3, residual=float(at))
    assert round(100 * rollout[IT, tokens.index("big")]) == int(highest)
    widget.residual = [0.1, 0.2, 0.3, 0.4]
    assert not cursor.visible
    widget.residual = 0.5
    assert cursor.visible


def test_the_curves_are_not_drawn_again_for_a_residual(widget, monkeypatch):
    aw.residual_sweep(widget)
    asked = []
    monkeypatch.setattr(chartsweep, "residual_curves", lambda *a: asked.append(a))
    widget.residual = 0.2
    assert asked == []


# --- heads ---------------------------------------------------------------------------------------


def test_entropy_and_distance_of_known_heads():
    n = 8
    uniform, own = np.full((n, n), 1 / n), np.eye(n)
    before = np.eye(n, k=-1)
    before[0, 0] = 1
    figures = head_figures(aw.Attention(np.stack([uniform, own, before])[None]))
    np.testing.assert_allclose(figures.entropy, [[3, 0, 0]], atol=1e-6)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    np.testing.assert_allclose(figures.distance, [[apart.mean(), 0, 7 / 8]], atol=1e-6)


def test_a_click_picks_a_head_and_gives_it_back(widget):
    figure = aw.head_chart(widget)
    entropy, distance = figure.marks
    assert len(entropy.x) == len(distance.x) == 72
    click(entropy, 12 + 7)
    assert widget.heads == 7
    assert figure.title == "Head 7 among all heads"
    strong = np.flatnonzero(np.array(entropy.opacities) == 1) % 12
    assert set(strong) == {7}
    click(distance, 7)
    assert widget.heads == "mean"


# --- flow ----------------------------------------------------------------------------------------


def test_points_are_flows_and_bounds(widget):
    figure = aw.flow_chart(widget)
    figure.link.wait()
    points = figure.marks[1]
    expected = aw.attention_flow(SAMPLE, levels=(0, 4), heads=3, residual=0.65, sources=[IT])[0]
    bottom = aw.layer_maps(SAMPLE, levels=(0, 4), heads=3, residual=0.65)[0]
    bound = np.minimum(1, bottom.sum(axis=0))
    np.testing.assert_allclose(points.y, expected, atol=1e-9)
    np.testing.assert_allclose(points.x, bound, atol=1e-12)
    held = int((expected >= bound - 1e-9).sum())
    assert figure.title == f"‘it’ at layer 4: {held} of 16 flows sit on their bound"
    assert points.colors.count(ORANGE) == held
    # The axes begin at the last fifth below every point, the same for both.
    low = points.scales["x"].min
    assert low == points.scales["y"].min == np.floor(5 * expected.min()) / 5
    assert figure.axes[0].tick_values[0] == low
    click(points, BIG)
    assert widget.selected == [(4, IT), (0, BIG)]
    widget.selected = [(0, BIG)]
    figure.link.wait()
    click(points, IT)
    assert sorted(widget.selected) == [(0, BIG), (4, IT)]
    widget.selected = []
    figure.link.wait()
    assert len(points.x) == 0


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_two_traits_set_together_draw_once(widget, make):
    figure = make(widget)
    figure.link.wait()
    drawn = []
    figure.link._draw = lambda *state: drawn.append(state[:3])
    widget.set_state({"residual": 0.3, "levels": [0, 3], "heads": 5})
    figure.link.wait()
    assert len(drawn) == 1
    _, settings, selection = drawn[0]
    assert (settings.residual, settings.levels, settings.heads) == (0.3, (0, 3), 5)
    assert (selection.stop, selection.sources) == (3, (IT,))
    widget.set_state({"mass_shown": 0.5})
    assert len(drawn) == 1


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("closed", ["widget", "figure"])
def test_what_is_closed_is_let_go(widget, make, closed):
    before = {name: len(found) for name, found in observers(widget).items()}
    figure = make(widget)
    figure.link.wait()
    assert {name: len(found) for name, found in observers(widget).items()} != before
    (widget if closed == "widget" else figure).close()
    assert {name: len(found) for name, found in observers(widget).items()} == before
    figure.link.choose(residual=0.1)
    assert widget.residual == 0.65


def observers(widget):
    found = {name: kinds.get("change", []) for name, kinds in widget._trait_notifiers.items()}
    return {name: handlers for name, handlers in found.items() if handlers}


def test_another_attention_is_drawn(widget):
    figures = [make(widget) for make in ALL]
    widget.attention = aw.load_sample("keys")
    for figure in figures:
        figure.link.wait()
    n = widget.attention.n_tokens
    assert len(figures[0].marks[0].y) == n
    assert len(figures[3].marks[1].y) in (0, n)


def test_one_token_and_one_layer_can_be_drawn():
    widget = aw.AttentionWidget([[[[1.0]]]], ["hello"], selected=[(1, 0)])
    for make in ALL:
        figure = make(widget)
        figure.link.wait()
        assert widget.error == ""
    widget.close()


@pytest.mark.parametrize("make", ALL)
def test_what_is_no_open_widget_is_refused(widget, make):
    with pytest.raises(aw.AttentionError, match="AttentionWidget"):
        make(SAMPLE)
    widget.close()
    with pytest.raises(aw.AttentionError, match="closed"):
        make(widget)


def test_labels_are_different_short_and_can_be_sent():
    tokens = ["the", "the", "##ed", "[CLS]", "\ud83d", "", "Ġsun", "internationalisation"]
    labels = token_labels(aw.Attention(np.eye(8)[None, None], tokens))
    assert len(set(labels)) == 8
    "".join(labels).encode()
    assert [token_label(t) for t in tokens[:4]] == ["the", "the", "-ed", "CLS"]
    assert len(token_label(tokens[-1])) == 14


@pytest.mark.parametrize(("n", "shown"), [(16, 16), (32, 32), (33, 17), (46, 23), (128, 32)])
def test_names_under_the_bars_have_room(n, shown):
    widget = aw.AttentionWidget(np.full((1, 1, n, n), 1 / n))
    axis = aw.relevance_chart(widget).axes[0]
    # As bqplot's ordinal axis thins its ticks.
    step = 1 if axis.num_ticks is None else n // (axis.num_ticks - 1)
    assert len(range(0, n, step)) == shown
    widget.close()


def test_labels_are_moved_apart():
    placed = spread([0.1, 0.1, 0.12, 0.9, 1.0], 0.1, 0, 1)
    assert all(b - a >= 0.1 - 1e-9 for a, b in itertools.pairwise(placed))
    assert min(placed) >= 0
    assert max(placed) <= 1
