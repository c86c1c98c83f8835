"""The numbers behind the charts: how shares move with the residual, and heads as two figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .analysis import start_masses
from .headmaps import row_entropy
from .rollout import down_terms, up_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .analysis import Analysis, Float
    from .attention import Attention
    from .selection import Selection
    from .settings import Settings


@dataclass(frozen=True)
class HeadFigures:
    """Every head in two numbers, each an average over the queries.

    Attributes
    ----------
    entropy : float64, shape (layers, heads)
        In bits: 0 reads one token, log2(n) reads all alike.
    distance : float64, shape (layers, heads)
        Mean |query - key| in tokens, weighted with the attention.
    """

    entropy: Float
    distance: Float


def residual_curves(
    analysis: Analysis, settings: Settings, selection: Selection, residuals: Sequence[float] | Float
) -> Float:
    """Evaluate the rollout of a selection at many residuals, each shared by all layers.

    The rollout is a polynomial in the residual with non-negative terms, so this costs one product
    of small matrices however many residuals are asked.

    Returns
    -------
    array, shape (residuals, n)
        What the selection draws from each token; from sinks alone, where their input goes.
    """
    start = settings.levels[0]
    fused = analysis.fused(settings)[selection.start - start : selection.stop - start]
    top, bottom = start_masses(selection, analysis.attention.n_tokens)
    terms = up_terms(fused, bottom)[-1] if selection.forward else down_terms(fused, top)[0]
    degree = len(terms) - 1
    at = np.asarray(residuals, dtype=np.float64)[:, None]
    power = np.arange(degree + 1)
    curves: Float = ((1 - at) ** power * at ** (degree - power)) @ terms
    return curves


def head_figures(attention: Attention) -> HeadFigures:
    """Measure every head, a layer at a time; where two inputs share a network, its readers only."""
    layers, heads, n = attention.n_layers, attention.n_heads, attention.n_tokens
    position = np.arange(n)
    apart = np.abs(position[:, None] - position).astype(np.float32)
    entropy, distance = np.empty((2, layers, heads))
    for layer in range(layers):
        reading = slice(None) if attention.network is None else attention.network.queries(layer)
        weights = np.asarray(attention.weights[layer][:, reading], dtype=np.float32)
        entropy[layer] = row_entropy(weights)
        distance[layer] = np.einsum("hqk,qk->hq", weights, apart[reading]).mean(axis=1)
    return HeadFigures(entropy, distance)


def round_ticks(top: float, most: int = 5) -> list[float]:
    """Round numbers from 0 up to `top`, at most so many steps.

    Examples
    --------
    >>> round_ticks(22.3)
    [0.0, 5.0, 10.0, 15.0, 20.0]
    >>> round_ticks(0.72)
    [0.0, 0.2, 0.4, 0.6]
    """
    ten = 10.0 ** np.floor(np.log10(top / most))
    step = next(step * ten for step in (1, 2, 5, 10) if most * step * ten >= top)
    return [round(float(step * i), 12) for i in range(int(top / step + 1e-9) + 1)]


def strongest(curves: Float, words: NDArray[np.bool_], count: int) -> list[int]:
    """Pick the tokens whose curves rise highest: up to `count` words, and two that are none."""
    order = np.argsort(-curves.max(axis=0), kind="stable")
    chosen = [int(token) for token in order if words[token]][:count]
    others = [int(token) for token in order if not words[token]][:2]
    return sorted({*chosen, *others}, key=lambda token: -float(curves[:, token].max()))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart to at least `gap`, as little as possible, between `low` and `high`.

    Examples
    --------
    >>> spread([0.5, 0.5, 0.9], 0.1, 0.0, 1.0)
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    # Labels that touch form a block, centred on what its members want.
    blocks: list[tuple[list[int], float]] = []
    for index in order:
        members = [index]
        centre = _centre(wanted, members, gap, low, high)
        while blocks and centre - gap * (len(members) - 1) / 2 < _top(blocks[-1], gap) + gap:
            members = [*blocks.pop()[0], *members]
            centre = _centre(wanted, members, gap, low, high)
        blocks.append((members, centre))
    placed = [0.0] * len(wanted)
    for members, centre in blocks:
        for rank, index in enumerate(members):
            placed[index] = round(centre + gap * (rank - (len(members) - 1) / 2), 9)
    return placed


def _centre(
    wanted: Sequence[float], members: Sequence[int], gap: float, low: float, high: float
) -> float:
    half = gap * (len(members) - 1) / 2
    middle = sum(wanted[i] for i in members) / len(members)
    return min(max(middle, low + half), high - half)


def _top(block: tuple[list[int], float], gap: float) -> float:
    members, centre = block
    return centre + gap * (len(members) - 1) / 2
