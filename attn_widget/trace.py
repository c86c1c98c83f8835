"""What a selection shows: the edges that carry its rollout or flow, node masses, cut, binding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from .attention import as_attention
from .errors import AttentionError, brief, check_index, is_index, named_settings
from .flow import flow_trace
from .mixing import (
    HeadFusion,
    Levels,
    Maps,
    Residual,
    check_levels,
    check_residual,
    fuse,
    mix_residual,
)
from .rollout import masses_down, masses_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["attention", "rollout", "flow"]
Binding = Literal["source", "sink", "both", "interior"]
Node = tuple[int, int]
Tokens = tuple[int, ...] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """What runs between two levels, from the sources at the upper one to the sinks at the lower.

    Attributes
    ----------
    method : {"attention", "rollout", "flow"}
    levels : (start, stop)
        The levels of the sinks and of the sources.
    sources, sinks : tuple of int, or None
        Tokens at level `stop` and at level `start`; None is every token there.
    value : float
        What arrives. Rollout: the share of the sources' state (the mean over several) that comes
        from the sinks; without a source, the shares of all outputs added up. Flow: the maximum
        flow between the two sets.
    edges : array, shape (blocks, queries, keys)
        What each edge carries; `edges[0]` is the lowest block of the range.
    nodes : array, shape (blocks + 1, n)
        What passes each node; `nodes[0]` is the lowest level. Every level sums to `value`.
    cut : list of (block, query, key)
        Flow only: the edges of a minimum cut, whose capacities add up to `value`; the blocks are
        counted from the bottom of the model. Of several minimum cuts, the one nearest the sources.
    binding : {"source", "sink", "both", "interior"} or None
        Flow only: what limits it. "source" or "sink": no more leaves or enters that end, so the
        value says nothing about the other end ("both" is a tie). "interior": a cut between.
    bound : float or None
        Flow only: the trivial bound, the smaller of what leaves the sources and enters the sinks.
    gap : float
        Flow only: cut minus flow, at most 1e-9; the proof that `value` is the maximum.
    empty_rows : tuple of (block, query)
        Rows that had no attention left (after `drop`, "min", ...) and became identity rows.
    """

    method: Method
    levels: Levels
    sources: Tokens
    sinks: Tokens
    value: float
    edges: Maps
    nodes: Maps
    cut: list[tuple[int, int, int]] = field(default_factory=list)
    binding: Binding | None = None
    bound: float | None = None
    gap: float = 0.0
    empty_rows: tuple[tuple[int, int], ...] = ()

    def __repr__(self) -> str:
        start, stop = self.levels
        bound = "" if self.binding is None else f", binding {self.binding!r}"
        return (
            f"Trace({self.method} from {_end(stop, self.sources)} to {_end(start, self.sinks)}: "
            f"{self.value:.6g}{bound})"
        )


@named_settings
def trace(
    attention: Any,
    *,
    source: Node | Sequence[Node] | None = None,
    sink: Node | Sequence[Node] | None = None,
    method: Method = "flow",
    levels: Levels | None = None,
    heads: HeadFusion = "mean",
    top_head: int | None = None,
    residual: Residual = 0.5,
    drop: Sequence[int] = (),
    keep_mass: float | None = None,
) -> Trace:
    """Trace attention between tokens: what each edge and node on the way carries.

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    source : (level, token), or a list of such at one level; optional
        Where to start, going down. Left out: every token at the top.
    sink : (level, token), or a list of such at one level below; optional
        Where to end. Left out: every token at the bottom. Give a source, a sink, or both.
    method : {"flow", "rollout", "attention"}
        "flow": one maximum flow and its minimum cut (Abnar & Zuidema 2020, section 3.2).
        "rollout": the random walk whose end is the rollout row. "attention": the direct edges of
        a single block, without residual.
    levels : (start, stop), optional
        The range that an end left out reaches to, and that `top_head` and a list of residuals
        refer to. By default the range between the two ends: from the source to level 0, from the
        sink to the output.
    heads, top_head, residual, drop, keep_mass
        As in `layer_maps`.

    Returns
    -------
    Trace

    Raises
    ------
    AttentionError
        An end out of range, a source that is not above the sink, an unknown method, and what
        `layer_maps` refuses.

    Examples
    --------
    >>> found = trace([[[[1.0, 0.0], [0.5, 0.5]]]] * 2, source=(2, 1), method="rollout")
    >>> found
    Trace(rollout from (2, 1) to every token at level 0: 1)
    >>> found.nodes[0]
    array([0.4375, 0.5625])
    """
    attention = as_attention(attention)
    method = _check_method(method)
    n_layers, n_tokens = attention.n_layers, attention.n_tokens
    top, sources = _read_end("source", source, n_layers, n_tokens)
    bottom, sinks = _read_end("sink", sink, n_layers, n_tokens)
    low, high = check_levels(levels, n_layers)
    start, stop = _between(bottom, top, (low, high), single=method == "attention")
    if levels is None:
        low, high = start, stop
    shares = check_residual(residual, high - low)
    fused = fuse(
        attention,
        levels=(low, high),
        heads=heads,
        top_head=top_head,
        drop=drop,
        keep_mass=keep_mass,
    )
    maps = fused.maps[start - low : stop - low]
    if method != "attention":
        mix_residual(maps, shares[start - low : stop - low], out=maps)
    empty = tuple(node for node in fused.empty_rows if start <= node[0] < stop)
    follow = flow_of_maps if method == "flow" else walk_of_maps
    return follow(maps, sources, sinks, start=start, method=method, empty_rows=empty)


def walk_of_maps(
    maps: Maps,
    sources: Tokens,
    sinks: Tokens,
    *,
    start: int = 0,
    method: Method = "rollout",
    empty_rows: tuple[tuple[int, int], ...] = (),
) -> Trace:
    """Trace the rollout walk through layer maps that are already there; ends are not checked.

    Several sources start with an equal share each; without a source every output starts with 1.

    Parameters
    ----------
    maps : array, shape (blocks, n, n), the lowest block first, residual mixed in
    sources, sinks : tokens at the top and at the bottom; None is every token
    start : the level of the bottom, for `levels` and `cut`
    """
    n = maps.shape[-1]
    weights = np.ones(n)
    if sources is not None:
        weights = _indicator(sources, n) / len(sources)
    wanted = np.ones(n) if sinks is None else _indicator(sinks, n)
    down, up = masses_down(maps, weights), masses_up(maps, wanted)
    edges = down[1:, :, None] * maps
    edges *= up[:-1, None, :]
    return Trace(
        method=method,
        levels=(start, start + len(maps)),
        sources=sources,
        sinks=sinks,
        value=float(down[0] @ wanted),
        edges=edges,
        nodes=down * up,
        empty_rows=empty_rows,
    )


def flow_of_maps(
    maps: Maps,
    sources: Tokens,
    sinks: Tokens,
    *,
    start: int = 0,
    method: Method = "flow",
    empty_rows: tuple[tuple[int, int], ...] = (),
) -> Trace:
    """Trace a maximum flow through layer maps that are already there; see `walk_of_maps`."""
    found = flow_trace(maps, sources, sinks)
    edges = np.asarray(found.edges)
    return Trace(
        method=method,
        levels=(start, start + len(maps)),
        sources=sources,
        sinks=sinks,
        value=float(found.value),
        edges=edges,
        nodes=np.concatenate([edges[:1].sum(axis=1), edges.sum(axis=2)]),
        cut=[(start + int(block), int(query), int(key)) for block, query, key in found.cut],
        binding=found.binding,
        bound=float(found.bound),
        gap=float(found.gap),
        empty_rows=empty_rows,
    )


def _check_method(method: object) -> Method:
    for known in get_args(Method):
        if isinstance(method, str) and method == known:
            return known  # type: ignore[no-any-return]
    message = f"method must be 'attention', 'rollout' or 'flow', not {brief(method)}."
    raise AttentionError(message)


def _read_end(name: str, end: object, n_layers: int, n_tokens: int) -> tuple[int | None, Tokens]:
    """Check one end: its level and its tokens, sorted, each once; (None, None) if left out."""
    if end is None:
        return None, None
    if not isinstance(end, (Sequence, np.ndarray)) or isinstance(end, (str, bytes)):
        raise _not_an_end(name, end)
    pairs = [end] if len(end) == 2 and all(is_index(number) for number in end) else list(end)
    if not pairs:
        raise _not_an_end(name, end)
    nodes: list[Node] = []
    for pair in pairs:
        if not isinstance(pair, (Sequence, np.ndarray)) or isinstance(pair, (str, bytes)):
            raise _not_an_end(name, end)
        if len(pair) != 2:
            raise _not_an_end(name, end)
        level = check_index(pair[0], n_layers + 1, f"{name}: level")
        nodes.append((level, check_index(pair[1], n_tokens, f"{name}: token")))
    levels = sorted({level for level, _ in nodes})
    if len(levels) > 1:
        message = (
            f"The {name} has tokens at levels {levels}: give tokens of one level, and trace the "
            "levels one after the other."
        )
        raise AttentionError(message)
    return levels[0], tuple(sorted({token for _, token in nodes}))


def _not_an_end(name: str, end: object) -> AttentionError:
    return AttentionError(
        f"The {name} must be (level, token), two whole numbers, or a list of such pairs, not "
        f"{brief(end)}."
    )


def _between(bottom: int | None, top: int | None, levels: Levels, *, single: bool) -> Levels:
    """Find the levels that a trace runs between, filling in an end that was left out."""
    low, high = levels
    if top is None and bottom is None:
        message = "A trace needs an end: give source=(level, token), sink=(level, token), or both."
        raise AttentionError(message)
    for name, level in (("source", top), ("sink", bottom)):
        if level is not None and not low <= level <= high:
            message = f"The {name} is at level {level}, outside levels ({low}, {high})."
            raise AttentionError(message)
    if top == low:
        message = (
            f"The source is at level {low}, the lowest, and nothing lies below it: pass it as "
            "sink to see what reads it, or choose a higher level."
        )
        raise AttentionError(message)
    if bottom == high:
        message = (
            f"The sink is at level {high}, the highest, and nothing lies above it: pass it as "
            "source to see what it reads, or choose a lower level."
        )
        raise AttentionError(message)
    if top is None:
        assert bottom is not None
        return bottom, bottom + 1 if single else high
    if bottom is None:
        return top - 1 if single else low, top
    if bottom >= top:
        message = (
            f"The source at level {top} must lie above the sink at level {bottom}: a trace goes "
            "down from the token that reads to the token that is read."
        )
        raise AttentionError(message)
    if single and top - bottom > 1:
        message = (
            f"Attention links neighbouring levels only, and these are levels {bottom} and {top}: "
            "choose ends one level apart, or method='rollout' or 'flow'."
        )
        raise AttentionError(message)
    return bottom, top


def _indicator(tokens: tuple[int, ...], n: int) -> NDArray[np.float64]:
    marked = np.zeros(n)
    marked[list(tokens)] = 1
    return marked


def _end(level: int, tokens: Tokens) -> str:
    if tokens is None:
        return f"every token at level {level}"
    nodes = ", ".join(f"({level}, {token})" for token in tokens)
    return nodes if len(tokens) == 1 else f"{{{nodes}}}"
