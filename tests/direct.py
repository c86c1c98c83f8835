"""Rollout and flow computed the long way round, from tensors and from graphs of named nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Float = NDArray[np.float64]


def fused(layers: Sequence[Any], text: int, rows: Any = slice(None), keys: Any = None) -> Float:
    """Mean over heads, padding cropped: (layers, queries, keys)."""
    keys = rows if keys is None else keys
    stack = [layer[text].detach().double().numpy().mean(axis=0) for layer in layers]
    return np.stack([one[rows][:, keys] for one in stack])


def rollout(maps: Float, residual: float = 0.5) -> Float:
    n = maps.shape[-1]
    out = np.eye(n)
    for one in maps:
        out = ((1 - residual) * one + residual * np.eye(n)) @ out
    return out


def joint_rollout(encoder: Float, decoder: Float, cross: Float, residual: float = 0.5) -> Float:
    """Rows: decoder outputs. Columns: encoder embeddings, then decoder embeddings.

    Composed upwards, state by state: never a matrix over both inputs at once but the result.
    """
    read = rollout(encoder, residual)
    n_encoder, n_decoder = len(read), decoder.shape[-1]
    inputs = np.hstack([read, np.zeros((n_encoder, n_decoder))])
    state = np.hstack([np.zeros((n_decoder, n_encoder)), np.eye(n_decoder)])
    for own, other in zip(decoder, cross, strict=True):
        state = (1 - residual) * own @ state + residual * state
        state = (1 - residual) * other @ inputs + residual * state
    return state


def flow(maps: Float, source: int, sink: int, residual: float = 0.5) -> float:
    graph = nx.DiGraph()
    for block, one in enumerate(maps):
        _edges(graph, one, (block + 1, "t"), (block, "t"), 1 - residual)
        _stay(graph, len(one), (block + 1, "t"), (block, "t"), residual)
    return _value(graph, (len(maps), "t", source), (0, "t", sink))


def joint_flow(
    encoder: Float,
    decoder: Float,
    cross: Float,
    source: int,
    sink: tuple[str, int],
    residual: float = 0.5,
) -> float:
    """From a decoder output to an embedding, ("encoder", i) or ("decoder", i)."""
    graph = nx.DiGraph()
    for block, one in enumerate(encoder):
        _edges(graph, one, (block + 1, "e"), (block, "e"), 1 - residual)
        _stay(graph, len(one), (block + 1, "e"), (block, "e"), residual)
    for layer, (own, other) in enumerate(zip(decoder, cross, strict=True)):
        top, middle, below = (layer + 1, "d"), (layer + 1, "m"), (layer, "d")
        _edges(graph, other, top, (len(encoder), "e"), 1 - residual)
        _stay(graph, len(own), top, middle, residual)
        _edges(graph, own, middle, below, 1 - residual)
        _stay(graph, len(own), middle, below, residual)
    return _value(graph, (len(decoder), "d", source), (0, sink[0][0], sink[1]))


def _edges(graph: nx.DiGraph, one: Float, top: tuple, bottom: tuple, share: float) -> None:
    for query, key in zip(*np.nonzero(one), strict=True):
        _add(graph, (*top, int(query)), (*bottom, int(key)), share * one[query, key])


def _stay(graph: nx.DiGraph, n: int, top: tuple, bottom: tuple, share: float) -> None:
    for token in range(n):
        _add(graph, (*top, token), (*bottom, token), share)


def _add(graph: nx.DiGraph, top: tuple, bottom: tuple, capacity: float) -> None:
    if graph.has_edge(top, bottom):
        graph[top][bottom]["capacity"] += capacity
    else:
        graph.add_edge(top, bottom, capacity=float(capacity))


def _value(graph: nx.DiGraph, source: tuple, sink: tuple) -> float:
    graph.add_node(sink)
    return float(nx.maximum_flow_value(graph, source, sink))
