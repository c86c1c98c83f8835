from __future__ import annotations

from functools import reduce
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import maps as any_maps
from strategies import random_weights, residuals, weights

import attn_widget as aw
from attn_widget.mixing import fused_maps, mix_residual
from attn_widget.rollout import (
    down_terms,
    evaluate_terms,
    masses_down,
    masses_up,
    matrix_terms,
    rollout_matrix,
    up_terms,
)

W = random_weights(0, layers=4, heads=3, n=5)


def product(maps: np.ndarray) -> np.ndarray:
    """The definition, the top block leftmost."""
    return reduce(np.matmul, maps[::-1])


# --- closed forms --------------------------------------------------------------------------------


def test_one_block_is_its_map() -> None:
    for block in range(4):
        levels = (block, block + 1)
        expected = aw.layer_maps(W, levels=levels)[0]
        np.testing.assert_array_equal(aw.rollout(W, levels=levels), expected)


def test_two_blocks_multiply_with_the_top_block_on_the_left() -> None:
    bottom, top = aw.layer_maps(W, levels=(1, 3))
    np.testing.assert_allclose(aw.rollout(W, levels=(1, 3)), top @ bottom, rtol=1e-14)
    assert np.abs(top @ bottom - bottom @ top).max() > 1e-3


def test_by_hand() -> None:
    # A0 = [[1, 0], [1/4, 3/4]]; A1 = [[1/2, 1/2], [0, 1]]; A1 A0, worked out on paper
    given_weights = [[[[1.0, 0.0], [0.5, 0.5]]], [[[0.0, 1.0], [0.0, 1.0]]]]
    np.testing.assert_array_equal(aw.rollout(given_weights), [[0.625, 0.375], [0.25, 0.75]])


def test_identity_attention_stays_identity() -> None:
    np.testing.assert_array_equal(aw.rollout(np.tile(np.eye(6), (5, 2, 1, 1))), np.eye(6))


@pytest.mark.parametrize("residual", [0, 0.25, 0.5, 1])
def test_uniform_attention(residual: float) -> None:
    # A token keeps residual^L of itself; everything else is spread evenly.
    kept = residual**3
    expected = kept * np.eye(4) + (1 - kept) / 4
    result = aw.rollout(np.full((3, 2, 4, 4), 0.25), residual=residual)
    np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_uniform_causal_attention_piles_up_on_the_first_token() -> None:
    n, layers = 64, 32
    uniform = np.tri(n) / np.arange(1, n + 1)[:, None]
    result = aw.rollout(np.tile(uniform, (layers, 1, 1, 1)))
    assert round(100 * result[-1, 0], 1) == 99.5


@pytest.mark.parametrize("n", [5, 500])
def test_causal_stays_causal_and_equals_the_full_product(n: int) -> None:
    causal = random_weights(1, layers=3, heads=1, n=n, sharpness=3, causal=True)
    result = aw.rollout(causal)
    assert (np.triu(result, 1) == 0).all()
    maps = aw.layer_maps(causal)
    np.testing.assert_allclose(result, product(maps), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(rollout_matrix(maps), result)


@pytest.mark.parametrize("heads", ["mean", "max", 0])
def test_residual_0_and_1_are_exact(heads: object) -> None:
    np.testing.assert_array_equal(aw.rollout(W, heads=heads, residual=1), np.eye(5))
    plain = product(fused_maps(W, heads=heads))
    np.testing.assert_array_equal(aw.rollout(W, heads=heads, residual=0), plain)


def test_settings_reach_the_maps() -> None:
    settings = {
        "levels": (1, 4),
        "heads": [0, 2],
        "top_head": 1,
        "residual": [0.1, 0.2, 0.3],
        "drop": [2],
        "keep_mass": 0.8,
    }
    expected = product(aw.layer_maps(W, **settings))
    np.testing.assert_allclose(aw.rollout(W, **settings), expected, rtol=1e-14)


def test_empty_rows_are_named_once() -> None:
    causal = random_weights(0, causal=True)
    with pytest.warns(aw.EmptyRowsWarning, match="Block 0, row 0 and 2 more") as caught:
        aw.rollout(causal, drop=[0])
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_float32_products() -> None:
    result = aw.rollout(W, dtype="float32")
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, aw.rollout(W), rtol=1e-5)
    maps = aw.layer_maps(W).astype(np.float32)
    assert rollout_matrix(maps).dtype == np.float32
    with pytest.raises(aw.AttentionError, match="dtype must be float64 or float32"):
        aw.rollout(W, dtype="float16")


# --- properties ----------------------------------------------------------------------------------


@given(weights(), residuals)
def test_rows_sum_to_1(given_weights: np.ndarray, residual: float) -> None:
    result = aw.rollout(given_weights, residual=residual)
    assert (result >= 0).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-13)
    expected = product(aw.layer_maps(given_weights, residual=residual))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-300)


