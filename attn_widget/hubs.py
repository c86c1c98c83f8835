"""Prove many trivial bounds at once: flows of all pairs through one hub level.

Take a distribution over the tokens of a level half way. If a source can deliver it through the
blocks above, and a sink can absorb it through the blocks below, the two flows together carry
`sum_m min(delivered[m], absorbed[m])` from one to the other, whatever the pair. Where that reaches
the trivial bound min(out, in) the pair is solved: its flow is the two halves, its cut the edges at
one end. So one half flow a source and one a sink settle up to sources x sinks pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .maxflow import Layers

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
InPieces = Callable[[Callable[[int, int], None], int, int], None]

_SAMPLE = 8
"""Sources and sinks that are tried before all of them are."""

_HALF = 0.6
"""What a half flow costs, in whole flows."""


class Hub:
    """Half flows between the ends of a layered network and one distribution in its middle.

    Parameters
    ----------
    maps : array, shape (blocks, n, n); at least four blocks
        Capacities, lowest block first.
    compiled : the module of kernels
    in_pieces : callable (work, count, size)
        Calls `work(begin, end)` for all pieces of `range(count)`, perhaps in several threads.
    stop : array of one uint8
        Set from outside to make the kernels return early.
    """

    def __init__(
        self, maps: Floats, compiled: Any, in_pieces: InPieces, stop: NDArray[np.uint8]
    ) -> None:
        self._maps = maps
        self._compiled = compiled
        self._in_pieces = in_pieces
        self._stop = stop
        level = len(maps) // 2
        self._upward = Layers.of(maps[level:-1].transpose(0, 2, 1), compiled)
        self._downward = Layers.of(maps[level - 1 : 0 : -1], compiled)
        self._outs = maps[-1].sum(axis=1)
        self._ins = maps[0].sum(axis=0)
        self._arriving = np.ascontiguousarray(maps[0].T)
        walk = maps[-1].mean(axis=0)
        for block in reversed(range(level, len(maps) - 1)):
            walk = (maps[block] * walk[:, None]).sum(axis=0)
        self._candidates = [spread / spread.sum() for spread in (np.sqrt(walk), np.ones_like(walk))]

    def prove(self, rows: Indices, columns: Indices) -> Floats:
        """Flow of every pair through the hub, shape (rows, columns); 0 where it is of no use.

        Trying it must pay: a sample of sources and sinks decides, and without a good prospect
        the whole is left at 0.
        """
        proved = np.zeros((len(rows), len(columns)))
        pairs = proved.size
        cost = _HALF * (len(rows) + len(columns))
        if pairs < 2 * cost or pairs < 4 * _SAMPLE**2:
            return proved
        some_rows, some_columns = _spread(rows), _spread(columns)
        known = np.zeros((len(some_rows), len(some_columns)), np.bool_)
        for spread in self._candidates:
            sample = self._through(spread, some_rows, some_columns)
            fresh = (sample > 0) & ~known
            if fresh.mean() * pairs > 1.5 * cost:
                known |= fresh
                np.maximum(proved, self._through(spread, rows, columns), out=proved)
        return proved

    def _through(self, spread: Floats, rows: Indices, columns: Indices) -> Floats:
        most = self._outs[rows].max()
        supply = np.tile(most * spread, (len(rows), 1))
        delivered = self._half(self._upward, supply, self._maps[-1][rows])
        supply = np.minimum(most, self._ins[columns])[:, None] * spread
        absorbed = self._half(self._downward, supply, self._arriving[columns])
        outs, ins = self._outs[rows], self._ins[columns]
        proved = np.zeros((len(rows), len(columns)))

        def work(begin: int, end: int) -> None:
            self._compiled.glue(
                delivered[begin:end], absorbed, outs[begin:end], ins, proved[begin:end], self._stop
            )

        self._in_pieces(work, len(rows), int(1e7 / absorbed.size))
        # A hair below the bound is rounding; more than that is no proof.
        bound = np.minimum.outer(outs, ins)
        proved[proved < bound * (1 - 1e-12)] = 0
        return proved

    def _half(self, layers: Layers, supplies: Floats, demands: Floats) -> Floats:
        sent = np.zeros_like(supplies)

        def work(begin: int, end: int) -> None:
            self._compiled.deliver(
                layers.caps,
                layers.caps.copy(),
                layers.open_arcs,
                layers.big,
                supplies[begin:end],
                demands[begin:end],
                sent[begin:end],
                self._stop,
            )

        self._in_pieces(work, len(supplies), int(8e6 / layers.caps.size))
        return sent


def _spread(indices: Indices) -> Indices:
    picked: Indices = indices[:: max(1, len(indices) // _SAMPLE)]
    return picked
