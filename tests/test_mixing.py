from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_weights, residuals, weights

import attn_widget as aw
from attn_widget.mixing import fuse, fused_maps, mix_residual

W = random_weights(0, layers=4, heads=3, n=5)
EYE = np.eye(5)


def normalised(maps: np.ndarray) -> np.ndarray:
    return maps / maps.sum(axis=-1, keepdims=True)


# --- closed forms --------------------------------------------------------------------------------


def test_by_hand() -> None:
    heads = [[[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.25, 0.75]]]
    expected = [[[1.0, 0.0], [0.1875, 0.8125]]]
    np.testing.assert_array_equal(aw.layer_maps([heads]), expected)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ("mean", W.mean(axis=1)),
        ("max", normalised(W.max(axis=1))),
        ("min", normalised(W.min(axis=1))),
        (2, W[:, 2]),
        (np.int64(0), W[:, 0]),
        ([2, 0], W[:, [0, 2]].mean(axis=1)),
        ((1,), W[:, 1]),
        (range(3), W.mean(axis=1)),
        (np.array([0, 1]), W[:, :2].mean(axis=1)),
        ({0: 3.0, 2: 1}, 0.75 * W[:, 0] + 0.25 * W[:, 2]),
        ({1: 0, 2: 5}, W[:, 2]),
    ],
)
def test_heads(heads: object, expected: np.ndarray) -> None:
    np.testing.assert_allclose(fused_maps(W, heads=heads), expected, rtol=1e-14)


def test_the_order_of_heads_does_not_matter() -> None:
    first = fused_maps(W, heads=[0, 1, 2])
    np.testing.assert_array_equal(fused_maps(W, heads=[2, 0, 1]), first)


@pytest.mark.parametrize("top", [1, np.int64(1)])
def test_top_head_is_that_head_in_the_top_block_of_the_range(top: int) -> None:
    maps = fused_maps(W, levels=(1, 3), top_head=top)
    np.testing.assert_allclose(maps[0], W[1].mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(maps[1], W[2, 1], rtol=1e-14)


def test_top_head_0_is_a_head() -> None:
    np.testing.assert_allclose(fused_maps(W, top_head=0)[-1], W[3, 0], rtol=1e-14)


@pytest.mark.parametrize("levels", [(0, 4), (1, 3), (3, 4), [0, 1], np.array([2, 4])])
def test_levels_are_blocks_from_start_to_stop(levels: tuple[int, int]) -> None:
    start, stop = levels
    np.testing.assert_array_equal(fused_maps(W, levels=levels), fused_maps(W)[start:stop])


@pytest.mark.parametrize(
    ("residual", "shares"),
    [
        (0.3, [0.3] * 4),
        (1, [1] * 4),
        (np.float32(0.25), [0.25] * 4),
        (np.array(0.25), [0.25] * 4),
        (np.array([0.25]).repeat(4), [0.25] * 4),
        ([0, 0.25, 0.5, 1], [0, 0.25, 0.5, 1]),
    ],
)
def test_residual_is_one_or_one_a_block(residual: object, shares: list[float]) -> None:
    fused = fused_maps(W)
    expected = [(1 - r) * one + r * EYE for r, one in zip(shares, fused, strict=True)]
    np.testing.assert_allclose(aw.layer_maps(W, residual=residual), expected, rtol=1e-14)


@pytest.mark.parametrize("heads", ["mean", "max", "min", 1, [0, 2], {0: 0.3, 1: 0.7}])
def test_residual_0_and_1_are_exact(heads: object) -> None:
    fused = fused_maps(W, heads=heads)
    np.testing.assert_array_equal(aw.layer_maps(W, heads=heads, residual=0), fused)
    np.testing.assert_array_equal(aw.layer_maps(W, heads=heads, residual=1), [EYE] * 4)


def test_adding_the_identity_and_renormalising_is_residual_one_half() -> None:
    copied = normalised(W.max(axis=1) / W.max(axis=1).sum(-1, keepdims=True) + EYE)
    np.testing.assert_allclose(aw.layer_maps(W, heads="max"), copied, rtol=1e-14)


# --- dropping ------------------------------------------------------------------------------------


def test_a_dropped_token_is_not_read_and_keeps_its_residual() -> None:
    maps = aw.layer_maps(W, drop=[0, np.int64(3)], residual=0.25)
    assert (maps[:, [1, 2, 4]][..., [0, 3]] == 0).all()
    np.testing.assert_allclose(maps[:, 0, 0], 0.25)
    left = W.mean(axis=1)
    left[..., [0, 3]] = 0
    np.testing.assert_allclose(maps, 0.75 * normalised(left) + 0.25 * EYE, rtol=1e-14)


def test_a_row_without_mass_is_the_identity_row_and_is_named() -> None:
    causal = random_weights(0, layers=2, causal=True)
    with pytest.warns(aw.EmptyRowsWarning, match="Block 0, row 0 and 1 more") as caught:
        maps = aw.layer_maps(causal, drop=[0], residual=0)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(maps[:, 0], [[1, 0, 0, 0, 0]] * 2)
    assert fuse(causal, drop=[0]).empty_rows == ((0, 0), (1, 0))
    assert fuse(causal, drop=[0], levels=(1, 2)).empty_rows == ((1, 0),)


def test_heads_that_agree_on_nothing_leave_identity_rows() -> None:
    disjoint = [[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.5, 0.5]]]]
    fused = fuse(disjoint, heads="min")
    np.testing.assert_array_equal(fused.maps, [np.eye(2)])
    assert fused.empty_rows == ((0, 0),)


