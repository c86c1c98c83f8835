"""Uniform attention under the same mask: what rollout shows where there is nothing to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .errors import AttentionError, brief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arrays import FloatArray
    from .attention import Attention
    from .mixing import Maps


def check_baseline(baseline: object) -> bool:
    """Whether a comparison is wanted."""
    if baseline is None:
        return False
    if isinstance(baseline, str) and baseline == "uniform":
        return True
    message = f"baseline must be None or 'uniform', not {brief(baseline)}."
    raise AttentionError(message)


class Mask(NamedTuple):
    """What the tokens of a block may read: a band of diagonals between queries and keys.

    Query q, counted within `queries`, reads key k, counted within `keys`, where
    `-ahead <= q - k <= behind`.
    """

    queries: slice
    keys: slice
    behind: int
    ahead: int


def mask_of(attention: Attention, block: int) -> Mask:
    """Read the mask of a block off its weights: how far back and ahead any of its tokens reads."""
    n = attention.n_tokens
    queries, keys = slice(0, n), slice(0, n)
    if attention.network is not None:
        queries, keys = attention.network.queries(block), attention.network.keys(block)
    part = attention.weights[block][:, queries, keys].max(axis=0) > 0
    rows, columns = part.shape
    some = part.any(axis=1)
    behind, ahead = rows, columns  # everything, of a map not square
    if rows == columns:
        at = np.arange(rows)
        first = part.argmax(axis=1)
        last = columns - 1 - part[:, ::-1].argmax(axis=1)
        behind = int((at - first)[some].max()) if some.any() else -1
        ahead = int((last - at)[some].max()) if some.any() else -1
    return Mask(queries, keys, behind, ahead)


def uniform_map(attention: Attention, block: int, drop: Sequence[int]) -> Maps:
    """The map of a block whose heads spread evenly over all that their mask lets them read.

    The mask is read off the weights as a band: how far back and how far ahead any token of this
    block reads, in any head. So a sliding window is a window here as well, and an even spread over
    an encoder's tokens is one over those alone.

    Returns
    -------
    array, shape (queries, keys), float64, before the residual; rows sum to 1
    """
    n = attention.n_tokens
    out = np.zeros((n, n))
    queries, keys, behind, ahead = mask_of(attention, block)
    spread = np.zeros((n, n), dtype=bool)
    part = spread[queries, keys]
    distance = np.arange(part.shape[0])[:, None] - np.arange(part.shape[1])
    part[:] = (distance <= behind) & (distance >= -ahead)
    spread[:, list(drop)] = False
    counts = spread.sum(axis=1)
    np.divide(spread, counts[:, None], out=out, where=counts[:, None] > 0)
    alone = np.flatnonzero(counts == 0)  # idle in this block, or nothing left to read
    out[alone, alone] = 1
    return out


def ratio(values: FloatArray, uniform: FloatArray) -> FloatArray:
    """`values / uniform`; 0 where the mask lets nothing through."""
    return np.divide(values, uniform, out=np.zeros_like(values), where=uniform > 0)
