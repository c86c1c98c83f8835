"""Attention for property tests: softmax rows of every temperature, sparse, causal, one token."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Float = NDArray[np.float64]


def random_weights(
    seed: int,
    *,
    layers: int = 3,
    heads: int = 2,
    n: int = 5,
    sharpness: float = 1.0,
    causal: bool = False,
) -> Float:
    """Softmax rows of random scores; a large sharpness makes weights that underflow to 0."""
    rng = np.random.default_rng(seed)
    scores = sharpness * rng.normal(size=(layers, heads, n, n))
    if causal:
        scores[..., ~np.tri(n, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@st.composite
def weights(draw: st.DrawFn, *, max_layers: int = 5, max_tokens: int = 8) -> Float:
    return random_weights(
        draw(st.integers(0, 2**32 - 1)),
        layers=draw(st.integers(1, max_layers)),
        heads=draw(st.integers(1, 3)),
        n=draw(st.integers(1, max_tokens)),
        sharpness=draw(st.sampled_from([0.0, 1.0, 5.0, 1000.0])),
        causal=draw(st.booleans()),
    )


@st.composite
def maps(draw: st.DrawFn, *, max_blocks: int = 5, max_tokens: int = 8) -> Float:
    """Maps before the residual, shape (blocks, n, n), rows summing to 1."""
    return draw(weights(max_layers=max_blocks, max_tokens=max_tokens))[:, 0]


residuals = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
