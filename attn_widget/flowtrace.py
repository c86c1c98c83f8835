"""One maximum flow with its edges and its minimum cut: what a selection shows, and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .errors import AttentionError
from .loading import kernels
from .network import TOLERANCE, Ends, Floats, Layers, check_capacities, check_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Binding = Literal["interior", "source", "sink", "both"]

_ROUNDS = 12
_ENOUGH = 0.01
"""A round that adds no more than this share of the flow is the last."""


@dataclass(frozen=True)
class FlowTrace:
    """A maximum flow between two sets of tokens, and a minimum cut of the same value.

    The source set stands at the top level as one super-source (each of its tokens can send all
    that its out edges carry), the sink set at the bottom level as one super-sink.

    Attributes
    ----------
    value : float
        The maximum flow; the cut's capacity.
    edges : array, shape (blocks, queries, keys)
        What flows on each edge, lowest block first. Many flows have this value; this one resembles
        the attention, by a fixed rule. It starts from the rollout walk between the two ends (which
        is a feasible flow, scaled down where sets make it too large). Then, in rounds, every token
        passes on what it can, shared among its edges in proportion to what each can still carry
        on. What little is left to the maximum is added along shortest augmenting paths.
    source_side : array of bool, shape (levels, n), lowest level first
        The smallest source side of all minimum cuts: what the source could still reach.
    cut : list of (block, query, key)
        The edges that leave the source side, all of them full; block counted from the bottom of
        the range.
    bound : float
        min(out capacity of the sources, in capacity of the sinks).
    binding : {"interior", "source", "sink", "both"}
        Whether the value meets the out capacity of the sources, the in capacity of the sinks.
    gap : float
        |flow - cut|, at most 1e-9 (times the value, where that is above 1).
    phases : int
        Rounds of the search; never more than there are tokens between the ends, and one.
    """

    value: float
    edges: Floats
    source_side: NDArray[np.bool_]
    cut: list[tuple[int, int, int]]
    bound: float
    binding: Binding
    gap: float
    phases: int = 0


def flow_trace(
    maps: Floats, sources: Sequence[int] | None = None, sinks: Sequence[int] | None = None
) -> FlowTrace:
    """Find a maximum flow from `sources` at the top level to `sinks` at the bottom level.

    Parameters
    ----------
    maps : array, shape (blocks, queries, keys)
        Edge capacities, lowest block first, as `layer_maps` returns.
    sources, sinks : token positions, optional
        None is every token of that level.

    Returns
    -------
    FlowTrace
        Of several sources or sinks together: the maximum flow of the set, not a sum of pairs.
    """
    maps = check_capacities(maps)
    blocks, n, _ = maps.shape
    rows, columns = _members(sources, n, "source"), _members(sinks, n, "sink")
    capacity = maps.copy()
    capacity[-1, ~rows] = 0
    capacity[0, :, ~columns] = 0
    out, into = float(capacity[-1].sum()), float(capacity[0].sum())
    edges, phases = capacity.copy(), 0
    if blocks > 1:
        edges, phases = _augmented(capacity, _swollen(capacity, _walk(capacity, rows, columns)))
    side = _source_side(maps, edges, rows, columns)
    cut = [
        (block, int(query), int(key))
        for block in range(blocks)
        for query, key in zip(
            *np.nonzero((side[block + 1][:, None] & ~side[block]) & (maps[block] > 0)), strict=True
        )
    ]
    value = float(sum(maps[edge] for edge in cut))
    bound = min(out, into)
    at_source = value >= out - TOLERANCE
    at_sink = value >= into - TOLERANCE
    kinds: tuple[Binding, ...] = ("interior", "source", "sink", "both")
    return FlowTrace(
        value=value,
        edges=edges,
        source_side=side,
        cut=cut,
        bound=bound,
        binding=kinds[at_source + 2 * at_sink],
        gap=abs(value - float(edges[-1].sum())),
        phases=phases,
    )


def verify(
    maps: Floats,
    trace: FlowTrace,
    sources: Sequence[int] | None = None,
    sinks: Sequence[int] | None = None,
) -> None:
    """Check from first principles that `trace` is a maximum flow; `AssertionError` if it is not.

    Sign, capacity, conservation at every token between the ends, no flow from or to tokens
    outside the sets, and a cut of the same value; each to 1e-9.
    """
    maps = np.asarray(maps, dtype=np.float64)
    n = maps.shape[1]
    rows, columns = _members(sources, n, "source"), _members(sinks, n, "sink")
    edges, side = trace.edges, trace.source_side
    inside = edges[:-1].sum(axis=2) - edges[1:].sum(axis=1)
    cut = sum(float(maps[b][np.ix_(side[b + 1], ~side[b])].sum()) for b in range(len(maps)))
    faults = {
        "a negative flow": -edges.min(),
        "a flow above its capacity": (edges - maps).max(),
        "what enters a token does not leave it": np.abs(inside).max(initial=0.0),
        "flow from outside the sources": edges[-1, ~rows].sum(),
        "flow to outside the sinks": edges[0][:, ~columns].sum(),
        "the flow is not the value": abs(edges[-1].sum() - trace.value),
        "what arrives is not the value": abs(edges[0].sum() - trace.value),
        "the cut is not the value": abs(cut - trace.value),
        "the listed cut is not the value": abs(sum(maps[e] for e in trace.cut) - trace.value),
        "a source is outside the source side": float((rows & ~side[-1]).any()),
        "a sink is inside the source side": float((columns & side[0]).any()),
        "value above its bound": trace.value - trace.bound,
        "the gap": trace.gap,
    }
    for fault, size in faults.items():
        if not size <= TOLERANCE * max(1.0, trace.value):
            message = f"flow of value {trace.value} refuted: {fault} ({size})"
            raise AssertionError(message)


def verify_values(maps: Floats, ends: Ends, values: Floats) -> None:
    """Check that every value is the maximum flow of its pair, by a flow and a cut of its own."""
    for r, source in enumerate(ends.rows.tolist()):
        for c, sink in enumerate(ends.columns.tolist()):
            trace = flow_trace(maps, [source], [sink])
            verify(maps, trace, [source], [sink])
            if not abs(trace.value - values[r, c]) <= TOLERANCE * max(1.0, trace.value):
                message = f"flow from {source} to {sink} is {trace.value}, not {values[r, c]}"
                raise AssertionError(message)


def solve_again(maps: Floats, ends: Ends, values: Floats, gap: Floats) -> None:
    """Solve pairs whose flow and cut are apart once more, each from its rollout walk.

    The engine works without a tolerance, so this is for rounding that piled up, if it ever does.
    """
    if gap.max(initial=0.0) <= TOLERANCE:
        return
    for r, c in np.argwhere(gap > TOLERANCE * np.maximum(1, values)).tolist():
        source, sink = int(ends.rows[r]), int(ends.columns[c])
        trace = flow_trace(maps, [source], [sink])
        verify(maps, trace, [source], [sink])
        values[r, c], gap[r, c] = trace.value, trace.gap


def _members(tokens: Sequence[int] | None, n: int, name: str) -> NDArray[np.bool_]:
    if tokens is None:
        return np.ones(n, np.bool_)
    wanted = np.zeros(n, np.bool_)
    wanted[check_ends(tokens, n, name)] = True
    if not wanted.any():
        message = f"There is no {name}: give at least one token, or None for all."
        raise AttentionError(message)
    return wanted


def _walk(capacity: Floats, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> Floats:
    """The rollout walk between the two ends, scaled to fit the capacities: a feasible flow."""
    blocks, n, _ = capacity.shape
    # Sums along the first axis, not products by BLAS: the same to the last bit on every machine.
    arrive = np.empty((blocks + 1, n))
    arrive[0] = columns
    for block in range(blocks):
        arrive[block + 1] = (capacity[block].T * arrive[block][:, None]).sum(axis=0)
    mass = rows.astype(np.float64)
    edges = np.empty_like(capacity)
    for block in reversed(range(blocks)):
        edges[block] = mass[:, None] * capacity[block] * arrive[block]
        mass = (capacity[block] * mass[:, None]).sum(axis=0)
    over = np.divide(edges, capacity, out=np.zeros_like(edges), where=capacity > 0).max()
    if over > 1:
        edges /= over
    return edges


def _swollen(capacity: Floats, edges: Floats) -> Floats:
    """Add to a feasible flow, in place, in rounds shared in proportion to what is still open."""
    blocks, n, _ = capacity.shape
    rest = np.empty_like(capacity)
    for _ in range(_ROUNDS):
        np.subtract(capacity, edges, out=rest)
        np.maximum(rest, 0, out=rest)
        # What each edge could carry on if it had its lower end to itself, and each token at most.
        carry = np.empty((blocks + 1, n))
        carry[0] = np.inf
        for block in range(blocks):
            np.minimum(rest[block], carry[block], out=rest[block])
            carry[block + 1] = rest[block].sum(axis=1)
        # Down: shared in proportion. A token that gets more than it can carry on keeps the surplus.
        mass = carry[-1]
        arrived = np.empty_like(carry)
        for block in reversed(range(blocks)):
            share = np.divide(mass, carry[block + 1], out=np.zeros(n), where=carry[block + 1] > 0)
            rest[block] *= np.minimum(share, 1)[:, None]
            arrived[block] = rest[block].sum(axis=0)
            mass = np.minimum(arrived[block], carry[block])
        # Up: the surplus goes back where it came from, in proportion.
        kept = mass
        for block in range(blocks):
            share = np.divide(kept, arrived[block], out=np.zeros(n), where=arrived[block] > 0)
            rest[block] *= np.minimum(share, 1)
            kept = rest[block].sum(axis=1)
        edges += rest
        np.minimum(edges, capacity, out=edges)
        if kept.sum() <= _ENOUGH * edges[-1].sum():
            break
    return edges


def _augmented(capacity: Floats, walk: Floats) -> tuple[Floats, int]:
    """Augment the walk to a maximum flow along shortest paths."""
    compiled = kernels()
    n = capacity.shape[1]
    layers = Layers.of(capacity[1:-1], compiled, upward=True)
    flow = np.minimum(walk[1:-1].transpose(0, 2, 1), layers.caps)
    supply, demand = capacity[0].sum(axis=1), capacity[-1].sum(axis=0)
    supply_left, demand_left = supply.copy(), demand.copy()
    if len(flow):
        supply_left = np.maximum(supply - flow[0].sum(axis=1), 0)
        demand_left = np.maximum(demand - flow[-1].sum(axis=0), 0)
    rest = layers.caps - flow
    nowhere = np.zeros(1, np.int64)
    phases = np.zeros(1, np.int64)
    unsent, unmet = np.zeros((1, n)), np.zeros((1, n))
    compiled.solve(
        layers.caps,
        rest,
        layers.open_arcs,
        layers.large,
        supply_left[None],
        demand_left[None],
        nowhere,
        nowhere,
        False,
        True,
        np.zeros(1),
        np.zeros(1),
        phases,
        unsent,
        unmet,
        np.zeros(1, np.uint8),
    )
    supply_left, demand_left = unsent[0], unmet[0]
    edges = np.empty_like(capacity)
    edges[1:-1] = (layers.caps - rest).transpose(0, 2, 1)
    edges[0] = _shared(capacity[0].T, supply, supply - supply_left).T
    edges[-1] = _shared(capacity[-1], demand, demand - demand_left)
    return edges, int(phases[0])


def _shared(capacity: Floats, total: Floats, used: Floats) -> Floats:
    """Share what each column uses among its edges, in proportion to their capacities."""
    share = np.divide(used, total, out=np.zeros_like(used), where=total > 0)
    shared: Floats = capacity * np.minimum(share, 1)
    return shared


def _source_side(
    maps: Floats, edges: Floats, rows: NDArray[np.bool_], columns: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Nodes that the sources reach over edges that are not full, or backwards over any flow."""
    blocks, n, _ = maps.shape
    side = np.zeros((blocks + 1, n), np.bool_)
    side[-1] = rows
    forward, backward = edges < maps, edges > 0
    backward[0][:, columns] = False
    forward[0][:, columns] = False
    changed = True
    while changed:
        before = side.sum()
        for block in reversed(range(blocks)):
            side[block] |= forward[block][side[block + 1]].any(axis=0)
        for block in range(blocks):
            side[block + 1] |= backward[block][:, side[block]].any(axis=1)
        changed = side.sum() > before
    return side
