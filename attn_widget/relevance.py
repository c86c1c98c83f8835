"""What a method says of each token of one text: attention, rollout, flow, or your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .errors import AttentionError, brief, check_index, is_index
from .flow import BINDINGS, TOLERANCE, flow_values
from .mixing import check_levels, check_residual, fuse, mix_residual
from .rollout import masses_down

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .attention import Attention
    from .mixing import HeadFusion, Levels, Residual

    Floats = NDArray[np.float64]

METHODS = ("attention", "rollout", "flow")

Row = int | Literal["mean"] | Callable[[Any], Any] | None
Method = str | Callable[[Any], Any]


class TokenRelevance(NamedTuple):
    """One number a token, and for flow which of them are those of a trivial bound.

    Attributes
    ----------
    values : array, shape (n,)
    saturated : array of bool, shape (n,), or None for other methods
        Where the flow is min(out, in), so that it says nothing about the pair.
    """

    values: Floats
    saturated: NDArray[np.bool_] | None = None


class RelevanceSettings(NamedTuple):
    """How relevance is read off an attention; as in `layer_maps`, and see `evaluate`."""

    levels: tuple[Levels, ...] | Literal["each"] | None = None
    heads: HeadFusion = "mean"
    residual: Residual = 0.5
    row: Row = None
    drop: tuple[int, ...] = ()


def check_methods(given: Any) -> dict[str, Method]:
    """Check methods: names, functions, or {name: function}; in order, each once."""
    if isinstance(given, str) or callable(given):
        given = [given]
    entries = list(given.items()) if isinstance(given, Mapping) else [(None, one) for one in given]
    methods: dict[str, Method] = {}
    for label, one in entries:
        if callable(one):
            name = str(label or getattr(one, "__name__", type(one).__name__))
        elif isinstance(one, str) and one in METHODS:
            name = str(label or one)
        else:
            message = (
                f"methods must be among {', '.join(map(repr, METHODS))} or functions of an "
                f"Attention, not {brief(one)}."
            )
            raise AttentionError(message)
        if name in methods:
            message = f"methods has {name!r} twice: give functions as {{'name': function}}."
            raise AttentionError(message)
        methods[name] = one
    if not methods:
        message = f"methods is empty: give at least one of {', '.join(map(repr, METHODS))}."
        raise AttentionError(message)
    return methods


def check_ranges(levels: Any, n_layers: int) -> tuple[Levels, ...]:
    """Check one range of levels, several, or "each": (0, 1), (0, 2), ... (0, layers)."""
    if isinstance(levels, str):
        if levels == "each":
            return tuple((0, stop) for stop in range(1, n_layers + 1))
        message = (
            f"levels must be (start, stop), a list of such pairs, or 'each', not {brief(levels)}."
        )
        raise AttentionError(message)
    if levels is None or not _holds_pairs(levels):
        return (check_levels(levels, n_layers),)
    return tuple(dict.fromkeys(check_levels(one, n_layers) for one in levels))


def relevance_of(
    attention: Attention, methods: Mapping[str, Method], settings: RelevanceSettings
) -> dict[tuple[str, Levels], TokenRelevance]:
    """Compute the relevance of every token to one row, by each method and range of levels.

    Parameters
    ----------
    attention : Attention
    methods : what `check_methods` returned
    settings : RelevanceSettings
        `row` is a token at the top of the range: a position (from the end if negative), "mean" for
        the mean of all rows, a function of the attention, or None: the last token of a causal
        attention, else the first.

    Returns
    -------
    dict, (name, (start, stop)) to TokenRelevance
        "attention" is the fused map of the top block of the range, with no residual in it.
        A function is asked once, and stands under the whole model's levels.
    """
    n = attention.n_tokens
    row = _check_row(settings.row, attention)
    found: dict[tuple[str, Levels], TokenRelevance] = {}
    ranges = check_ranges(settings.levels, attention.n_layers)
    fused = fuse(
        attention,
        levels=(0, max(stop for _, stop in ranges)),
        heads=settings.heads,
        drop=settings.drop,
    ).maps
    weights = np.full(n, 1 / n) if row is None else np.eye(n)[row]
    for name, method in methods.items():
        if callable(method):
            values = np.asarray(method(attention), dtype=np.float64)
            if values.shape != (n,):
                message = (
                    f"The method {name!r} returned shape {values.shape} for {n} tokens: one number "
                    "a token is wanted."
                )
                raise AttentionError(message)
            found[name, (0, attention.n_layers)] = TokenRelevance(values)
            continue
        for start, stop in ranges:
            if method == "attention":
                relevance = TokenRelevance(weights @ fused[stop - 1])
            else:
                shares = check_residual(settings.residual, stop - start)
                maps = mix_residual(fused[start:stop], shares)
                if method == "rollout":
                    relevance = TokenRelevance(masses_down(maps, weights)[0])
                else:
                    relevance = _flow(maps, row)
            found[name, (start, stop)] = relevance
    return found


_OPEN = (BINDINGS.index("interior"), BINDINGS.index("none"))


def _flow(maps: Floats, row: int | None) -> TokenRelevance:
    flows = flow_values(maps, None if row is None else [row], threads=1)
    # Values on one bound are equal in theory, so rounding must not order them.
    values = np.where(flows.values >= flows.bound - TOLERANCE, flows.bound, flows.values)
    saturated = ~np.isin(flows.binding, _OPEN)
    return TokenRelevance(np.round(values, 9).mean(axis=0), saturated.mean(axis=0) > 0.5)


def _check_row(row: Row, attention: Attention) -> int | None:
    """The row as a position; None is the mean of all rows."""
    n = attention.n_tokens
    if isinstance(row, str):
        if row == "mean":
            return None
    elif row is None:
        return n - 1 if attention.causal and n > 1 else 0
    else:
        if callable(row):
            row = row(attention)
        if is_index(row):
            index = int(row)  # type: ignore[arg-type]
            return check_index(index + n if index < 0 else index, n, "row: token")
    message = f"row must be a token's position, 'mean', or a function, not {brief(row)}."
    raise AttentionError(message)


def _holds_pairs(levels: Any) -> bool:
    return isinstance(levels, (Sequence, np.ndarray)) and any(
        isinstance(one, (Sequence, np.ndarray)) for one in levels
    )
