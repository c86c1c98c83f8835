"""Attention flow: the maximum flow between tokens at two levels, every value proved.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3. Each layer map
is a layer of edge capacities; the flow of a pair is the maximum flow from the source token at the
top level to the sink token at the bottom level, each pair on its own.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import maxflow
from .attention import AttentionError, as_attention, named_settings
from .flowtrace import FlowTrace, flow_trace, verify
from .maxflow import TOLERANCE, FlowCancelled, ready, wait_ready, warm_up
from .memory import foresee
from .mixing import HeadFusion, Levels, Residual, layer_maps

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

Floats = NDArray[np.float64]
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
        Capacity of the cut found minus the flow found: at most 1e-9, mostly a few 1e-16.
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
    cancel: maxflow.Flag | None = None,
    on_rows: OnRows | None = None,
    threads: int | None = None,
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

    Returns
    -------
    FlowValues
    """
    maps = _as_maps(maps)
    blocks, n, _ = maps.shape
    rows = _tokens(sources, n, "source")
    columns = _tokens(sinks, n, "sink")
    shape = (len(rows), len(columns))
    threads = maxflow.processors() if threads is None else max(1, threads)
    cells = shape[0] * shape[1]
    foresee(
        8 * (4 * cells + 3 * blocks * n * n + 2 * threads * max(0, blocks - 2) * n * n),
        f"The flow of {cells} pairs over {blocks} blocks of {n} tokens",
        "ask for fewer sources and sinks, or for fewer levels",
    )
    outs, ins = maps[-1].sum(axis=1)[rows], maps[0].sum(axis=0)[columns]
    result = FlowValues(
        values=np.zeros(shape),
        gap=np.zeros(shape),
        binding=np.zeros(shape, np.uint8),
        bound=np.minimum.outer(outs, ins),
    )
    report = _Report(progress, result.values.size)
    if blocks <= 2:
        _closed_form(maps, rows, columns, result.values, report, cancel)
        if on_rows is not None:
            on_rows(np.arange(len(rows)), result.values)
    else:
        order = np.arange(len(rows))
        if first is not None:
            chosen = rows == first
            order = np.concatenate([order[chosen], order[~chosen]])
        job = maxflow.Pairs(maps, rows, columns, result.values, result.gap)
        for done in job.run(order, threads=threads, cancel=cancel, tick=report.tick):
            report.add(len(done) * len(columns))
            if on_rows is not None:
                on_rows(done, result.values[done])
    np.minimum(result.values, result.bound, out=result.values)
    _bindings(result, outs, ins)
    report.finish()
    return result


def _closed_form(
    maps: Floats,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: Floats,
    report: _Report,
    cancel: maxflow.Flag | None,
) -> None:
    """One block: its map. Two blocks: a sum of minima over the tokens between."""
    if len(maps) == 1:
        values[:] = maps[0][np.ix_(rows, columns)]
        return
    into = np.ascontiguousarray(maps[0][:, columns].T)
    for r, row in enumerate(rows):
        values[r] = np.minimum(maps[1][row], into).sum(axis=1)
        report.add(len(columns))
        if cancel is not None and cancel.is_set():
            raise FlowCancelled


def _bindings(result: FlowValues, outs: Floats, ins: Floats) -> None:
    values = result.values
    source = values >= outs[:, None] - TOLERANCE
    sink = values >= ins[None, :] - TOLERANCE
    result.binding[:] = source + 2 * sink
    result.binding[(values == 0) & (result.bound > 0)] = BINDINGS.index("none")


def _as_maps(maps: Any) -> Floats:
    maps = np.ascontiguousarray(maps, dtype=np.float64)
    if maps.ndim != 3 or maps.shape[1] != maps.shape[2] or 0 in maps.shape:
        message = f"The maps have shape {maps.shape}: give (blocks, n, n), as layer_maps returns."
        raise AttentionError(message)
    if not (np.isfinite(maps).all() and (maps >= 0).all()):
        raise AttentionError("The maps hold a value that is negative or not finite: mend it first.")
    return maps


def _tokens(given: Sequence[int] | None, n: int, name: str) -> NDArray[np.intp]:
    if given is None:
        return np.arange(n)
    tokens = []
    for token in given:
        index = operator.index(token)
        if not 0 <= index < n:
            message = f"{name} {index} is out of range: choose tokens from 0 to {n - 1}."
            raise AttentionError(message)
        tokens.append(index)
    return np.array(tokens, dtype=np.intp)


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
        now = time.monotonic()
        if self._progress is not None and now - self._told >= 0.05:
            self._told = now
            self._progress(self._done, self._total)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress(self._total, self._total)


class _Bar:
    """A tqdm bar that appears when a call takes over a second; nothing where tqdm is missing."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._began = time.monotonic()

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < 1 or done == total:
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
