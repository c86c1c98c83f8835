"""Maximum flow between many pairs of nodes of one dense layered network.

Knows nothing of attention. What is computed is in `kernels.py`; here it is divided among threads,
and the pairs that half flows through a hub can prove (`hubs.py`) are taken out first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .hubs import prove
from .loading import kernels
from .network import Ends, Floats, Indices, Layers, Solver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workers import Workers


def solve_pairs(
    maps: Floats,
    ends: Ends,
    order: Indices,
    values: Floats,
    gap: Floats,
    workers: Workers,
    *,
    triangular: bool,
) -> Iterator[Indices]:
    """Find the maximum flow of every pair, each on its own.

    Parameters
    ----------
    maps : array, shape (blocks, n, n), C-ordered and writeable; at least three blocks
        Capacities, lowest block first: `maps[b, i, j]` joins node `i` above to node `j` below.
    ends : Ends
    order : indices into `ends.rows`
        Each once, the most wanted first.
    values, gap : arrays of zeros, shape (rows, columns)
        Filled in: the value, and how far the flow and the cut that prove it are apart.
    workers : Workers
    triangular : bool
        That no map has anything above its diagonal: then the nodes between the two ends are all
        that matters.

    Yields
    ------
    Indices into `ends.rows` of rows that are done.
    """
    compiled = kernels(workers.cancel)
    todo = np.ones(values.shape, np.bool_)
    if triangular:
        todo = ends.columns <= ends.rows[:, None]
    else:
        todo = ~prove(maps, ends, values, gap, compiled, workers)
    todo = todo[order]
    left = todo.sum(axis=1)
    if not left.all():
        yield order[left == 0]
    rows, columns = np.nonzero(todo)
    if not len(rows):
        return
    # Searched from the sink: what limits a flow is mostly near it, where the column is thin.
    layers = Layers.of(maps[1:-1], compiled, upward=True)
    supplies = np.ascontiguousarray(maps[0].T)
    solver = Solver(layers, compiled, workers.stop, triangular=triangular)

    def solve(begin: int, end: int) -> None:
        row, column = order[rows[begin:end]], columns[begin:end]
        value, apart = solver.pairs(supplies, maps[-1], ends.columns[column], ends.rows[row])
        if not workers.stop[0]:
            values[row, column] = np.minimum(value, np.minimum(ends.outs[row], ends.ins[column]))
            gap[row, column] = apart

    # Pieces of some milliseconds: enough to balance the threads and to show rows early.
    for begin, end in workers.pieces(solve, len(rows), int(4e6 / layers.caps.size)):
        if end - begin == len(rows):
            yield order[left > 0]
            return
        done, counts = np.unique(rows[begin:end], return_counts=True)
        left[done] -= counts
        done = done[left[done] == 0]
        if len(done):
            yield order[done]
