"""Words merged after the fact, and tokens merged before it, with every bit of mass where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_weights

import attn_widget as aw

W = random_weights(0, layers=3, heads=2, n=6)
PIECES = ["[CLS]", "un", "##read", "##able", "text", "[SEP]"]


def test_words_of_a_rollout_keep_rows_that_sum_to_1():
    attention = aw.Attention(W, PIECES)
    merged = aw.merge_words(aw.rollout(attention), attention)
    whole = aw.rollout(attention)
    assert merged.shape == (4, 4)
    np.testing.assert_allclose(merged.sum(axis=1), 1)
    assert merged[0, 1] == pytest.approx(whole[0, 1:4].sum())
    assert merged[1, 2] == pytest.approx(whole[1:4, 4].mean())


def test_one_row_and_one_axis_can_be_merged():
    words = aw.split_words(PIECES)
    row = np.arange(6.0)
    np.testing.assert_array_equal(aw.merge_words(row, words), [0, 6, 4, 5])
    matrix = aw.rollout(W)
    assert aw.merge_words(matrix, words, rows=False).shape == (6, 4)
    assert aw.merge_words(matrix, words, columns=False).shape == (4, 6)


def test_words_that_the_attention_carries_come_first():
    words = aw.Words(("ab", "cdef"), (0, 0, 1, 1, 1, 1))
    attention = aw.Attention(W, PIECES, words=words)
    assert aw.merge_words(np.eye(6), attention).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("values", "words", "message"),
    [
        (np.eye(5), aw.split_words(PIECES), r"shape \(5, 5\) and the words are of 6"),
        (np.zeros((2, 6, 6)), aw.split_words(PIECES), "give a matrix"),
        (np.eye(6), [0, 1], "words must be an Attention or Words"),
    ],
)
def test_what_cannot_be_merged_is_named(values, words, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.merge_words(values, words)
    with pytest.raises(aw.AttentionError, match="words is for 6 tokens and there are 5"):
        aw.Attention(random_weights(0, n=5), words=aw.split_words(PIECES))


# --- windows and spans ---------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_no_mass_is_lost_whatever_is_merged(n, seed, causal, data):
    weights = random_weights(seed, layers=2, heads=2, n=n, causal=causal)
    ends = sorted(data.draw(st.sets(st.integers(0, n), min_size=2, max_size=4)))
    spans = list(zip(ends[::2], ends[1::2], strict=False))
    merged = aw.window(aw.Attention(weights), spans)
    owner = np.searchsorted(np.unique([0, n, *np.ravel(spans)]), np.arange(n), "right") - 1
    gather = np.eye(owner[-1] + 1)[owner]
    spread = (gather / gather.sum(axis=0)).T
    np.testing.assert_allclose(merged.weights, spread @ weights @ gather, atol=1e-12)
    np.testing.assert_allclose(merged.weights.sum(axis=-1), 1)
    assert not (causal and not merged.causal)


def test_a_window_keeps_its_tokens_and_merges_the_rest():
    attention = aw.Attention(W, list("abcdef"))
    found = aw.window(attention, slice(2, 4))
    assert found.tokens == ("… 2 tokens …", "c", "d", "… 2 tokens …")
    np.testing.assert_allclose(found.weights[..., 1:3, 1:3], W[..., 2:4, 2:4], atol=1e-7)
    np.testing.assert_allclose(found.weights[..., 1, 0], W[..., 2, :2].sum(-1), atol=1e-7)
    assert aw.window(attention, slice(None)).tokens == attention.tokens
    assert aw.window(attention, slice(-1, None)).tokens == ("… 5 tokens …", "f")


def test_spans_are_labelled_by_their_text():
    attention = aw.Attention(W, PIECES)
    found = aw.window(attention, [(1, 4), slice(4, 5)])
    assert found.tokens == ("[CLS]", "unreadable", "text", "[SEP]")
    assert found.special == (0, 3)
    long = aw.window(aw.Attention(random_weights(0, n=40)), [(0, 40)])
    assert long.tokens == ("0 1 2 3 4 5 … 36 37 38 39",)


def test_words_can_be_nodes():
    attention = aw.Attention(W, PIECES)
    found = aw.window(attention, aw.split_words(PIECES).spans)
    assert found.tokens == ("[CLS]", "unreadable", "text", "[SEP]")


def test_the_two_inputs_of_a_joint_network_stay_apart():
    network = aw.Network(3, ("encoder", "decoder", "cross"))
    weights = np.zeros((3, 1, 6, 6))
    weights[:, 0] = np.eye(6)
    weights[0, 0, :3, :3] = weights[1, 0, 3:, 3:] = 1 / 3
    weights[2, 0, 3:] = [1 / 3, 1 / 3, 1 / 3, 0, 0, 0]
    attention = aw.Attention(weights, list("abcdef"), network=network)
    found = aw.window(attention, slice(1, 2))
    assert found.tokens == ("a", "b", "c", "… 3 tokens …")
    assert found.network.n_encoder == 3
    with pytest.raises(aw.AttentionError, match="encoder and of the decoder"):
        aw.window(attention, [(2, 4)])


def test_rows_that_do_not_sum_to_1_are_merged_too():
    attention = aw.Attention(W * 0.5, normalise="fused")
    found = aw.window(attention, slice(0, 3))
    np.testing.assert_allclose(aw.rollout(found).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (slice(4, 2), "holds none of the 6 tokens"),
        (slice(0, 6, 2), "step 1"),
        ([(0, 7)], "0 <= start < stop <= 6"),
        ([(2, 2)], "0 <= start < stop <= 6"),
        ([(0.0, 2)], "0 <= start < stop <= 6"),
        ([3], "span 3 must be"),
        ([(0, 3), (2, 4)], "overlap"),
        ([], "slice or a list"),
        ("ab", "slice or a list"),
        (7, "slice or a list"),
    ],
)
def test_windows_that_cannot_be(tokens, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.window(W, tokens)


# --- views ---------------------------------------------------------------------------------------


def test_a_view_of_a_whole_long_text_is_refused_and_a_window_of_it_drawn():
    n = 2049
    long = aw.Attention(np.eye(n, dtype=np.float32)[None, None])
    with pytest.raises(aw.AttentionError, match=r"2049 tokens would not fit.*window"):
        aw.AttentionWidget(long)
    widget = aw.AttentionWidget(aw.window(long, slice(0, 5)))
    assert widget.attention.tokens[-1] == "… 2044 tokens …"
    with pytest.raises(aw.AttentionError, match="would not fit"):
        widget.attention = long
    assert widget.attention.n_tokens == 6
    widget.close()


def test_rows_of_a_generated_text_name_what_they_produced():
    attention = aw.Attention(
        np.tile(np.tri(3) / np.arange(1, 4)[:, None], (2, 1, 1, 1)),
        ["the", "cat", "sat"],
        produced=[None, "sat", "down"],
    )
    assert attention.query_labels == ("the", "cat → sat", "sat → down")
    widget = aw.AttentionWidget(attention)
    frame = widget.to_frame()
    assert list(frame["query_token"].unique()) == ["the", "cat → sat", "sat → down"]
    assert list(frame["key_token"].unique()) == ["the", "cat", "sat"]
    widget.close()
    with pytest.raises(aw.AttentionError, match="produced is for 1 tokens and there are 3"):
        aw.Attention(attention.weights, produced=["x"])


@pytest.mark.parametrize("method", ["rollout", "flow", "attention"])
def test_a_joint_network_is_drawn_like_any_other(method):
    network = aw.Network(2, ("encoder", "decoder", "cross"))
    weights = np.zeros((3, 2, 4, 4))
    weights[:] = np.eye(4)
    weights[0, :, :2, :2] = [[0.5, 0.5], [0.2, 0.8]]
    weights[1, :, 3, 2:] = [0.4, 0.6]
    weights[2, :, 2:] = [[0.1, 0.9, 0, 0], [0.7, 0.3, 0, 0]]
    attention = aw.Attention(weights, ["a", "b", "c", "d"], network=network)
    widget = aw.AttentionWidget(attention, method=method, selected=[(3, 3)])
    assert widget.relevance.shape == (4,)
    assert widget.matrix.shape == (4, 4)
    widget.close()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (aw.Network(2, ("encoder",)), "network has 1 blocks and 2 encoder tokens"),
        (aw.Network(4, ("encoder", "decoder", "cross")), "3 blocks and 4 encoder tokens"),
    ],
)
def test_a_network_of_another_model_is_refused(network, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.Attention(random_weights(0, layers=3, n=4), network=network)
