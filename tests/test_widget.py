"""The kernel's half of the widget: settings in, numbers and pictures out, mistakes shown."""

from __future__ import annotations

import json
import re
import threading

import numpy as np
import pandas as pd
import pytest
import traitlets

import attn_widget as aw
from attn_widget.wire import unpack

SAMPLE = aw.load_sample()


@pytest.fixture
def widget():
    made = aw.AttentionWidget(SAMPLE, selected=[(6, 10)])
    yield made
    made.close()


def changes(widget, *names):
    """Names of the traits that are sent from here on, in order."""
    sent = []
    widget.observe(lambda change: sent.append(change["name"]), names=list(names))
    return sent


PICTURE = ("shown_matrix", "shown_trace")


def settled(widget):
    """Wait for the background computation: asking for the numbers does."""
    return widget.matrix


def test_the_first_message_holds_the_picture(widget):
    assert widget.tokens == list(SAMPLE.tokens)
    assert widget.special == [0, 15]
    assert (widget.n_layers, widget.n_heads) == (6, 12)
    assert widget.levels == (0, 6)
    assert unpack(widget.shown_matrix["terms"]).shape == (7, 16, 16)
    assert widget.shown_trace["sources"] == (10,)
    assert widget.error == ""
    assert widget.progress == {}


@pytest.mark.parametrize("given", [SAMPLE.weights, SAMPLE.weights[:, None], list(SAMPLE.weights)])
def test_it_takes_whatever_an_attention_takes(given):
    if given.__class__ is np.ndarray and given.ndim == 5:
        given = list(given)
    widget = aw.AttentionWidget(given)
    np.testing.assert_allclose(widget.matrix, aw.rollout(SAMPLE), atol=1e-12)


def test_the_numbers_are_the_public_ones(widget):
    widget.levels = (0, 4)
    widget.heads = 3
    widget.residual = 0.65
    expected = aw.rollout(SAMPLE, levels=(0, 4), heads=3, residual=0.65)
    np.testing.assert_allclose(widget.matrix, expected, atol=1e-12)
    assert widget.selected == [(4, 10)]
    np.testing.assert_allclose(widget.relevance, expected[10], atol=1e-12)


def test_flow_is_drawn_in_the_background_and_read_back(widget):
    widget.method = "flow"
    widget.selected = [(6, 10), (0, 14)]
    expected = aw.attention_flow(SAMPLE)
    np.testing.assert_allclose(widget.matrix, expected, atol=1e-9)
    np.testing.assert_allclose(widget.relevance, expected[10], atol=1e-9)
    settled(widget)
    assert widget.shown_trace["value"] == pytest.approx(expected[10, 14], abs=1e-9)
    assert widget.shown_trace["binding"] == "sink"
    np.testing.assert_allclose(unpack(widget.shown_matrix["terms"])[0], expected, atol=1e-6)
    assert widget.progress == {}
    assert widget.error == ""


def test_only_the_newest_flow_is_shown(widget):
    widget.method = "flow"
    for residual in np.linspace(0.1, 0.9, 9):
        widget.residual = float(residual)
    expected = aw.attention_flow(SAMPLE, residual=0.9)
    np.testing.assert_allclose(settled(widget), expected, atol=1e-9)
    np.testing.assert_allclose(unpack(widget.shown_matrix["terms"])[0], expected, atol=1e-6)


def test_a_dragged_residual_sends_nothing_that_the_browser_can_work_out(widget):
    sent = changes(widget, *PICTURE)
    for residual in (0.1, 0.2, 0.9):
        widget.set_state({"residual": residual})
    assert sent == []
    np.testing.assert_allclose(widget.matrix, aw.rollout(SAMPLE, residual=0.9), atol=1e-12)


def test_settings_that_come_together_cost_one_computation(widget):
    sent = changes(widget, *PICTURE)
    widget.set_state({"levels": [0, 4], "heads": 3, "selected": [[4, 10]]})
    assert sorted(sent) == sorted(PICTURE)


def test_levels_take_the_selection_along(widget):
    widget.selected = [(6, 10), (0, 14)]
    widget.set_state({"levels": [1, 4]})
    assert widget.selected == [(4, 10), (1, 14)]


