"""The peers of the flow engine, each solving single pairs on a graph that is built once."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair = Callable[[int, int], float]

# scipy and OR-Tools know whole capacities only; the largest scales that cannot overflow.
_ORTOOLS_SCALE = 2.0**40
_SCIPY_SCALE = 2.0**24


class Peer(NamedTuple):
    name: str
    build: Callable[[NDArray[np.float64]], Pair]
    largest: int  # tokens beyond which one pair alone takes too long


def _arcs(maps: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    n = maps.shape[1]
    block, query, key = np.nonzero(maps)
    return (block + 1) * n + query, block * n + key, maps[block, query, key]


def _igraph(maps: NDArray[np.float64]) -> Pair:
    import igraph

    blocks, n, _ = maps.shape
    tails, heads, capacity = _arcs(maps)
    edges = np.column_stack([tails, heads]).tolist()
    graph = igraph.Graph((blocks + 1) * n, edges, directed=True)
    weights = capacity.tolist()
    return lambda query, key: graph.maxflow_value(blocks * n + query, key, weights)


def _ortools(maps: NDArray[np.float64]) -> Pair:
    from ortools.graph.python.max_flow import SimpleMaxFlow

    blocks, n, _ = maps.shape
    tails, heads, capacity = _arcs(maps)
    solver = SimpleMaxFlow()
    whole = np.rint(capacity * _ORTOOLS_SCALE).astype(np.int64)
    solver.add_arcs_with_capacity(tails, heads, whole)

    def solve(query: int, key: int) -> float:
        status = solver.solve(blocks * n + query, key)
        assert status == solver.OPTIMAL, status
        return solver.optimal_flow() / _ORTOOLS_SCALE

    return solve


def _scipy(maps: NDArray[np.float64]) -> Pair:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    blocks, n, _ = maps.shape
    tails, heads, capacity = _arcs(maps)
    whole = np.rint(capacity * _SCIPY_SCALE).astype(np.int32)
    size = (blocks + 1) * n
    graph = csr_array((whole, (tails, heads)), shape=(size, size))

    def solve(query: int, key: int) -> float:
        found = maximum_flow(graph, blocks * n + query, key, method="dinic")
        return found.flow_value / _SCIPY_SCALE

    return solve


def _networkx(algorithm: str) -> Callable[[NDArray[np.float64]], Pair]:
    def build(maps: NDArray[np.float64]) -> Pair:
        import networkx as nx
        from networkx.algorithms import flow

        blocks, n, _ = maps.shape
        graph = nx.DiGraph()
        for tail, head, capacity in zip(*_arcs(maps), strict=True):
            graph.add_edge(int(tail), int(head), capacity=float(capacity))
        function = getattr(flow, algorithm)

        def solve(query: int, key: int) -> float:
            return nx.maximum_flow_value(graph, blocks * n + query, key, flow_func=function)

        return solve

    return build


PEERS = (
    Peer(f"OR-Tools {version('ortools')}", _ortools, 512),
    Peer(f"igraph {version('igraph')}", _igraph, 512),
    Peer(f"scipy {version('scipy')} dinic", _scipy, 512),
    Peer(f"networkx {version('networkx')} preflow_push", _networkx("preflow_push"), 46),
    Peer(f"networkx {version('networkx')} edmonds_karp", _networkx("edmonds_karp"), 17),
)