@given(weights(), residuals, st.randoms())
def test_permuting_tokens_permutes_the_rollout(
    given_weights: np.ndarray, residual: float, random
) -> None:
    order = list(range(given_weights.shape[-1]))
    random.shuffle(order)
    shuffled = aw.rollout(given_weights[..., order, :][..., order], residual=residual)
    result = aw.rollout(given_weights, residual=residual)
    np.testing.assert_allclose(shuffled, result[order][:, order], rtol=1e-12, atol=1e-300)


@given(any_maps(), residuals, st.data())
def test_ranges_chain(fused: np.ndarray, residual: float, data: st.DataObject) -> None:
    maps = mix_residual(fused, residual)
    middle = data.draw(st.integers(0, len(maps)))
    parts = [rollout_matrix(part) for part in (maps[middle:], maps[:middle]) if len(part)]
    whole = reduce(np.matmul, parts)
    np.testing.assert_allclose(rollout_matrix(maps), whole, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float16, 2e-2), (torch.bfloat16, 1e-1), (torch.float32, 1e-5)]
)
def test_narrow_types_give_nearly_the_same(dtype, rtol: float) -> None:
    result = aw.rollout(torch.tensor(W).to(dtype))
    np.testing.assert_allclose(result, aw.rollout(W), rtol=rtol)
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-14)


# --- one row, one column -------------------------------------------------------------------------


@given(any_maps(), residuals)
def test_masses_are_rows_and_columns_of_the_partial_products(
    fused: np.ndarray, residual: float
) -> None:
    maps = mix_residual(fused, residual)
    blocks, n, _ = maps.shape
    token = n - 1
    unit = np.eye(n)[token]
    down, up = masses_down(maps, unit), masses_up(maps, unit)
    assert down.shape == up.shape == (blocks + 1, n)
    np.testing.assert_array_equal(down[-1], unit)
    np.testing.assert_array_equal(up[0], unit)
    for level in range(blocks):
        above, below = product(maps[level:]), product(maps[: level + 1])
        np.testing.assert_allclose(down[level], above[token], rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(up[level + 1], below[:, token], rtol=1e-12, atol=1e-300)


# --- polynomials in the residual -----------------------------------------------------------------


@given(any_maps(), residuals)
def test_terms_evaluate_to_the_direct_computation(fused: np.ndarray, residual: float) -> None:
    maps = mix_residual(fused, residual)
    blocks, n, _ = maps.shape
    start = np.linspace(0, 1, n)

    matrix = matrix_terms(fused)
    assert matrix.shape == (blocks + 1, n, n)
    direct = rollout_matrix(maps)
    np.testing.assert_allclose(evaluate_terms(matrix, residual), direct, rtol=1e-12, atol=1e-300)

    down, up = down_terms(fused, start), up_terms(fused, start)
    assert [len(terms) for terms in down] == list(range(blocks + 1, 0, -1))
    assert [len(terms) for terms in up] == list(range(1, blocks + 2))
    for terms, masses in ((down, masses_down(maps, start)), (up, masses_up(maps, start))):
        for one, direct_masses in zip(terms, masses, strict=True):
            evaluated = evaluate_terms(one, residual)
            np.testing.assert_allclose(evaluated, direct_masses, rtol=1e-12, atol=1e-300)


@given(any_maps())
def test_terms_are_not_negative_and_count_the_choices_of_blocks(fused: np.ndarray) -> None:
    matrix = matrix_terms(fused)
    assert (matrix >= 0).all()
    # Each of the C(L, k) products of k maps has rows summing to 1.
    blocks = len(fused)
    choices = [comb(blocks, k) for k in range(blocks + 1)]
    sums = matrix.sum(axis=2)
    np.testing.assert_allclose(sums, np.tile(choices, (sums.shape[1], 1)).T, rtol=1e-12)


def test_terms_at_the_ends_of_the_slider_are_exact() -> None:
    fused = fused_maps(W)
    terms = matrix_terms(fused)
    np.testing.assert_array_equal(evaluate_terms(terms, 1), np.eye(5))
    np.testing.assert_allclose(evaluate_terms(terms, 0), product(fused), rtol=1e-15)


def test_the_middle_term_of_two_blocks_is_the_sum_of_the_maps() -> None:
    fused = fused_maps(W, levels=(0, 2))
    terms = matrix_terms(fused)
    np.testing.assert_array_equal(terms[0], np.eye(5))
    np.testing.assert_allclose(terms[1], fused[0] + fused[1], rtol=1e-15)
    np.testing.assert_allclose(terms[2], fused[1] @ fused[0], rtol=1e-15)


def test_terms_refuse_a_residual_out_of_range() -> None:
    with pytest.raises(aw.AttentionError, match=r"not 1\.5"):
        evaluate_terms(matrix_terms(fused_maps(W)), 1.5)