def test_residuals_of_single_layers_become_one_when_the_layers_change(widget):
    widget.residual = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    expected = aw.rollout(SAMPLE, residual=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_allclose(widget.matrix, expected, atol=1e-12)
    np.testing.assert_allclose(unpack(widget.shown_matrix["terms"])[0], expected, atol=1e-6)
    widget.levels = (0, 4)
    assert widget.residual == pytest.approx(0.35)


BAD = [
    ("method", "rolout", "choose one of 'attention', 'rollout', 'flow'"),
    ("levels", (3, 3), "empty"),
    ("levels", (4, 2), "reversed"),
    ("levels", (0, 7), "out of range"),
    ("heads", 12, "head 12"),
    ("heads", "median", "mean"),
    ("heads", [], "head"),
    ("heads", {0: 1.0}, "list of heads"),
    ("top_head", -1, "head -1"),
    ("residual", 1.5, "0 to 1"),
    ("residual", float("nan"), "0 to 1"),
    ("residual", [0.5, 0.5], "block"),
    ("residual", "half", "residual"),
    ("selected", [(6, 16)], "token 16"),
    ("selected", [(7, 0)], "level 7"),
    ("selected", "it", "(level, token)"),
    ("mass_shown", 0.0, "above 0"),
    ("height", "tall", "height"),
    ("height", -1, "height"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=str)
def test_a_bad_setting_is_refused_and_changes_nothing(widget, name, value, words):
    before = {trait: getattr(widget, trait) for trait in widget.trait_names(sync=True)}
    error = aw.AttentionError if value != "tall" else traitlets.TraitError
    with pytest.raises(error, match=re.escape(words)):
        setattr(widget, name, value)
    assert {trait: getattr(widget, trait) for trait in before} == before


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=str)
def test_a_bad_setting_from_the_browser_is_shown_and_taken_back(widget, name, value, words):
    before = getattr(widget, name)
    sent = []
    widget.send_state = lambda key=None: sent.extend([key] if isinstance(key, str) else key or [])
    widget.set_state({name: value, "mass_shown": 0.5} if name != "mass_shown" else {name: value})
    assert words in widget.error
    assert widget.error.count(".") >= 1
    assert getattr(widget, name) == before
    assert name in sent
    widget.set_state({"residual": 0.4})
    assert widget.error == ""
    assert widget.residual == 0.4


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=str)
def test_a_bad_setting_makes_no_widget(name, value, words):
    error = aw.AttentionError if value != "tall" else traitlets.TraitError
    with pytest.raises(error, match=re.escape(words)):
        aw.AttentionWidget(SAMPLE, **{name: value})


def test_a_selection_outside_the_shown_levels_is_refused():
    with pytest.raises(aw.AttentionError, match="set levels first"):
        aw.AttentionWidget(SAMPLE, levels=(0, 4), selected=[(6, 10)])


def test_an_unknown_keyword_names_the_nearest_one():
    with pytest.raises(aw.AttentionError, match="did you mean 'residual'"):
        aw.AttentionWidget(SAMPLE, residul=0.5)


def test_a_mistake_in_somebodys_observer_is_shown_in_the_widget(widget):
    def clumsy(_change):
        raise ZeroDivisionError("division by zero")

    widget.observe(clumsy, names="residual")
    with pytest.raises(ZeroDivisionError):
        widget.set_state({"residual": 0.3})
    assert widget.error == "ZeroDivisionError: division by zero"
    assert widget.residual == 0.3


def test_what_the_browser_asks_that_nobody_knows_is_said(widget):
    widget._handle_custom_msg({"type": "dance"}, [])
    assert "dance" in widget.error


def test_another_attention_keeps_what_fits(widget):
    widget.heads, widget.residual = 3, 0.7
    keys = aw.load_sample("keys")
    widget.attention = keys
    assert widget.attention is keys
    assert widget.tokens == list(keys.tokens)
    assert (widget.heads, widget.residual, widget.selected) == (3, 0.7, [(6, 10)])
    np.testing.assert_allclose(widget.matrix, aw.rollout(keys, heads=3, residual=0.7), atol=1e-12)


def test_a_bad_attention_leaves_a_live_widget_as_it_was(widget):
    before, matrix = widget.attention, widget.matrix
    for bad in (np.ones((2, 3)), SAMPLE.weights * 2, None):
        with pytest.raises(aw.AttentionError):
            widget.attention = bad
    two_heads = aw.Attention(SAMPLE.weights[:, :2])
    widget.heads = 5
    with pytest.raises(aw.AttentionError, match="head 5"):
        widget.attention = two_heads
    assert widget.attention is before
    widget.heads = "mean"
    np.testing.assert_array_equal(widget.matrix, matrix)


def test_one_token_and_one_layer_are_valid():
    widget = aw.AttentionWidget([[[[1.0]]]], ["hello"], selected=[(1, 0)])
    assert widget.relevance.tolist() == [1.0]
    for method in ("flow", "attention"):
        widget.method = method
        assert widget.matrix.tolist() == [[1.0]]
    assert widget.error == ""


def test_two_widgets_share_a_slider(widget):
    other = aw.AttentionWidget(aw.load_sample("keys"))
    link = traitlets.link((widget, "residual"), (other, "residual"))
    widget.residual = 0.8
    np.testing.assert_allclose(other.matrix, aw.rollout(other.attention, residual=0.8), atol=1e-12)
    other.set_state({"residual": 0.1})
    assert widget.residual == 0.1
    link.unlink()


