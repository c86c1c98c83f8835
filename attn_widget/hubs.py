"""Prove many trivial bounds at once: flows of all pairs through one hub level.

Take a distribution over the tokens of a level half way. If a source can deliver it through the
blocks above, and a sink can absorb it through the blocks below, the two flows together carry
`sum_m min(delivered[m], absorbed[m])` from one to the other, whatever the pair. Where that reaches
the trivial bound min(out, in) the pair is solved: its flow is the two halves, its cut the edges at
one end. So one half flow a source and one a sink settle up to sources x sinks pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .network import Ends, Floats, Indices, Layers, Solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .workers import Workers

_SAMPLE = 8
"""Sources and sinks that are tried before all of them are."""

_FEWEST_BLOCKS = 4
"""With fewer there is no level between two inner blocks."""

_HALF = 0.6
"""What a half flow costs, in whole flows."""


def prove(
    maps: Floats, ends: Ends, values: Floats, gap: Floats, compiled: Any, workers: Workers
) -> NDArray[np.bool_]:
    """Settle the pairs whose trivial bound a hub proves.

    Fills in `values` and `gap` for them and returns where they are, shape (rows, columns). Trying
    must pay: a sample of sources and sinks decides, and without a good prospect nothing is done.
    """
    proved = np.zeros(values.shape, np.bool_)
    cost = _HALF * (len(ends.rows) + len(ends.columns))
    if len(maps) < _FEWEST_BLOCKS or values.size < max(2 * cost, 4 * _SAMPLE**2):
        return proved
    hub = _Hub.of(maps, compiled, workers)
    rows, columns = _spread(len(ends.rows)), _spread(len(ends.columns))
    known = np.zeros((len(rows), len(columns)), np.bool_)
    for spread in hub.spreads(maps):
        some = Ends(ends.rows[rows], ends.columns[columns], ends.outs[rows], ends.ins[columns])
        fresh = (hub.through(spread, some) > 0) & ~known
        if fresh.mean() * values.size > 1.5 * cost:
            known |= fresh
            flow = hub.through(spread, ends)
            fresh = (flow > 0) & ~proved
            bound = ends.bound()[fresh]
            values[fresh], gap[fresh] = bound, np.abs(bound - flow[fresh])
            proved |= fresh
    return proved


def _spread(count: int) -> Indices:
    return np.arange(0, count, max(1, count // _SAMPLE))


@dataclass(frozen=True)
class _Hub:
    """The two halves of a network above and below the level of the hub."""

    level: int
    above: Layers
    below: Layers
    top: Floats
    bottom: Floats
    compiled: Any
    workers: Workers

    @classmethod
    def of(cls, maps: Floats, compiled: Any, workers: Workers) -> _Hub:
        level = len(maps) // 2
        return cls(
            level,
            Layers.of(maps[level:-1], compiled, upward=True),
            Layers.of(maps[1:level], compiled, upward=False),
            maps[-1],
            np.ascontiguousarray(maps[0].T),
            compiled,
            workers,
        )

    def spreads(self, maps: Floats) -> tuple[Floats, Floats]:
        """Distributions worth trying: like the walk from the top but flatter, and uniform."""
        walk = self.top.mean(axis=0)
        for block in reversed(range(self.level, len(maps) - 1)):
            walk = (maps[block] * walk[:, None]).sum(axis=0)
        flatter = np.sqrt(walk)
        total = flatter.sum()
        n = len(walk)
        return (flatter / total if total > 0 else np.full(n, 1 / n)), np.full(n, 1 / n)

    def through(self, spread: Floats, ends: Ends) -> Floats:
        """Flow through the hub of every pair, shape (rows, columns); 0 where it proves nothing."""
        most = ends.outs.max()
        supply = np.tile(most * spread, (len(ends.rows), 1))
        delivered = self._half(self.above, supply, self.top[ends.rows])
        supply = np.minimum(most, ends.ins)[:, None] * spread
        absorbed = self._half(self.below, supply, self.bottom[ends.columns])
        flow = np.zeros((len(ends.rows), len(ends.columns)))

        def work(begin: int, end: int) -> None:
            self.compiled.glue(
                delivered[begin:end],
                absorbed,
                ends.outs[begin:end],
                ends.ins,
                flow[begin:end],
                self.workers.stop,
            )

        self.workers.all_pieces(work, len(flow), int(1e7 / absorbed.size))
        # A hair below the bound is rounding; more than that is no proof.
        flow[flow < ends.bound() * (1 - 1e-12)] = 0
        return flow

    def _half(self, layers: Layers, supplies: Floats, demands: Floats) -> Floats:
        sent = np.zeros_like(supplies)
        solver = Solver(layers, self.compiled, self.workers.stop)

        def work(begin: int, end: int) -> None:
            sent[begin:end] = solver.sent(supplies[begin:end], demands[begin:end])

        self.workers.all_pieces(work, len(supplies), int(2e6 / layers.caps.size))
        return sent