def test_dropping_every_token_leaves_the_identity() -> None:
    fused = fuse(W, drop=range(5))
    np.testing.assert_array_equal(fused.maps, [EYE] * 4)
    assert len(fused.empty_rows) == 20


def test_no_warning_without_empty_rows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aw.layer_maps(W, drop=[0])


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.5, [1, 0, 0, 0]),
        (0.51, [5 / 9, 0, 4 / 9, 0]),
        (0.9, [5 / 9, 0, 4 / 9, 0]),
        (0.91, [10 / 20, 1 / 20, 8 / 20, 1 / 20]),
        (1, [0.5, 0.05, 0.4, 0.05]),
        (None, [0.5, 0.05, 0.4, 0.05]),
        (1e-300, [1, 0, 0, 0]),
    ],
)
def test_keep_mass_keeps_the_largest_and_their_equals(share: float, expected: list[float]) -> None:
    given = np.tile([0.5, 0.05, 0.4, 0.05], (1, 1, 4, 1))
    np.testing.assert_allclose(fused_maps(given, keep_mass=share)[0, 1], expected, rtol=1e-12)


def test_keep_mass_counts_a_share_that_is_met_up_to_rounding() -> None:
    row = [0.65, 0.2, 0.05, 0.05, 0.05]  # in floats the sum is above 1, 0.65 below 0.65 of it
    given = np.tile(row, (1, 1, 5, 1))
    np.testing.assert_allclose(fused_maps(given, keep_mass=0.65)[0, 1], [1, 0, 0, 0, 0])


# --- properties ----------------------------------------------------------------------------------

head_fusions = st.sampled_from(["mean", "max", "min", 0, [0], {0: 2.0}])


@given(
    weights(),
    head_fusions,
    residuals,
    st.sampled_from([None, 0.5, 0.9, 1.0]),
    st.sets(st.integers(0, 7)),
)
def test_rows_sum_to_1(
    given_weights: np.ndarray, heads: object, residual: float, keep: float | None, drop: set[int]
) -> None:
    n = given_weights.shape[-1]
    settings = {"heads": heads, "drop": [t for t in drop if t < n], "keep_mass": keep}
    fused = fuse(given_weights, **settings)
    maps = mix_residual(fused.maps, residual)
    assert (maps >= 0).all()
    np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-14)
    for block, query in fused.empty_rows:
        np.testing.assert_array_equal(fused.maps[block, query], np.eye(n)[query])


@given(weights(), head_fusions, residuals, st.sampled_from([None, 0.5, 0.9]), st.randoms())
def test_permuting_tokens_permutes_the_maps(
    given_weights: np.ndarray, heads: object, residual: float, keep: float | None, random
) -> None:
    order = list(range(given_weights.shape[-1]))
    random.shuffle(order)
    settings = {"heads": heads, "residual": residual, "keep_mass": keep}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", aw.EmptyRowsWarning)
        maps = aw.layer_maps(given_weights, **settings)
        shuffled = aw.layer_maps(given_weights[..., order, :][..., order], **settings)
    np.testing.assert_allclose(shuffled, maps[:, order][:, :, order], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("heads", ["mean", "max", 1])
def test_narrow_types_are_widened_before_anything_is_added(dtype, heads: object) -> None:
    narrow = torch.tensor(W).to(dtype)
    maps = aw.layer_maps(narrow, heads=heads)
    assert maps.dtype == np.float64
    np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-14)
    exact = narrow.double().numpy()
    fused = {"mean": exact.mean(axis=1), "max": exact.max(axis=1), 1: exact[:, 1]}[heads]
    np.testing.assert_allclose(maps, 0.5 * normalised(fused) + 0.5 * EYE, rtol=1e-14)