def test_the_frame_is_the_matrix_laid_out(widget):
    widget.method = "flow"
    frame = widget.to_frame()
    assert len(frame) == 256
    row = frame[(frame["query"] == 10) & (frame["key"] == 13)].iloc[0]
    assert (row["query_token"], row["key_token"]) == ("it", "big")
    assert row["value"] == widget.matrix[10, 13]
    assert row["bound"] >= row["value"] - 1e-9
    assert row["binding"] in ("source", "sink", "both", "interior")
    assert (row["method"], row["start"], row["stop"]) == ("flow", 0, 6)
    widget.method = "attention"
    frame = widget.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["bound"].isna().all()
    assert (frame["start"].iloc[0], frame["stop"].iloc[0]) == (5, 6)


def test_dropped_tokens_change_the_numbers_and_hidden_ones_do_not(widget):
    before = widget.matrix
    widget.hide_special = True
    widget.merge_words = True
    np.testing.assert_array_equal(widget.matrix, before)
    widget.drop = [0, 15]
    expected = aw.rollout(SAMPLE, drop=[0, 15])
    np.testing.assert_allclose(widget.matrix, expected, atol=1e-12)
    assert not np.allclose(expected, before)


def test_rows_left_without_mass_are_named(widget):
    assert widget.note == ""
    widget.drop = list(range(16))
    assert "‘[CLS]’ in layer 1 and 95 more have nothing left to read" in widget.note
    np.testing.assert_allclose(widget.matrix, np.eye(16))


def test_pieces_know_their_words():
    widget = aw.AttentionWidget(aw.load_sample("curie"))
    assert len(widget.words["of_token"]) == len(widget.tokens)
    assert len(widget.words["labels"]) == max(widget.words["of_token"]) + 1


def test_a_long_flow_grows_on_the_picture_selected_row_first():
    rng = np.random.default_rng(1)
    logits = 6 * rng.standard_normal((6, 1, 96, 96))
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    widget = aw.AttentionWidget(weights, selected=[(6, 40)])
    sent = []
    widget.observe(lambda change: sent.append((change["name"], change["new"])), names=PICTURE)
    widget.observe(lambda change: sent.append(("progress", change["new"])), names="progress")
    widget.method = "flow"
    expected = widget.matrix
    names = [name for name, _ in sent if name in PICTURE]
    assert names[0] == "shown_trace"
    row = unpack(next(new for name, new in sent if name == "shown_trace")["relevance"])
    np.testing.assert_allclose(row, expected[40], atol=1e-6)
    growing = [unpack(new["terms"])[0] for name, new in sent if name == "shown_matrix"]
    unknown = [int(np.isnan(matrix).sum()) for matrix in growing]
    assert unknown == sorted(unknown, reverse=True)
    assert unknown[-1] == 0
    for matrix in growing:
        known = ~np.isnan(matrix)
        np.testing.assert_allclose(matrix[known], expected[known], atol=1e-6)
    told = [
        new for name, new in sent if name == "progress" and new.get("text", "").endswith("rows")
    ]
    fractions = [progress["fraction"] for progress in told]
    assert fractions == sorted(fractions)
    assert widget.progress == {}


def test_a_stopped_flow_stays_as_far_as_it_came(widget):
    widget.method = "flow"
    widget._handle_custom_msg({"type": "stop"}, [])
    assert widget.progress == {}
    assert widget.error == ""
    np.testing.assert_allclose(widget.matrix, aw.attention_flow(SAMPLE), atol=1e-9)


def test_a_quick_drag_shows_rows_on_the_way(widget):
    widget.method = "flow"
    settled(widget)
    shown = []
    first = threading.Event()

    def note(change):
        shown.append(unpack(change["new"]["relevance"]))
        first.set()

    widget.observe(note, names="shown_trace")
    residuals = np.linspace(0.2, 0.8, 31).tolist()
    for residual in residuals:
        widget.set_state({"residual": residual})
        # As far apart as the frames of a drag: the next one comes when something was drawn.
        first.wait()
    settled(widget)
    rows = [aw.attention_flow(SAMPLE, residual=r, sources=[10])[0] for r in residuals]
    for row in shown:
        assert min(np.abs(row - exact).max() for exact in rows) < 1e-6
    np.testing.assert_allclose(shown[-1], rows[-1], atol=1e-6)


def test_a_flow_that_comes_late_does_not_paint_over_another_method(widget):
    for _ in range(20):
        widget.method = "flow"
        widget.method = "rollout"
    widget._job.wait()
    assert widget.shown_trace["method"] == "rollout"
    assert widget.shown_matrix["method"] == "rollout"
    assert widget.progress == {}


# --- images ---------------------------------------------------------------------------------------


