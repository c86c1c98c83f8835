"""Attention flow: the maximum flow between tokens at two levels, every value proved.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3. Each layer map
is a layer of edge capacities; the flow of a pair is the maximum flow from the source token at the
top level to the sink token at the bottom level, each pair on its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attention import as_attention
from .errors import named_settings
from .flowtrace import FlowTrace, flow_trace, solve_again, verify, verify_values
from .loading import ready, wait_ready, warm_up
from .maxflow import solve_pairs
from .memory import foresee
from .mixing import HeadFusion, Levels, Residual, layer_maps
from .network import TOLERANCE, Ends, Floats, check_capacities, check_ends
from .workers import Flag, FlowCancelled, Workers, processors

__all__ = [
    "BINDINGS",
    "TOLERANCE",
    "FlowCancelled",
    "FlowTrace",
    "FlowValues",
    "attention_flow",
    "flow_trace",
    "flow_values",
    "ready",
    "verify",
    "wait_ready",
    "warm_up",
]

BINDINGS = ("interior", "source", "sink", "both", "none")
"""What the codes of `FlowValues.binding` mean.

"source": all that leaves the source arrives, so its out capacity is a minimum cut. "sink": all that
the sink can take arrives. "both": a tie of the two. "interior": only cuts between them are minimum.
"none": the flow is 0 because no path joins the two (a causal pair with key > query, for example).
"""

Progress = Callable[[int, int], object]
OnRows = Callable[[NDArray[np.intp], Floats], object]


@dataclass(frozen=True)
class FlowValues:
    """Attention flow of many pairs, each array of shape (sources, sinks).

    Attributes
    ----------
    values : float64
        The maximum flow of each pair on its own; rows do not sum to 1.
    gap : float64
        How far the flow and the cut that prove the value are apart: at most 1e-9 (times the
        value, where that is above 1), mostly a few 1e-16.
    binding : uint8
        Which cut is a minimum cut: codes of `BINDINGS`.
    bound : float64
        The trivial bound min(out, in): out capacity of the source, in capacity of the sink.
    """

    values: Floats
    gap: Floats
    binding: NDArray[np.uint8]
    bound: Floats


@named_settings
def attention_flow(
    attention: Any,
    *,
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    residual: Residual = 0.5,
    sources: Sequence[int] | None = None,
    sinks: Sequence[int] | None = None,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
) -> Floats:
    """Compute attention flow: how much of the source could reach the sink, at most.

    The layer maps are edge capacities; the value of a pair is its maximum flow (Abnar & Zuidema
    2020, section 3). Rows do not sum to 1. `flow_values` also tells what limits each pair.

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    levels, heads, top_head, residual, drop, keep_mass
        As in `layer_maps`.
    sources : token positions at level `stop`, optional
        The rows of the result; by default every token.
    sinks : token positions at level `start`, optional
        The columns of the result; by default every token.

    Returns
    -------
    array, shape (sources, sinks), float64, values in [0, 1]
        Each proved by a feasible flow and a cut that agree within 1e-9.

    Raises
    ------
    AttentionError
        A setting or a token out of range, or a result that does not fit into memory.

    Notes
    -----
    A call that takes over a second shows a tqdm bar where tqdm is installed. Ctrl-C stops it.
    """
    maps = layer_maps(
        as_attention(attention),
        levels=levels,
        heads=heads,
        top_head=top_head,
        residual=residual,
        drop=drop,
        keep_mass=keep_mass,
    )
    with _Bar() as bar:
        return flow_values(maps, sources, sinks, progress=bar).values


def flow_values(
    maps: Floats,
    sources: Sequence[int] | None = None,
    sinks: Sequence[int] | None = None,
    *,
    first: int | None = None,
    progress: Progress | None = None,
    cancel: Flag | None = None,
    on_rows: OnRows | None = None,
    threads: int | None = None,
    checked: bool = False,
) -> FlowValues:
    """Compute the maximum flow of every pair of a source and a sink, each pair on its own.

    Parameters
    ----------
    maps : array, shape (blocks, queries, keys), float64
        Edge capacities, lowest block first: what `layer_maps` returns. Any non-negative numbers.
    sources, sinks : token positions, optional
        At the top and at the bottom; by default every token.
    first : int, optional
        The source (a token) whose row is wanted before the others.
    progress : callable (done, total), optional
        Called in this thread with numbers of pairs, at most about 20 times a second.
    cancel : object with `is_set()`, such as a `threading.Event`, optional
        Looked at every few hundredths of a second; once set, `FlowCancelled` is raised.
    on_rows : callable (row_indices, values), optional
        Called in this thread with rows of the result, shape (rows, sinks), as they are done.
    threads : int, optional
        By default one a processor. The result does not depend on it, to the last bit.
    checked : bool
        Prove every value once more: a flow and a cut of its own, checked by `verify`. Slow.

    Returns
    -------
    FlowValues
    """
    maps = check_capacities(maps)
    blocks, n, _ = maps.shape
    rows = check_ends(sources, n, "source")
    columns = check_ends(sinks, n, "sink")
    shape = (len(rows), len(columns))
    threads = processors() if threads is None else max(1, threads)
    cells = len(rows) * len(columns)
    foresee(
        8 * (4 * cells + 3 * blocks * n * n + 2 * threads * max(0, blocks - 2) * n * n),
        f"The flow of {cells} pairs over {blocks} blocks of {n} tokens",
        "ask for fewer sources and sinks, or for fewer levels",
    )
    ends = Ends.of(maps, rows, columns)
    result = FlowValues(
        values=np.zeros(shape),
        gap=np.zeros(shape),
        binding=np.zeros(shape, np.uint8),
        bound=ends.bound(),
    )
    report = _Report(progress, cells)
    workers = Workers(threads, cancel, report.tick)
    if blocks <= 2:
        solve = _closed_form(maps, ends, result.values, workers)
    else:
        order = np.arange(len(rows))
        if first is not None:
            order = np.argsort(rows != first, kind="stable")
        solve = solve_pairs(
            maps, ends, order, result.values, result.gap, workers, triangular=_triangular(maps)
        )
    for done in solve:
        report.add(len(done) * len(columns))
        if on_rows is not None:
            on_rows(done, result.values[done])
    solve_again(maps, ends, result.values, result.gap)
    if checked:
        verify_values(maps, ends, result.values)
    result.binding[:] = bindings(result.values, ends)
    report.finish()
    return result


def _closed_form(
    maps: Floats, ends: Ends, values: Floats, workers: Workers
) -> Iterator[NDArray[np.intp]]:
    """One block: its map. Two blocks: a sum of minima over the tokens between."""
    if len(maps) == 1:
        values[:] = maps[0][np.ix_(ends.rows, ends.columns)]
        yield np.arange(len(values))
        return
    into = np.ascontiguousarray(maps[0][:, ends.columns].T)

    def solve(begin: int, end: int) -> None:
        for row in range(begin, end):
            values[row] = np.minimum(maps[1][ends.rows[row]], into).sum(axis=1)

    for begin, end in workers.pieces(solve, len(values), int(1e6 / max(1, into.size))):
        yield np.arange(begin, end)


def bindings(values: Floats, ends: Ends) -> NDArray[np.uint8]:
    """Codes of `BINDINGS` for the flow of every pair."""
    source = values >= ends.outs[:, None] - TOLERANCE
    sink = values >= ends.ins - TOLERANCE
    codes = source + 2 * sink.astype(np.uint8)
    nothing = values == 0
    if nothing.any():
        codes[nothing & (ends.bound() > 0)] = BINDINGS.index("none")
    return codes


def _triangular(maps: Floats) -> bool:
    """Whether no map has anything above its diagonal."""
    # Most maps that have show it in their first row.
    return not (maps[:, 0, 1:].any() or np.any(maps, where=_above(maps.shape[1])))


@functools.lru_cache(maxsize=4)
def _above(n: int) -> NDArray[np.bool_]:
    """Return what lies above the diagonal; a small network is solved sooner than this is made."""
    return ~np.tri(n, dtype=np.bool_)


class _Report:
    """Passes progress on, at most twenty times a second, and always the end."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._told = -1.0

    def add(self, pairs: int) -> None:
        self._done += pairs
        self.tick()

    def tick(self) -> None:
        now = monotonic()
        if self._progress is not None and now - self._told >= 0.05:
            self._told = now
            self._progress(self._done, self._total)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress(self._total, self._total)


class _Bar(AbstractContextManager["_Bar"]):
    """A tqdm bar that appears when a call takes over a second; nothing where tqdm is missing."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._began = monotonic()

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if monotonic() - self._began < 1 or done == total:
                return
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self._began = float("inf")
                return
            self._bar = tqdm(total=total, desc="attention flow", unit="pair", unit_scale=True)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
