"""Networks for the flow tests, and maximum flow by other people's solvers."""

from __future__ import annotations

import igraph
import networkx as nx
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

KINDS = ("softmax", "sparse", "dyadic", "causal", "loose")


def network(kind: str, seed: int, *, blocks: int, n: int) -> Float:
    """Capacities (blocks, n, n) of one kind; rows of `softmax` and `causal` sum to 1."""
    random = np.random.default_rng(seed)
    shape = (blocks, n, n)
    if kind == "sparse":
        return random.random(shape) * (random.random(shape) < 0.35)
    if kind == "dyadic":
        return random.integers(0, 9, shape) / 8 * (random.random(shape) < 0.7)
    if kind == "loose":  # rows sum to anything
        return random.random(shape) ** 3
    scores = 4 * random.normal(size=shape)
    if kind == "causal":
        scores[:, ~np.tri(n, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return 0.5 * weights / weights.sum(axis=-1, keepdims=True) + 0.5 * np.eye(n)


def arcs(maps: Float) -> list[tuple[int, int, float]]:
    n = maps.shape[1]
    return [
        (int(b + 1) * n + int(q), int(b) * n + int(k), float(maps[b, q, k]))
        for b, q, k in zip(*np.nonzero(maps), strict=True)
    ]


def by_igraph(
    maps: Float, sources: list[int] | range | None = None, sinks: list[int] | range | None = None
) -> Float:
    """Maximum flow of each pair on its own, shape (sources, sinks)."""
    blocks, n, _ = maps.shape
    edges = arcs(maps)
    graph = igraph.Graph((blocks + 1) * n, [edge[:2] for edge in edges], directed=True)
    capacity = [edge[2] for edge in edges]
    return np.array(
        [
            [
                graph.maxflow_value(blocks * n + q, k, capacity)
                for k in (range(n) if sinks is None else sinks)
            ]
            for q in (range(n) if sources is None else sources)
        ]
    )


def of_sets(maps: Float, sources: list[int] | None, sinks: list[int] | None) -> float:
    """Maximum flow from one super-source to one super-sink, by networkx."""
    blocks, n, _ = maps.shape
    graph = nx.DiGraph()
    graph.add_nodes_from(["source", "sink"])
    for tail, head, capacity in arcs(maps):
        graph.add_edge(tail, head, capacity=capacity)
    for source in range(n) if sources is None else sources:
        graph.add_edge("source", blocks * n + source)  # without capacity: unlimited
    for sink in range(n) if sinks is None else sinks:
        graph.add_edge(sink, "sink")
    return float(nx.maximum_flow_value(graph, "source", "sink"))