def vision(image=None, grid=(2, 3)):
    n = 1 + grid[0] * grid[1]
    weights = np.full((2, 1, n, n), 1 / n)
    picture = aw.Picture(grid, 1, image)
    return aw.Attention(weights, ["[CLS]", *map(str, range(n - 1))], picture=picture)


def test_the_image_travels_as_bytes_no_larger_than_a_screen_shows():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (1030, 700, 3), np.uint8)
    sent = aw.AttentionWidget(vision(image)).picture
    assert (tuple(sent["grid"]), sent["first"]) == ((2, 3), 1)
    small = unpack(sent["image"])
    assert small.shape == (512, 348, 3)
    # Each pixel is the mean of the area that it stands for.
    np.testing.assert_allclose(small[0, 0], image[:2, :2].mean(axis=(0, 1)), atol=1)
    np.testing.assert_allclose(small.mean(), image.mean(), atol=1)


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (np.array([[0, 0.5], [1, 0.25]]), [[0, 128], [255, 64]]),
        (np.array([[0, 7], [9, 255]], np.uint8), [[0, 7], [9, 255]]),
    ],
)
def test_a_small_image_travels_as_it_is(image, wanted):
    sent = aw.AttentionWidget(vision(image)).picture
    np.testing.assert_array_equal(unpack(sent["image"]), wanted)


def test_patches_without_an_image_and_texts_without_patches():
    assert aw.AttentionWidget(vision()).picture["image"] is None
    widget = aw.AttentionWidget(vision(np.zeros((4, 4))))
    widget.attention = aw.load_sample()
    assert widget.picture == {}


@pytest.mark.parametrize(
    ("name", "value"), [("overlay", "rainbow"), ("overlay_opacity", 1.5), ("overlay_opacity", -0.1)]
)
def test_an_overlay_that_cannot_be_is_named_and_taken_back(name, value):
    widget = aw.AttentionWidget(vision())
    before = getattr(widget, name)
    with pytest.raises(aw.AttentionError, match=f"{name} is {value!r}"):
        setattr(widget, name, value)
    assert getattr(widget, name) == before


def test_blocks_and_produced_tokens_travel_where_there_are_any():
    n = 4
    network = aw.Network(2, ("encoder", "decoder", "cross"))
    weights = np.zeros((3, 1, n, n))
    weights[:] = np.eye(n)
    after = [None, None, "x", "y"]
    crossing = aw.AttentionWidget(aw.Attention(weights, network=network, produced=after))
    assert crossing.blocks == ["encoder 1", "decoder 1 self", "decoder 1 cross"]
    assert crossing.produced == after
    plain = aw.AttentionWidget(aw.load_sample())
    assert (plain.blocks, plain.produced) == ([], [])


def test_even_attention_as_the_baseline_of_the_picture():
    widget = aw.AttentionWidget(SAMPLE, baseline="uniform", selected=[(6, 10)])
    wanted = aw.rollout(SAMPLE, baseline="uniform")
    np.testing.assert_allclose(widget.matrix, wanted)
    np.testing.assert_allclose(widget.relevance, wanted[10])
    widget.pin()
    widget.baseline = None
    np.testing.assert_allclose(widget.relevance, aw.rollout(SAMPLE)[10])
    widget.show_pin(0)
    assert widget.baseline == "uniform"
    with pytest.raises(aw.AttentionError, match="baseline must be None or 'uniform', not 'even'"):
        widget.baseline = "even"
    assert widget.baseline == "uniform"
    widget.method = "flow"
    np.testing.assert_allclose(widget.matrix[10], aw.attention_flow(SAMPLE, sources=[10])[0])


def test_a_saved_state_stays_under_a_megabyte():
    """As a notebook stores it at 6 layers, 12 heads and 128 tokens, every head unfolded."""
    weights = np.random.default_rng(0).dirichlet(np.full(128, 0.05), size=(6, 12, 128))
    made = aw.AttentionWidget(weights, selected=[(6, 60)], heads_open=True)
    kept = made._get_embed_state(drop_defaults=False)
    assert len(json.dumps(kept)) < 1_000_000
    # What is most of it keeps its figures.
    terms = unpack(made.shown_matrix["terms"])
    assert terms.shape == (7, 128, 128)
    rows = terms.sum(axis=(0, 2)) / 2**6  # all degrees weigh alike at residual 0.5
    np.testing.assert_allclose(rows, 1, atol=1e-4)
    made.close()


def test_a_view_that_opens_is_greeted(widget, monkeypatch):
    """So that it can tell a kernel from the state that a notebook has kept."""
    told = []
    monkeypatch.setattr(widget, "send", lambda content, *_: told.append(content))
    widget._handle_custom_msg({"type": "view"}, [])
    assert told == [{"type": "here"}]
