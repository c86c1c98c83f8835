"""Attention rollout: products of layer maps, whole, by one row or column, or in the residual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import as_attention
from .baseline import check_baseline, ratio, uniform_map
from .errors import AttentionError, brief, check_tokens, named_settings
from .mixing import (
    HeadFusion,
    Levels,
    Maps,
    Residual,
    check_levels,
    check_residual,
    fuse_blocks,
    mix_residual,
    warn_of_empty_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from .arrays import FloatArray

# Below this size one full product is faster than the four half products of a triangular one.
_SMALL_TRIANGLE = 192


@named_settings
def rollout(
    attention: Any,
    *,
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    residual: Residual = 0.5,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
    sources: Sequence[int] | None = None,
    sinks: Sequence[int] | None = None,
    baseline: str | None = None,
    dtype: DTypeLike = np.float64,
) -> FloatArray:
    """Compute attention rollout: how much of each token at the top comes from each at the bottom.

    `A_{stop-1} @ ... @ A_{start}`, the product of the maps of `layer_maps` (Abnar & Zuidema 2020,
    section 3.1). Values, MLPs and LayerNorm are not in it.

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    levels, heads, top_head, residual, drop, keep_mass
        As in `layer_maps`.
    sources : token positions at level `stop`, optional
        The rows of the result; by default every token. A few rows of a long text take one map in
        memory at a time and vector products alone.
    sinks : token positions at level `start`, optional
        The columns of the result; by default every token.
    baseline : {"uniform"}, optional
        Divide by the rollout of uniform attention under the same mask: 1 is what a token gets for
        its position alone (causal rollout piles up on the first tokens), 2 twice that.
    dtype : float64 or float32
        The type of the products; float32 takes half the time and memory.

    Returns
    -------
    array, shape (sources, sinks)
        Rows over all sinks sum to 1. With one block it is that block's map. With a baseline,
        ratios; 0 where the mask lets nothing through.

    Raises
    ------
    AttentionError
        A head, level, token or share out of range.

    Examples
    --------
    >>> rollout([[[[1.0, 0.0], [0.5, 0.5]]]] * 2)
    array([[1.    , 0.    ],
           [0.4375, 0.5625]])
    """
    attention = as_attention(attention)
    start, stop = check_levels(levels, attention.n_layers)
    shares = check_residual(residual, stop - start)
    compare = check_baseline(baseline)
    n = attention.n_tokens
    rows_wanted = None if sources is None else _check_ends(sources, n, "sources")
    columns_wanted = None if sinks is None else _check_ends(sinks, n, "sinks")
    upwards = rows_wanted is None and columns_wanted is not None
    blocks = fuse_blocks(
        attention,
        levels=(start, stop),
        heads=heads,
        top_head=top_head,
        drop=drop,
        keep_mass=keep_mass,
        upwards=upwards,
    )
    if np.dtype(dtype) not in (np.dtype(np.float64), np.dtype(np.float32)):
        message = f"dtype must be float64 or float32, not {brief(dtype)}."
        raise AttentionError(message)
    product = _Product(rows_wanted, columns_wanted if upwards else None, lower=attention.causal)
    plain = _Product(rows_wanted, columns_wanted if upwards else None, lower=attention.causal)
    empty: list[tuple[int, int]] = []
    for block, fused, rows in blocks:  # one map in memory at a time
        empty.extend((block, row) for row in rows)
        share = shares[block - start : block - start + 1]
        product.multiply(
            mix_residual(fused[None], share, out=fused[None])[0].astype(dtype, copy=False)
        )
        if compare:
            uniform = uniform_map(attention, block, drop)[None]
            plain.multiply(mix_residual(uniform, share, out=uniform)[0].astype(dtype, copy=False))
    warn_of_empty_rows(sorted(empty))
    found = ratio(product.value, plain.value) if compare else product.value
    return found if columns_wanted is None or upwards else found[:, columns_wanted]


def _check_ends(tokens: Sequence[int], n_tokens: int, name: str) -> list[int]:
    """Check token positions and keep their order."""
    check_tokens(tokens, n_tokens, name)
    return [int(token) for token in tokens]


class _Product:
    """A product of maps, or some of its rows (the top map first), or columns (the lowest first)."""

    def __init__(self, rows: list[int] | None, columns: list[int] | None, *, lower: bool) -> None:
        self._rows, self._columns, self._lower = rows, columns, lower
        self._value: FloatArray | None = None

    def multiply(self, one: FloatArray) -> None:
        """Put the next map to the right, or, for columns, to the left."""
        if self._columns is not None:
            self._value = one[:, self._columns] if self._value is None else one @ self._value
        elif self._rows is not None:
            self._value = one[self._rows] if self._value is None else self._value @ one
        elif self._value is None:
            self._value = one
        else:
            self._value = _product(self._value, one, lower=self._lower)

    @property
    def value(self) -> FloatArray:
        """The product so far."""
        assert self._value is not None  # a range of levels has at least one block
        return self._value


def rollout_matrix(maps: FloatArray) -> FloatArray:
    """Multiply layer maps, the top block first: `maps[-1] @ ... @ maps[0]`.

    Parameters
    ----------
    maps : array, shape (blocks, n, n), float64 or float32, the lowest block first

    Returns
    -------
    array, shape (tokens at the top, tokens at the bottom), of the same type
    """
    lower = not any(np.triu(one, 1).any() for one in maps)
    product: FloatArray = maps[-1].copy()
    for one in maps[-2::-1]:
        product = _product(product, one, lower=lower)
    return product


def masses_down(maps: Maps, weights: NDArray[Any]) -> NDArray[np.float64]:
    """Push masses at the top down through the maps, one vector-matrix product a block.

    Parameters
    ----------
    maps : array, shape (blocks, n, n)
    weights : array, shape (n,), the mass of each token at the top

    Returns
    -------
    array, shape (blocks + 1, n)
        The mass at each level; index 0 is the lowest level. From a unit vector, row 0 is that
        token's row of the rollout.
    """
    masses = np.empty((len(maps) + 1, maps.shape[-1]))
    masses[-1] = weights
    for block in reversed(range(len(maps))):
        masses[block] = masses[block + 1] @ maps[block]
    return masses


def masses_up(maps: Maps, weights: NDArray[Any]) -> NDArray[np.float64]:
    """Pull weights at the bottom up through the maps, one matrix-vector product a block.

    Parameters
    ----------
    maps : array, shape (blocks, n, n)
    weights : array, shape (n,), the weight of each token at the lowest level

    Returns
    -------
    array, shape (blocks + 1, n)
        At each level, the weight that a unit of mass there ends on; index 0 is the lowest level.
        From a unit vector, the last row is that token's column of the rollout.
    """
    masses = np.empty((len(maps) + 1, maps.shape[-1]))
    masses[0] = weights
    for block in range(len(maps)):
        masses[block + 1] = maps[block] @ masses[block]
    return masses


# --- as polynomials in the residual --------------------------------------------------------------
# With one residual r for every block, a = 1 - r and D blocks, the product of the (a W_b + r I) is
# sum_k a^k r^(D-k) C_k, where C_k adds up the products of every k of the D fused maps, in order.
# All C_k >= 0 (Bernstein form, binomials folded in), so evaluating them cancels nothing: exact to
# rounding for every r in [0, 1]. One more block W: C_k <- C_k + C_{k-1} W.


def matrix_terms(fused: Maps) -> Maps:
    """Compute the rollout matrix as a polynomial in the residual; see `evaluate_terms`.

    Parameters
    ----------
    fused : array, shape (blocks, n, n), maps before the residual, the lowest block first

    Returns
    -------
    array, shape (blocks + 1, n, n)
    """
    blocks, n, _ = fused.shape
    terms = np.zeros((blocks + 1, n, n))
    terms[0] = np.eye(n)
    for degree, one in enumerate(fused[::-1]):
        stepped = terms[: degree + 1].reshape(-1, n) @ one  # one tall product, not many square ones
        terms[1 : degree + 2] += stepped.reshape(-1, n, n)
    return terms


def down_terms(fused: Maps, weights: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Compute `masses_down` as polynomials in the residual; see `evaluate_terms`.

    Returns
    -------
    list of arrays, one a level from the lowest to the top
        At `d` blocks below the top its shape is (d + 1, n).
    """
    levels = [np.array(weights, dtype=np.float64)[None]]
    for one in fused[::-1]:
        levels.append(_one_more(levels[-1], levels[-1] @ one))
    return levels[::-1]


