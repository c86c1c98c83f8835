"""A dense layered network: its inner layers laid out for a search, and the two ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AttentionError, brief, check_index

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

TOLERANCE = 1e-9
"""A value is proved when its flow and its cut differ by no more than this."""

_LARGE = 0.3
"""Arcs of at least this share of the largest in their row are taken first."""


def check_capacities(maps: Any) -> Floats:
    """Check capacities (blocks, n, n) and make them an array that the kernels can take."""
    capacities: Floats = np.require(maps, np.float64, ["C", "A", "W"])
    if capacities.ndim != 3 or capacities.shape[1] != capacities.shape[2] or 0 in capacities.shape:
        message = f"Maps of shape {capacities.shape}: give (blocks, n, n), as layer_maps returns."
        raise AttentionError(message)
    if not (capacities.min() >= 0 and capacities.max() < np.inf):  # NaN fails both
        raise AttentionError("The maps hold a value that is negative or not finite: mend it first.")
    return capacities


def check_ends(tokens: Any, n: int, name: str) -> Indices:
    """Check the tokens at one end ("source" or "sink"), in the order given; None is all."""
    if tokens is None:
        return np.arange(n)
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Iterable):
        message = (
            f"{name}s must be a list of tokens such as [0], or None for all, not {brief(tokens)}."
        )
        raise AttentionError(message)
    return np.array([check_index(token, n, name) for token in tokens], dtype=np.intp)


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


class Solver:
    """Solves many tasks on the same layers, perhaps from several threads at once."""

    def __init__(
        self, layers: Layers, compiled: Any, stop: NDArray[np.uint8], *, triangular: bool = False
    ) -> None:
        self._layers = layers
        self._solve = compiled.solve
        self._stop = stop
        self._triangular = triangular
        self._spare: list[Floats] = []  # copies of the capacities, as many as there are threads

    def pairs(
        self, supplies: Floats, demands: Floats, starts: Indices, ends: Indices
    ) -> tuple[Floats, Floats]:
        """Value of the flow from each `supplies[start]` to `demands[end]`, and its gap."""
        found = np.zeros((2, len(starts)))
        self._run(supplies, demands, starts, ends, found, _NOTHING, _NOTHING)
        return found[0], found[1]

    def sent(self, supplies: Floats, demands: Floats) -> Floats:
        """What a maximum flow from each row of `supplies` to that of `demands` sends from where."""
        rows = np.arange(len(supplies))
        unsent, unmet = np.zeros_like(supplies), np.zeros_like(demands)
        self._run(supplies, demands, rows, rows, np.zeros((2, len(rows))), unsent, unmet)
        return supplies - unsent

    def _run(
        self,
        supplies: Floats,
        demands: Floats,
        starts: Indices,
        ends: Indices,
        found: Floats,
        unsent: Floats,
        unmet: Floats,
    ) -> None:
        layers = self._layers
        try:
            rest = self._spare.pop()
        except IndexError:  # not asked beforehand: another thread may be quicker
            rest = layers.caps.copy()
        self._solve(
            layers.caps,
            rest,
            layers.open_arcs,
            layers.large,
            supplies,
            demands,
            starts,
            ends,
            self._triangular,
            False,
            found[0],
            found[1],
            np.zeros(len(starts), np.int64),
            unsent,
            unmet,
            self._stop,
        )
        if not self._stop[0]:  # else `rest` is not as it was
            self._spare.append(rest)


_NOTHING = np.zeros((0, 0))
