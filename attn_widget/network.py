"""A dense layered network: its inner layers laid out for a search, and the two ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

TOLERANCE = 1e-9
"""A value is proved when its flow and its cut differ by no more than this."""

_LARGE = 0.3
"""Arcs of at least this share of the largest in their row are taken first."""


@dataclass(frozen=True)
class Layers:
    """Capacities `caps[l, i, j]` from node `i` of level `l` to node `j` of `l + 1`, and arc sets.

    Made from the inner blocks of a network, for a search that goes up or down through them.
    """

    caps: Floats
    open_arcs: NDArray[np.uint64]
    large: NDArray[np.uint64]

    @classmethod
    def of(cls, maps: Floats, compiled: Any, *, upward: bool) -> Layers:
        """`maps` holds the blocks, lowest first; upward means from keys to queries."""
        layers, n, _ = maps.shape
        caps = np.empty_like(maps)
        open_arcs = np.empty((layers, n, -(-n // 64)), np.uint64)
        large = np.empty_like(open_arcs)
        compiled.lay_out(maps, upward, _LARGE, caps, open_arcs, large)
        return cls(caps, open_arcs, large)


@dataclass(frozen=True)
class Ends:
    """Some rows of a network as sources and some columns as sinks, with their trivial cuts.

    Attributes
    ----------
    rows, columns : nodes at the top and at the bottom
    outs, ins : what leaves each of `rows`, what enters each of `columns`
    """

    rows: Indices
    columns: Indices
    outs: Floats
    ins: Floats

    @classmethod
    def of(cls, maps: Floats, rows: Indices, columns: Indices) -> Ends:
        """Add up the capacities at the two ends."""
        return cls(rows, columns, maps[-1].sum(axis=1)[rows], maps[0].sum(axis=0)[columns])

    def bound(self) -> Floats:
        """min(out, in) of every pair, shape (rows, columns)."""
        return np.minimum.outer(self.outs, self.ins)