def up_terms(fused: Maps, weights: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Compute `masses_up` as polynomials in the residual; see `evaluate_terms`.

    Returns
    -------
    list of arrays, one a level from the lowest to the top
        At `d` blocks above the bottom its shape is (d + 1, n).
    """
    levels = [np.array(weights, dtype=np.float64)[None]]
    for one in fused:
        levels.append(_one_more(levels[-1], levels[-1] @ one.T))
    return levels


def evaluate_terms(terms: NDArray[np.float64], residual: float) -> NDArray[np.float64]:
    """Evaluate terms at one residual: `sum_k (1 - residual)^k * residual^(D - k) * terms[k]`.

    Parameters
    ----------
    terms : array, shape (D + 1, ...), of `matrix_terms`, `down_terms` or `up_terms`
    residual : float in [0, 1], the same in every block

    Returns
    -------
    array, shape (...)
    """
    degree = len(terms) - 1
    residual = float(check_residual(residual, 1)[0])
    factors = [(1 - residual) ** k * residual ** (degree - k) for k in range(degree + 1)]
    return np.tensordot(factors, terms, axes=1)


def _one_more(terms: NDArray[np.float64], stepped: NDArray[np.float64]) -> NDArray[np.float64]:
    longer = np.zeros((len(terms) + 1, terms.shape[1]))
    longer[:-1] = terms
    longer[1:] += stepped
    return longer


def _product(left: FloatArray, right: FloatArray, *, lower: bool) -> FloatArray:
    """Multiply two maps; of lower triangular ones only the lower triangle is computed."""
    n = len(left)
    if not lower or n < _SMALL_TRIANGLE:
        return left @ right
    half = n // 2
    first, rest = slice(None, half), slice(half, None)
    product = np.zeros_like(left)
    product[first, first] = _product(left[first, first], right[first, first], lower=True)
    product[rest, rest] = _product(left[rest, rest], right[rest, rest], lower=True)
    product[rest, first] = left[rest, first] @ right[first, first]
    product[rest, first] += left[rest, rest] @ right[rest, first]
    return product