def test_the_input_is_left_alone() -> None:
    attention = aw.Attention(W)
    maps = aw.layer_maps(attention, drop=[0], keep_mass=0.5, heads=0)
    maps[...] = 0
    np.testing.assert_array_equal(attention.weights, W)
    fused = fused_maps(W)
    before = fused.copy()
    mix_residual(fused, 0.5)
    np.testing.assert_array_equal(fused, before)


def test_maps_that_do_not_fit_are_refused_before_they_are_allocated(monkeypatch) -> None:
    monkeypatch.setattr("attn_widget.memory.available", lambda: 100)
    monkeypatch.setattr("attn_widget.memory._ALWAYS_THERE", 0)  # asked about small maps as well
    with pytest.raises(aw.AttentionError, match=r"layer maps of 4 blocks of 5 tokens needs .*100"):
        aw.layer_maps(W)
    assert aw.rollout(W).shape == (5, 5)


# --- what is refused -----------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize("call", [aw.layer_maps, aw.rollout])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"heads": 3}, "head 3 is out of range: choose one from 0 to 2"),
        ({"heads": -1}, "head -1 is out of range"),
        ({"heads": [0, 3]}, "head 3 is out of range"),
        ({"heads": [0, 0]}, r"\[0, 0\] name a head twice"),
        ({"heads": []}, "not \\[\\]"),
        ({"heads": True}, "not True"),
        ({"heads": [True]}, "head must be a whole number from 0 to 2, not True"),
        ({"heads": 1.0}, "not 1.0"),
        ({"heads": "median"}, "'mean', 'max', 'min', a head from 0 to 2.*not 'median'"),
        ({"heads": None}, "not None"),
        ({"heads": {}}, "not {}"),
        ({"heads": {0: -1}}, "weights of heads must be finite, not negative"),
        ({"heads": {0: 0}}, "not all 0"),
        ({"heads": {0: NAN}}, "must be finite"),
        ({"heads": {0: np.inf}}, "must be finite"),
        ({"heads": {5: 1}}, "head 5 is out of range"),
        ({"top_head": 3}, "top_head 3 is out of range: choose one from 0 to 2"),
        ({"top_head": "mean"}, "top_head must be a whole number"),
        ({"top_head": False}, "top_head must be a whole number from 0 to 2, not False"),
        ({"levels": (2, 2)}, r"levels \(2, 2\) are empty"),
        ({"levels": (3, 1)}, r"levels \(3, 1\) are reversed"),
        ({"levels": (0, 5)}, r"levels \(0, 5\) are out of range.*0 \(the embeddings\) to 4"),
        ({"levels": (-1, 2)}, "out of range"),
        ({"levels": (0, 1, 2)}, r"levels must be \(start, stop\)"),
        ({"levels": 2}, r"levels must be \(start, stop\), .*not 2"),
        ({"levels": (0.0, 1.0)}, r"levels must be \(start, stop\)"),
        ({"levels": (False, True)}, r"levels must be \(start, stop\)"),
        ({"levels": "02"}, r"levels must be \(start, stop\)"),
        ({"residual": -0.1}, "residual must be a number from 0 to 1, or one a block, not -0.1"),
        ({"residual": 1.5}, "not 1.5"),
        ({"residual": NAN}, "not nan"),
        ({"residual": True}, "not True"),
        ({"residual": "0.5"}, "not '0.5'"),
        ({"residual": None}, "not None"),
        ({"residual": [0.5, 0.5]}, "residual has 2 numbers for 4 blocks"),
        ({"residual": []}, "residual has 0 numbers for 4 blocks"),
        ({"residual": [0.5, 0.5, 2, 0.5]}, "not 2"),
        ({"residual": np.ones((4, 1))}, "one a block"),
        ({"residual": np.full((9, 9), 0.5)}, "one a block, not .{,61}$"),
        ({"heads": np.zeros((40, 40))}, "not .{,61}$"),
        ({"drop": [5]}, "drop: token 5 is out of range: choose one from 0 to 4"),
        ({"drop": 0}, "drop must be a list of token positions"),
        ({"drop": "0"}, "drop must be a list of token positions"),
        ({"keep_mass": 0}, "keep_mass must be a share above 0 and up to 1, or None, not 0"),
        ({"keep_mass": 1.1}, "not 1.1"),
        ({"keep_mass": NAN}, "not nan"),
        ({"keep_mass": True}, "not True"),
        ({"residul": 0.1}, "did you mean 'residual'"),
    ],
)
def test_bad_settings_are_refused(call, settings: dict[str, object], words: str) -> None:
    with pytest.raises(aw.AttentionError, match=words):
        call(W, **settings)
