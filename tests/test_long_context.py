"""Rows alone, weights on disk, layers one by one, and what uniform attention would have given."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from strategies import random_weights, residuals, weights

import attn_widget as aw


@given(weights(), residuals)
def test_some_rows_and_columns_are_those_of_the_whole(given_weights, residual):
    attention = aw.Attention(given_weights)
    n = attention.n_tokens
    some = [n - 1, 0]
    whole = aw.rollout(attention, residual=residual)
    found = aw.rollout(attention, residual=residual, sources=some)
    np.testing.assert_allclose(found, whole[some], atol=1e-12)
    found = aw.rollout(attention, residual=residual, sinks=some)
    np.testing.assert_allclose(found, whole[:, some], atol=1e-12)
    found = aw.rollout(attention, residual=residual, sources=[n - 1], sinks=some)
    np.testing.assert_allclose(found, whole[[n - 1]][:, some], atol=1e-12)


def test_a_range_of_levels_and_a_top_head_with_rows_alone():
    attention = aw.Attention(random_weights(1, layers=4, heads=3, n=5))
    settings = {"levels": (1, 4), "top_head": 2, "residual": [0.1, 0.5, 0.9], "drop": [1]}
    whole = aw.rollout(attention, **settings)
    np.testing.assert_allclose(aw.rollout(attention, sources=[3], **settings), whole[[3]])
    np.testing.assert_allclose(aw.rollout(attention, sinks=[2], **settings), whole[:, [2]])


@pytest.mark.parametrize("name", ["sources", "sinks"])
def test_ends_out_of_range_are_named(name):
    with pytest.raises(aw.AttentionError, match=f"{name}: token 4 is out of range"):
        aw.rollout(random_weights(0, n=4), **{name: [0, 4]})
    with pytest.raises(aw.AttentionError, match=f"{name} must be a list"):
        aw.rollout(random_weights(0, n=4), **{name: 2})


# --- on disk -------------------------------------------------------------------------------------


def on_disk(path, weights, dtype="float16"):
    np.save(path, weights.astype(dtype))
    return np.load(path, mmap_mode="r")


def test_weights_on_disk_stay_there(tmp_path):
    weights = random_weights(0, layers=3, heads=2, n=8)
    mapped = on_disk(tmp_path / "w.npy", weights)
    attention = aw.Attention(mapped)
    assert np.shares_memory(attention.weights, mapped)
    assert (attention.dtype, attention.weights.dtype) == ("float16", np.float16)
    same = aw.Attention(weights.astype(np.float16))
    np.testing.assert_array_equal(aw.rollout(attention), aw.rollout(same))
    with pytest.raises(ValueError, match="read-only"):
        attention.weights[0, 0, 0, 0] = 1


def test_a_file_open_for_writing_is_not_written_to(tmp_path):
    on_disk(tmp_path / "w.npy", random_weights(0, layers=1, heads=1, n=4), "float32")
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r+")
    aw.Attention(mapped, normalise=True)
    assert mapped.flags.writeable
    assert not aw.Attention(mapped).weights.flags.writeable


def test_wrong_rows_on_disk_are_found(tmp_path):
    weights = random_weights(0, layers=3, heads=2, n=8)
    weights[2, 1, 5] *= 0.9
    with pytest.raises(aw.AttentionError, match="Layer 2, head 1, row 5 sums to 0"):
        aw.Attention(on_disk(tmp_path / "w.npy", weights))


def test_a_row_of_rollout_holds_one_map_at_a_time(tmp_path):
    """The memory of a few maps in float64, however many layers lie on disk."""
    layers, n = 12, 256
    weights = np.tile(random_weights(0, layers=1, heads=1, n=n, causal=True), (layers, 1, 1, 1))
    mapped = on_disk(tmp_path / "w.npy", weights)
    tracemalloc.start()
    attention = aw.Attention(mapped)
    row = aw.rollout(attention, sources=[n - 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 8 * n * n  # and not 12 x
    assert row.sum() == pytest.approx(1)


def test_layers_of_an_iterator_are_let_go_one_by_one():
    """At no time are both all layers given and their copy in memory."""
    layers, n = 16, 128
    one = random_weights(0, layers=1, heads=1, n=n)[0]
    size = one.nbytes
    tracemalloc.start()
    attention = aw.Attention(one.copy() for _ in range(layers))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert attention.n_layers == layers
    assert peak < (2 * layers + 1) * size


def test_layers_of_an_iterator_can_go_to_a_file(tmp_path):
    weights = random_weights(0, layers=3, heads=4, n=6, causal=True)
    path = tmp_path / "attention.npy"
    attention = aw.attention_from_layers(iter(weights), path=path, heads="mean", dtype="float16")
    assert isinstance(np.load(path, mmap_mode="r"), np.memmap)
    assert attention.weights.shape == (3, 1, 6, 6)
    expected = aw.rollout(aw.Attention(weights))
    np.testing.assert_allclose(aw.rollout(attention), expected, atol=2e-3)
    again = aw.Attention(np.load(path, mmap_mode="r"))
    np.testing.assert_array_equal(again.weights, attention.weights)
    assert list(tmp_path.iterdir()) == [path]


def test_layers_of_an_iterator_in_memory():
    weights = random_weights(0, layers=3, heads=4, n=6)
    attention = aw.attention_from_layers((w[None] for w in weights), list("abcdef"))
    np.testing.assert_array_equal(attention.weights, weights)
    assert attention.tokens == tuple("abcdef")
    head = aw.attention_from_layers(iter(weights), heads=2)
    np.testing.assert_array_equal(head.weights[:, 0], weights[:, 2])
    largest = aw.attention_from_layers(iter(weights), heads="max")
    np.testing.assert_allclose(aw.rollout(largest), aw.rollout(weights, heads="max"))


def test_a_bad_layer_leaves_no_file(tmp_path):
    good = random_weights(0, layers=1, heads=1, n=4)[0]
    for bad, message in (
        (np.ones((1, 3, 3)), "layer 1 has shape"),
        (good * np.nan, "Layer 1|layer 1"),
        (np.ones(3), "Layer 1 has shape"),
    ):
        with pytest.raises(aw.AttentionError, match=message):
            aw.attention_from_layers(iter([good, bad]), path=tmp_path / "w.npy")
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(aw.AttentionError, match="no layers"):
        aw.attention_from_layers(iter([]), path=tmp_path / "w.npy")
    with pytest.raises(aw.AttentionError, match="dtype must be"):
        aw.attention_from_layers(iter([good]), dtype="int8")


# --- the baseline --------------------------------------------------------------------------------


def uniform(n: int, *, behind: int | None = None, causal: bool = True) -> np.ndarray:
    allowed = np.tri(n, dtype=bool) if causal else np.ones((n, n), dtype=bool)
    if behind is not None:
        allowed &= ~np.tri(n, k=-behind - 1, dtype=bool)
    return allowed / allowed.sum(axis=1, keepdims=True)


def test_uniform_attention_is_its_own_baseline():
    for one in (uniform(6), uniform(6, causal=False), uniform(6, behind=2)):
        ratio = aw.rollout(np.tile(one, (4, 2, 1, 1)), baseline="uniform")
        reached = aw.rollout(np.tile(one, (4, 2, 1, 1))) > 0
        np.testing.assert_allclose(ratio, reached.astype(float), atol=1e-12)


def test_causal_rollout_piles_up_on_the_first_token_and_the_baseline_tells():
    n, layers = 64, 32
    even = np.tile(uniform(n), (layers, 1, 1, 1))
    assert aw.rollout(even)[-1, 0] > 0.99  # with no content at all
    looking = even.copy()
    looking[-1, 0, -1] = np.eye(n)[n - 2] * 0.9 + 0.1 / n  # the last token looks at the one before
    ratio = aw.rollout(looking, baseline="uniform", sources=[n - 1])[0]
    assert ratio.argmax() == n - 2
    assert ratio[0] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("behind", [None, 2])
def test_the_baseline_is_the_rollout_of_the_mask(behind):
    mask = uniform(7, behind=behind)
    weights = random_weights(3, layers=3, heads=2, n=7) * (mask > 0)
    weights /= weights.sum(axis=-1, keepdims=True)
    expected = aw.rollout(weights, residual=0.3) / np.maximum(
        aw.rollout(np.tile(mask, (3, 1, 1, 1)), residual=0.3), 1e-300
    )
    found = aw.rollout(weights, residual=0.3, baseline="uniform")
    np.testing.assert_allclose(found, expected, atol=1e-9)
    columns = aw.rollout(weights, residual=0.3, baseline="uniform", sinks=[1])
    np.testing.assert_allclose(columns, expected[:, [1]], atol=1e-9)


def test_the_baseline_of_an_encoder_decoder():
    """Even over the encoder, even over earlier decoder tokens, even from decoder to encoder."""
    n_encoder, n_decoder = 3, 4
    n = n_encoder + n_decoder
    rng = np.random.default_rng(0)
    network = aw.Network(n_encoder, ("encoder", "decoder", "cross"))
    weights = np.zeros((3, 1, n, n))
    weights[:, 0] = np.eye(n)
    even = weights.copy()
    for block, mask in enumerate(
        (np.ones((3, 3)), np.tri(n_decoder), np.ones((n_decoder, n_encoder)))
    ):
        place = (block, 0, network.queries(block), network.keys(block))
        for target, values in ((weights, rng.uniform(0.1, 1, mask.shape) * mask), (even, mask)):
            target[block, 0, network.queries(block)] = 0
            target[place] = values / values.sum(axis=1, keepdims=True)
    attention = aw.Attention(weights, network=network)
    plain = aw.rollout(aw.Attention(even, network=network))
    expected = np.divide(aw.rollout(attention), plain, out=np.zeros((n, n)), where=plain > 0)
    np.testing.assert_allclose(aw.rollout(attention, baseline="uniform"), expected, atol=1e-9)


def test_another_baseline_is_refused():
    with pytest.raises(aw.AttentionError, match="baseline must be None or 'uniform'"):
        aw.rollout(random_weights(0, n=3), baseline="zero")
