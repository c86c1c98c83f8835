"""What each head of one text does, in four numbers: how widely, how far, how much, how freely."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .chartdata import head_figures
from .flow import BINDINGS, flow_values
from .mixing import fuse, mix_residual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .attention import Attention

    Float = NDArray[np.float64]


class HeadStatistics(NamedTuple):
    """Every head of one text; each array of shape (layers, heads), a mean over the queries.

    Attributes
    ----------
    entropy : in bits; 0 reads one token, log2(n) reads all alike
    distance : mean |query - key| in tokens, weighted with the attention
    special_share : part of the mass that rests on tokens without text of their own
    bound_share : share of the flows on the trivial bound min(out, in) where this head alone is the
        top layer and the layers below it are the mean of their heads; None if not asked for
    """

    entropy: Float
    distance: Float
    special_share: Float
    bound_share: Float | None


def head_statistics(
    attention: Attention, *, residual: float = 0.5, outputs: int = 4
) -> HeadStatistics:
    """Measure every head; where two inputs share a network, its readers only.

    Parameters
    ----------
    attention : Attention
    residual : share of the residual connection in the layer maps of the flow
    outputs : int
        How many outputs, evenly spaced over the text, are asked for their flow from all inputs:
        all pairs for every head cost layers x heads whole matrices of flow. 0 asks for none.
    """
    special = list(attention.special)
    share = np.empty((attention.n_layers, attention.n_heads))
    for layer in range(attention.n_layers):
        reading = slice(None) if attention.network is None else attention.network.queries(layer)
        resting = attention.weights[layer][:, reading][..., special]
        share[layer] = resting.sum(axis=-1, dtype=np.float64).mean(axis=-1)
    figures = head_figures(attention)
    bound = _bound_shares(attention, residual, outputs) if outputs else None
    return HeadStatistics(figures.entropy, figures.distance, share, bound)


def on_bound(binding: NDArray[np.uint8]) -> float:
    """Share of pairs whose flow is the trivial bound, of those that a path joins."""
    joined = binding != BINDINGS.index("none")
    held = joined & (binding != BINDINGS.index("interior"))
    return float(held.sum() / max(1, joined.sum()))


def _bound_shares(attention: Attention, residual: float, outputs: int) -> Float:
    layers, heads, n = attention.n_layers, attention.n_heads, attention.n_tokens
    sources = np.unique(np.linspace(0, n - 1, min(outputs, n)).round().astype(int)).tolist()
    mean = fuse(attention).maps
    out = np.empty((layers, heads))
    for layer in range(layers):
        maps = mix_residual(mean[: layer + 1], residual)
        for head in range(heads):
            alone = fuse(attention, levels=(layer, layer + 1), heads=head).maps
            maps[-1] = mix_residual(alone, residual)[0]
            out[layer, head] = on_bound(flow_values(maps, sources, threads=1).binding)
    return out
