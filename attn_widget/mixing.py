"""From attention to layer maps: fuse heads, drop, normalise, mix in the residual, in that order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .attention import Attention, as_attention
from .errors import AttentionError, brief, check_index, check_tokens, is_index, named_settings
from .memory import foresee

if TYPE_CHECKING:
    from .arrays import FloatArray

HeadFusion = Literal["mean", "max", "min"] | int | Sequence[int] | Mapping[int, float]
Levels = tuple[int, int]
Residual = float | Sequence[float] | NDArray[Any]
Maps = NDArray[np.float64]


class EmptyRowsWarning(UserWarning):
    """Rows without any mass left became identity rows."""


class Fused(NamedTuple):
    """Layer maps before the residual, and what had to be made up for them.

    maps : array, shape (blocks, queries, keys); rows sum to 1
    empty_rows : the (block, query) of every row that had no mass left and became the identity row;
        the block is counted from the bottom of the model
    """

    maps: Maps
    empty_rows: tuple[tuple[int, int], ...]


@named_settings
def layer_maps(
    attention: Any,
    *,
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    residual: Residual = 0.5,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
) -> Maps:
    """Compute one map a block: the share of each token's state that comes from each token below.

    `A_b = (1 - residual) * W_b + residual * I`, where `W_b` is the attention of block `b` with its
    heads fused and its rows summing to 1 (Abnar & Zuidema 2020, section 3).

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    levels : (start, stop), optional
        The blocks `start ... stop-1`. By default all: (0, layers).
    heads : {"mean", "max", "min"}, int, list of int, or {head: weight}
        How the heads of a layer become one map: their mean, maximum or minimum, one head alone,
        the mean of some, or a weighted mean.
    top_head : int, optional
        Use this head alone in the top block of the range (the paper's appendix A.1).
    residual : float in [0, 1], or one a block
        The share of a token's state that bypasses attention. 0 and 1 are exact.
    drop : token positions
        These tokens are not read by attention (their columns are removed); they keep their
        residual edge.
    keep_mass : float in (0, 1], optional
        Keep only the largest weights of each row that together hold this share of its mass, and
        those that equal the smallest of them.

    Returns
    -------
    array, shape (blocks, queries, keys), float64
        The lowest block first; rows sum to 1. A row without any mass left after fusing and
        dropping is an identity row, and an `EmptyRowsWarning` names it.

    Raises
    ------
    AttentionError
        A head, level, token or share out of range.

    Examples
    --------
    >>> layer_maps([[[[1.0, 0.0], [0.5, 0.5]]]])
    array([[[1.  , 0.  ],
            [0.25, 0.75]]])
    """
    attention = as_attention(attention)
    levels = check_levels(levels, attention.n_layers)
    shares = check_residual(residual, levels[1] - levels[0])
    fused = fuse(
        attention, levels=levels, heads=heads, top_head=top_head, drop=drop, keep_mass=keep_mass
    )
    warn_of_empty_rows(fused.empty_rows)
    return mix_residual(fused.maps, shares, out=fused.maps)


def fused_maps(
    attention: Any,
    *,
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
) -> Maps:
    """Compute the maps of `layer_maps` before the residual: rows sum to 1.

    Returns
    -------
    array, shape (blocks, queries, keys), float64. `fuse` also tells which rows were empty.
    """
    return fuse(
        attention, levels=levels, heads=heads, top_head=top_head, drop=drop, keep_mass=keep_mass
    ).maps


def fuse(
    attention: Any,
    *,
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
) -> Fused:
    """Compute the maps before the residual, and the rows that had no mass left."""
    attention = as_attention(attention)
    start, stop = check_levels(levels, attention.n_layers)
    empty: list[tuple[int, int]] = []
    blocks = fuse_blocks(
        attention,
        levels=(start, stop),
        heads=heads,
        top_head=top_head,
        drop=drop,
        keep_mass=keep_mass,
    )
    shape = (stop - start, attention.n_tokens, attention.n_tokens)
    foresee(
        8 * (shape[0] + 2) * shape[1] * shape[2],
        f"The layer maps of {shape[0]} blocks of {shape[1]} tokens",
        "ask for fewer levels, or for rollout, which holds one map at a time",
    )
    maps = np.empty(shape)
    for block, fused, rows in blocks:
        maps[block - start] = fused
        empty.extend((block, row) for row in rows)
    return Fused(maps, tuple(sorted(empty)))


def fuse_blocks(
    attention: Attention,
    *,
    levels: Levels,
    heads: HeadFusion,
    top_head: int | None,
    drop: Sequence[int],
    keep_mass: float | None,
    upwards: bool = False,
) -> Iterator[tuple[int, Maps, list[int]]]:
    """Check the settings, then yield block, map before the residual, empty rows; the top first.

    `upwards` yields the lowest block first.
    """
    start, stop = levels
    below = check_heads(heads, attention.n_heads)
    top = below if top_head is None else check_index(top_head, attention.n_heads, "top_head")
    dropped = list(check_tokens(drop, attention.n_tokens, "drop"))
    share = check_keep_mass(keep_mass)

    def blocks() -> Iterator[tuple[int, Maps, list[int]]]:
        for block in range(start, stop) if upwards else reversed(range(start, stop)):
            fused = fuse_heads(attention.weights[block], top if block == stop - 1 else below)
            if dropped:
                fused[:, dropped] = 0
            if share < 1:
                _keep_largest(fused, share)
            empty = _normalise_rows(fused)
            if attention.network is not None:  # who keeps to itself by design is no news
                reading = range(attention.n_tokens)[attention.network.queries(block)]
                empty = [row for row in empty if row in reading]
            yield block, fused, empty

    return blocks()


def fuse_heads(layer: FloatArray, heads: HeadFusion) -> Maps:
    """Combine the heads of one layer into one map.

    Parameters
    ----------
    layer : array, shape (heads, queries, keys)
    heads : a value that `check_heads` returned

    Returns
    -------
    array, shape (queries, keys), float64, fresh. "max" and "min" don't keep row sums of 1.
    """
    fused: Maps
    if isinstance(heads, int):
        fused = layer[heads].astype(np.float64)
    elif heads == "max":
        fused = layer.max(axis=0).astype(np.float64)
    elif heads == "min":
        fused = layer.min(axis=0).astype(np.float64)
    elif isinstance(heads, Mapping):
        total = math.fsum(heads.values())
        fused = np.zeros(layer.shape[1:])
        for head, weight in heads.items():
            fused += layer[head] * np.float64(weight / total)
    else:
        chosen = range(len(layer)) if isinstance(heads, str) else heads
        fused = layer[chosen[0]].astype(np.float64)
        for head in chosen[1:]:
            fused += layer[head]
        fused /= len(chosen)
    return fused


def mix_residual(fused: Maps, residual: Residual, *, out: Maps | None = None) -> Maps:
    """Mix in the residual: `(1 - residual) * W_b + residual * I`, with one residual or one a block.

    Parameters
    ----------
    fused : array, shape (blocks, queries, keys); rows sum to 1
    residual : float in [0, 1], or one a block. 0 returns `fused` exactly, 1 the identity.
    out : array of the same shape, optional
        Where to put the result; may be `fused` itself.
    """
    shares = check_residual(residual, len(fused))
    mixed: Maps = np.multiply(fused, (1 - shares)[:, None, None], out=out)
    diagonal = np.arange(fused.shape[-1])
    mixed[:, diagonal, diagonal] += shares[:, None]
    return mixed


def check_levels(levels: object, n_layers: int) -> Levels:
    """Check a range of levels, `0 <= start < stop <= n_layers`; None is the whole model."""
    if levels is None:
        return 0, n_layers
    wanted = f"two whole numbers with 0 <= start < stop <= {n_layers}"
    pair = list(levels) if isinstance(levels, (Sequence, np.ndarray)) else []
    if len(pair) != 2 or not all(is_index(level) for level in pair):
        message = f"levels must be (start, stop), {wanted}, not {brief(levels)}."
        raise AttentionError(message)
    start, stop = int(pair[0]), int(pair[1])
    if start < 0 or stop > n_layers:
        message = (
            f"levels ({start}, {stop}) are out of range: this attention has levels 0 (the "
            f"embeddings) to {n_layers} (the output)."
        )
        raise AttentionError(message)
    if start >= stop:
        kind = "empty" if start == stop else "reversed"
        message = f"levels ({start}, {stop}) are {kind}: give (start, stop), {wanted}."
        raise AttentionError(message)
    return start, stop


def check_heads(heads: object, n_heads: int) -> HeadFusion:
    """Check a head fusion: the same, with Python's own numbers and without surprises."""
    if is_index(heads):
        return check_index(heads, n_heads, "head")
    if isinstance(heads, str) and heads in ("mean", "max", "min"):
        return heads  # type: ignore[return-value]
    if isinstance(heads, Mapping) and heads:
        weights = {
            check_index(head, n_heads, "head"): _number(weight) for head, weight in heads.items()
        }
        if all(0 <= weight < math.inf for weight in weights.values()) and any(weights.values()):
            return dict(sorted(weights.items()))
        message = (
            f"The weights of heads must be finite, not negative and not all 0, not {brief(heads)}."
        )
        raise AttentionError(message)
    if not isinstance(heads, (str, bytes, bool, Mapping)) and isinstance(
        heads, (Sequence, np.ndarray)
    ):
        chosen = sorted(check_index(head, n_heads, "head") for head in heads)
        if len(set(chosen)) < len(chosen):
            message = f"heads {chosen} name a head twice: name each once, or weigh them {{0: 2.0}}."
            raise AttentionError(message)
        if chosen:
            return chosen
    message = (
        f"heads must be 'mean', 'max', 'min', a head from 0 to {n_heads - 1}, a list of heads or "
        f"{{head: weight}}, not {brief(heads)}."
    )
    raise AttentionError(message)


def check_residual(residual: object, n_blocks: int) -> NDArray[np.float64]:
    """Check a residual, one number in [0, 1] or one a block; returns one a block."""
    if isinstance(residual, (Sequence, np.ndarray)) and not isinstance(residual, (str, bytes)):
        if np.ndim(residual) == 1 and len(residual) != n_blocks:
            message = (
                f"residual has {len(residual)} numbers for {n_blocks} blocks: give one number, or "
                "one a block."
            )
            raise AttentionError(message)
        given = [residual.item()] if np.ndim(residual) == 0 else list(residual)  # type: ignore[union-attr]
    else:
        given = [residual]
    shares = [_number(share) for share in given]
    for share, value in zip(shares, given, strict=True):
        if not 0 <= share <= 1:  # true for NaN as well
            message = f"residual must be a number from 0 to 1, or one a block, not {brief(value)}."
            raise AttentionError(message)
    return np.array(shares if len(shares) == n_blocks else shares * n_blocks, dtype=np.float64)


def check_keep_mass(keep_mass: object) -> float:
    """Check the share of each row's mass to keep, in (0, 1]; None keeps all."""
    share = 1.0 if keep_mass is None else _number(keep_mass)
    if not 0 < share <= 1:
        message = f"keep_mass must be a share above 0 and up to 1, or None, not {brief(keep_mass)}."
        raise AttentionError(message)
    return share


def warn_of_empty_rows(rows: Sequence[tuple[int, int]]) -> None:
    """Say which rows became identity rows, once, as a warning at the caller of the public name."""
    if rows:
        block, query = rows[0]
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        message = (
            f"Block {block}, row {query}{more} had no mass left and became the identity row: the "
            "token keeps to itself."
        )
        warnings.warn(message, EmptyRowsWarning, stacklevel=4)


def _number(value: object) -> float:
    """Read a real number; anything else is NaN, which every range check refuses."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _keep_largest(fused: Maps, share: float) -> None:
    """Zero, in place, all but the largest weights of each row that hold `share` of its mass."""
    falling = -np.sort(-fused, axis=1)
    running = np.cumsum(falling, axis=1)
    # A hair less than the share, so that 0.5 + 0.4 of 1 counts as 0.9 however it rounds.
    enough = running >= running[:, -1:] * (share * (1 - 1e-12))
    least = np.take_along_axis(falling, enough.argmax(axis=1)[:, None], axis=1)
    fused[fused < least] = 0


def _normalise_rows(fused: Maps) -> list[int]:
    """Scale each row to sum 1, in place; rows without mass become identity rows, returned."""
    sums = fused.sum(axis=1)
    empty = [int(row) for row in np.flatnonzero(sums == 0)]
    fused[empty, empty] = 1
    sums[empty] = 1
    fused /= sums[:, None]
    return empty
