"""Every head at a glance: small maps, entropies, and what each head adds to a selection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .attention import Attention

MAP_SIZE = 48
"""Most rows and columns of a small map; longer texts are averaged down to it."""

TOP_PERCENTILE = 98.5
"""What a small map's darkest colour stands for, so that a sink does not blank out the rest."""


@dataclass(frozen=True)
class HeadMaps:
    """All heads of an attention, small.

    Attributes
    ----------
    maps : uint8, shape (layers, heads, size, size)
        Each on its own scale: 255 is `top` and above.
    tops : float32, shape (layers, heads)
        The 98.5th percentile of each small map.
    entropy : float32, shape (layers, heads)
        Mean entropy of the rows in bits, from 0 to log2(n).
    """

    maps: NDArray[np.uint8]
    tops: NDArray[np.float32]
    entropy: NDArray[np.float32]


def head_maps(attention: Attention, *, size: int = MAP_SIZE) -> HeadMaps:
    """Shrink the map of every head and measure its entropy, a layer at a time on each core."""
    layers, heads, n = attention.n_layers, attention.n_heads, attention.n_tokens
    side = min(n, size)
    maps = np.empty((layers, heads, side, side), np.uint8)
    tops, entropy = np.empty((2, layers, heads), np.float32)

    def fill(layer: int) -> None:
        weights = np.asarray(attention.weights[layer], dtype=np.float32)
        entropy[layer] = row_entropy(weights)
        small = _shrink(weights, side)
        top = np.percentile(small.reshape(heads, -1), TOP_PERCENTILE, axis=1).astype(np.float32)
        tops[layer] = np.where(top > 0, top, small.reshape(heads, -1).max(axis=1))
        scale = np.where(tops[layer] > 0, tops[layer], 1)[:, None, None]
        maps[layer] = np.rint(255 * np.minimum(small / scale, 1))

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(fill, range(layers)))
    return HeadMaps(maps, tops, entropy)


def head_shares(
    weights: NDArray[np.floating], down: NDArray[np.float64], up: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Part of a trace's attention that each head of a block carries; rows sum to 1.

    Parameters
    ----------
    weights : array, shape (blocks, heads, queries, keys)
    down : array, shape (blocks + 1, n)
        Mass of the trace at each level, from its sources.
    up : array, shape (blocks + 1, n)
        What a unit of mass at each node is worth to the trace's other end.

    Returns
    -------
    array, shape (blocks, heads)
        With heads fused by their mean, head h of block b carries the sum over queries and keys of
        `down[b + 1, query] * weights[b, h, query, key] * up[b, key]`, as a share of all heads.
    """
    carried = np.stack(
        [
            # A head at a time: no copy of a whole layer in double precision.
            [down[block + 1] @ (np.asarray(head) @ up[block]) for head in weights[block]]
            for block in range(len(weights))
        ]
    )
    total = carried.sum(axis=1, keepdims=True)
    shares = np.full(carried.shape, 1 / carried.shape[1])
    np.divide(carried, total, out=shares, where=total > 0)
    return shares


def row_entropy(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean entropy of the rows of each head in bits, shape (heads,); 0 log 0 is 0."""
    positive = np.maximum(weights, np.finfo(np.float32).tiny)
    bits = np.log2(positive, out=positive)
    bits *= weights
    entropy: NDArray[np.float32] = -bits.sum(axis=-1).mean(axis=-1)
    np.maximum(entropy, 0, out=entropy)
    return entropy


def _shrink(weights: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mean over near-square patches; a map that is small enough stays as it is."""
    n = weights.shape[-1]
    if n == side:
        return weights
    edges = np.arange(side) * n // side
    counts = np.diff([*edges, n]).astype(np.float32)
    small = np.add.reduceat(np.add.reduceat(weights, edges, axis=1), edges, axis=2)
    small /= np.outer(counts, counts)
    return small
