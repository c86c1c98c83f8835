"""Attention flow along the residual slider: what two residuals prove for those between them.

Every capacity is affine in the residual, so the capacity of every cut is, and the flow, the least
of them all, is concave: between two residuals it lies above the chord. It lies below the trivial
bound, the least of two straight lines. Where the two meet the flow is known without a search. That
is so for every pair whose flow meets the same end's capacity at both residuals, which on
head-averaged attention are most.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .flow import FlowValues, bindings, flow_values
from .mixing import check_residual, mix_residual
from .network import TOLERANCE, Ends, Floats, check_capacities, check_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEMBERED = 65
"""Residuals whose flow is kept."""


@dataclass(frozen=True, order=True)
class _Known:
    residual: float
    found: FlowValues


class FlowAlongResidual:
    """Flow of the same pairs at one residual after another. Safe to ask from several threads.

    Parameters
    ----------
    fused : array, shape (blocks, n, n)
        Layer maps before the residual, as `mixing.fused_maps` returns.
    sources, sinks : token positions, optional
        By default every token.
    """

    def __init__(
        self,
        fused: Floats,
        *,
        sources: Sequence[int] | None = None,
        sinks: Sequence[int] | None = None,
    ) -> None:
        self._fused = check_capacities(fused)
        n = self._fused.shape[1]
        self._rows = check_ends(sources, n, "source")
        self._columns = check_ends(sinks, n, "sink")
        self._ends = Ends.of(self._fused, self._rows, self._columns)
        self._known: list[_Known] = []
        self._lock = threading.Lock()

    def bound(self, residual: float) -> Floats:
        """The trivial bound min(out, in) of every pair, shape (sources, sinks): no search."""
        return self._at_ends(residual).bound()

    def at(self, residual: float, **watch: Any) -> FlowValues:
        """Flow of every pair at one residual.

        Parameters
        ----------
        residual : float in [0, 1]
        **watch
            `progress`, `cancel`, `threads`, `checked` as in `flow_values`, for what is left to
            search; the pairs counted are those.
        """
        (share,) = check_residual(residual, 1).tolist()
        ends = self._at_ends(share)
        with self._lock:
            place = bisect_left(self._known, share, key=lambda known: known.residual)
            around = self._known[max(0, place - 1) : place + 1]
        if place < len(self._known) and around[-1].residual == share:
            return around[-1].found
        values, gap, left = self._proved(share, ends, around)
        rows, columns = left.any(axis=1), left.any(axis=0)
        if rows.any():
            maps = mix_residual(self._fused, share)
            grid = np.ix_(rows, columns)
            searched = flow_values(
                maps, self._rows[rows].tolist(), self._columns[columns].tolist(), **watch
            )
            values[grid], gap[grid] = searched.values, searched.gap
        found = FlowValues(values, gap, bindings(values, ends), ends.bound())
        with self._lock:
            if all(known.residual != share for known in self._known):
                insort(self._known, _Known(share, found), key=lambda known: known.residual)
                if len(self._known) > _REMEMBERED:
                    # The one that stands closest to its neighbours tells least.
                    marks = [known.residual for known in self._known]
                    spans = [
                        after - before for before, after in zip(marks, marks[2:], strict=False)
                    ]
                    del self._known[1 + int(np.argmin(spans))]
        return found

    def _at_ends(self, residual: float) -> Ends:
        # Added up before the residual and mixed after: the same sums, without the maps.
        outs, ins = ((1 - residual) * sums + residual for sums in (self._ends.outs, self._ends.ins))
        return Ends(self._rows, self._columns, outs, ins)

    def _proved(
        self, residual: float, ends: Ends, around: list[_Known]
    ) -> tuple[Floats, Floats, Any]:
        """Values and gaps where the chord meets the bound, and where it does not."""
        bound = ends.bound()
        left = np.ones(bound.shape, np.bool_)
        gap = np.zeros_like(bound)
        if len(around) == 2 and around[0].residual < residual < around[1].residual:
            low, high = around
            weight = (residual - low.residual) / (high.residual - low.residual)
            chord = (1 - weight) * (low.found.values - low.found.gap)
            chord += weight * (high.found.values - high.found.gap)
            gap = np.maximum(bound - chord, 0)
            left = gap > TOLERANCE / 10
            gap[left] = 0
        return np.where(left, 0, bound), gap, left
