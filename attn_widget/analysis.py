"""`Analysis`: an Attention with its caches, which answers every question the views ask.

Headless: no traits, no bytes, no threads of its own. The widget, the charts and the exports ask
here, so that one definition of each number serves them all.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .baseline import ratio, uniform_map
from .flow import FlowTrace, FlowValues, flow_trace, flow_values
from .flowslider import FlowAlongResidual
from .headmaps import head_shares
from .mixing import Fused, fuse, mix_residual
from .rollout import masses_down, masses_up, matrix_terms, rollout_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .attention import Attention
    from .selection import Selection
    from .settings import Settings

Float = NDArray[np.float64]
T = TypeVar("T")

_REMEMBERED = 24
"""Results kept: enough to step back and forth between a few settings."""


class Relevance(NamedTuple):
    """One number a token, shape (n,); with flow also the bound and what limits each.

    `binding` holds codes of `flow.BINDINGS`; both are None for the other methods and for means.
    """

    values: Float
    bound: Float | None = None
    binding: NDArray[np.uint8] | None = None


class Analysis:
    """Answers about one Attention. Safe to ask from several threads.

    Parameters
    ----------
    attention : Attention
    """

    def __init__(self, attention: Attention) -> None:
        self.attention = attention
        self._memory: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.RLock()

    def fused(self, settings: Settings) -> Float:
        """Layer maps before the residual, shape (blocks, n, n)."""
        return self.fuse(settings).maps

    def fuse(self, settings: Settings) -> Fused:
        """Layer maps before the residual, and the rows that had no mass left."""
        return self._remember(
            ("fused", settings.fusion),
            lambda: fuse(
                self.attention,
                levels=settings.levels,
                heads=settings.heads,
                top_head=settings.top_head,
                drop=settings.drop,
            ),
        )

    def maps(self, settings: Settings) -> Float:
        """Layer maps, shape (blocks, n, n); the attention method has no residual in it."""
        fused = self.fused(settings)
        if settings.method == "attention":
            return fused
        return self._remember(
            ("maps", settings.fusion, settings.residual),
            lambda: mix_residual(fused, settings.residual),
        )

    def between(self, settings: Settings, selection: Selection) -> Float:
        """The layer maps that a trace between the ends of `selection` passes."""
        start = settings.levels[0]
        return self.maps(settings)[selection.start - start : selection.stop - start]

    def matrix_levels(self, settings: Settings) -> tuple[int, int]:
        """Levels of the shown matrix's columns and rows."""
        start, stop = settings.levels
        return (stop - 1, stop) if settings.method == "attention" else (start, stop)

    def matrix(self, settings: Settings) -> Float:
        """The shown matrix, shape (n, n): rows = queries, columns = keys."""
        if settings.compared:
            plain_matrix = self.matrix(replace(settings, baseline=None))
            return cast("Float", ratio(plain_matrix, self.even_matrix(settings)))
        if settings.method == "attention":
            last: Float = self.fused(settings)[-1]
            return last
        if settings.method == "rollout":
            # The maps are float64, so the product is; `rollout_matrix` takes float32 as well.
            product = self._remember(
                ("matrix", settings), lambda: rollout_matrix(self.maps(settings))
            )
            return cast("Float", product)
        return self.flow(settings).values

    def even(self, settings: Settings) -> Float:
        """Maps of even attention under the same masks, before the residual."""
        start, stop = settings.levels
        return self._remember(
            ("even", settings.levels, settings.drop),
            lambda: np.stack(
                [uniform_map(self.attention, b, settings.drop) for b in range(start, stop)]
            ),
        )

    def even_matrix(self, settings: Settings) -> Float:
        """The shown matrix of even attention, shape (n, n)."""
        even = self.even(settings)
        if settings.method == "attention":
            return cast("Float", even[-1])
        return cast("Float", rollout_matrix(mix_residual(even, settings.residual)))

    def even_relevance(self, settings: Settings, selection: Selection) -> Float:
        """The relevance of even attention for the same selection, shape (n,)."""
        even = self.even(settings)
        if settings.method == "attention":
            if selection.empty:
                return cast("Float", even[-1].mean(axis=0))
        else:
            even = mix_residual(even, settings.residual)
        start = settings.levels[0]
        between = even[selection.start - start : selection.stop - start]
        return _relevance_of(between, settings, selection, self.attention.n_tokens)

    def flow(self, settings: Settings, **watch: Any) -> FlowValues:
        """All pairs of attention flow with bounds and bindings; `watch` goes to `flow_values`."""
        return self._remember(
            ("flow", settings),
            lambda: flow_values(self.maps(settings), **watch),
        )

    def known_flow(self, settings: Settings) -> FlowValues | None:
        """All pairs of attention flow if they have been computed, else None."""
        with self._lock:
            known: FlowValues | None = self._memory.get(("flow", settings))
            return known

    def matrix_terms(self, settings: Settings) -> Float:
        """The rollout matrix as a polynomial in the residual, shape (blocks + 1, n, n)."""
        key = ("matrix terms", settings.fusion)
        return self._remember(key, lambda: matrix_terms(self.fused(settings)))

    def relevance(self, settings: Settings, selection: Selection, **watch: Any) -> Relevance:
        """What the selection draws from each token, or where its input goes.

        Sources: their mean rollout row, or the flow that they together can draw from each token.
        Sinks alone: for each output, the share (or the flow) that comes from them. Nothing
        selected: the mean row of the matrix. `watch` goes to `flow.flow_values`.
        """
        if settings.method == "flow":
            return self._flow_relevance(settings, selection, watch)
        if settings.compared:
            plain = self.relevance(replace(settings, baseline=None), selection).values
            even = self.even_relevance(settings, selection)
            return Relevance(cast("Float", ratio(plain, even)))
        if settings.method == "attention" and selection.empty:
            return Relevance(self.matrix(settings).mean(axis=0))
        maps = self.between(settings, selection)
        return Relevance(_relevance_of(maps, settings, selection, self.attention.n_tokens))

    def masses(self, settings: Settings, selection: Selection) -> tuple[Float, Float]:
        """The two factors of a walk's node masses, each of shape (levels, n).

        `down` starts at the sources (a set: their mean; nothing selected: the mean over all; sinks
        alone: one on every output), `up` at the sinks (none: one everywhere).
        """
        maps = self.between(settings, selection)
        return _masses(maps, settings, selection, self.attention.n_tokens)

    def head_shares(self, settings: Settings, selection: Selection) -> Float:
        """What each head carries of the selection's walk, shape (blocks, heads); rows sum to 1.

        From sources alone every head takes the same mass, so what counts is what it brings from
        other words: special tokens and the token itself are left out.
        """
        start, stop = selection.start, selection.stop
        top, bottom = start_masses(selection, self.attention.n_tokens)
        maps = self.between(settings, selection)
        up = masses_up(maps, bottom)
        if selection.sinks is None:
            words = np.ones(self.attention.n_tokens)
            words[[*self.attention.special, *(selection.sources or ())]] = 0
            up = np.tile(words, (len(up), 1))
        weights = self.attention.weights[start:stop]
        return head_shares(weights, masses_down(maps, top), up)

    def flow_path(self, settings: Settings, selection: Selection) -> FlowTrace:
        """One maximum flow between the ends of the selection, with its minimum cut."""
        return self._remember(
            ("flow path", settings, selection),
            lambda: flow_trace(
                self.between(settings, selection), selection.sources, selection.sinks
            ),
        )

    def _flow_relevance(
        self, settings: Settings, selection: Selection, watch: dict[str, Any]
    ) -> Relevance:
        if selection.empty:
            return Relevance(self.flow(settings, **watch).values.mean(axis=0))
        known = self.known_flow(settings)
        whole = (selection.start, selection.stop) == settings.levels
        tokens = selection.sinks if selection.forward else selection.sources
        assert tokens is not None
        if known is not None and whole and len(tokens) == 1:
            cut = (slice(None), tokens[0]) if selection.forward else (tokens[0], slice(None))
            return Relevance(known.values[cut], known.bound[cut], known.binding[cut])
        ends = (selection.start, selection.stop, selection.forward, tokens)
        if len(tokens) == 1 and settings.polynomial:
            # A dragged residual: what its last values prove for this one is not searched again.
            along: FlowAlongResidual = self._remember(
                ("flow along", settings.fusion, ends),
                lambda: self._along_residual(settings, selection),
            )
            found = along.at(cast("float", settings.residual), **watch)
        else:
            found = self._remember(
                ("flow relevance", settings, ends),
                lambda: self._flow_of_set(
                    self.between(settings, selection), tokens, watch, forward=selection.forward
                ),
            )
        return Relevance(found.values.ravel(), found.bound.ravel(), found.binding.ravel())

    def _along_residual(self, settings: Settings, selection: Selection) -> FlowAlongResidual:
        start = settings.levels[0]
        fused = self.fused(settings)[selection.start - start : selection.stop - start]
        if selection.forward:
            return FlowAlongResidual(fused, sinks=selection.sinks)
        return FlowAlongResidual(fused, sources=selection.sources)

    @staticmethod
    def _flow_of_set(
        maps: Float, tokens: tuple[int, ...], watch: dict[str, Any], *, forward: bool
    ) -> FlowValues:
        """Flow between a set at one end and every single token at the other.

        A set's own supply is unlimited, so its edges may be added up into one of its tokens: the
        flow of that one token in the merged network is the flow of the set in the first one.
        """
        # The last source and the first sink: a causal network stays causal when merged.
        token = min(tokens) if forward else max(tokens)
        if len(tokens) > 1:
            maps = maps.copy()
            if forward:
                maps[0, :, token] = maps[0][:, list(tokens)].sum(axis=1)
            else:
                maps[-1, token, :] = maps[-1][list(tokens)].sum(axis=0)
        if forward:
            return flow_values(maps, sinks=[token], **watch)
        return flow_values(maps, sources=[token], **watch)

    def _remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                known: T = self._memory[key]
                return known
        # Outside the lock: minutes of a large flow must not block a question about one row. Two
        # threads that ask the same at once compute it twice, and both get the right answer.
        value = compute()
        with self._lock:
            self._memory[key] = value
            while len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return value


def _masses(
    maps: Float, settings: Settings, selection: Selection, n_tokens: int
) -> tuple[Float, Float]:
    top, bottom = start_masses(selection, n_tokens)
    if settings.method != "attention":
        return masses_down(maps, top), masses_up(maps, bottom)
    return _direct_masses(maps, top, bottom, selection)


def _relevance_of(maps: Float, settings: Settings, selection: Selection, n_tokens: int) -> Float:
    if not selection.forward:
        # A pair is asked for the whole row of its source: the sink is one entry of it.
        selection = replace(selection, sinks=None)
    down, up = _masses(maps, settings, selection, n_tokens)
    if settings.method == "attention":
        return cast("Float", up[1] if selection.forward else down[-2])
    return cast("Float", up[-1] if selection.forward else down[0])


def start_masses(selection: Selection, n_tokens: int) -> tuple[Float, Float]:
    """The masses that a walk starts from: at the top, and at the bottom."""
    top = np.ones(n_tokens)
    if not selection.forward:
        sources = range(n_tokens) if selection.sources is None else selection.sources
        top = np.zeros(n_tokens)
        top[list(sources)] = 1 / len(sources)
    bottom = np.ones(n_tokens)
    if selection.sinks is not None:
        bottom = np.zeros(n_tokens)
        bottom[list(selection.sinks)] = 1
    return top, bottom


def _direct_masses(
    maps: Float, top: Float, bottom: Float, selection: Selection
) -> tuple[Float, Float]:
    """Raw attention goes one layer and no further: each block starts anew.

    Nothing selected: every block from all of its queries. Sources: the block below them. Sinks
    alone: the block above them. A pair more than one layer apart shares no edge.
    """
    blocks, n, _ = maps.shape
    down, up = np.zeros((blocks + 1, n)), np.zeros((blocks + 1, n))
    if selection.empty:
        down[:], up[:] = top, bottom
    elif selection.forward:
        down[0], up[0] = maps[0].sum(axis=0), bottom
        down[1], up[1] = top, maps[0] @ bottom
    else:
        down[-1], up[-1] = top, maps[-1] @ (bottom if blocks == 1 else np.ones(n))
        down[-2], up[-2] = top @ maps[-1], bottom if blocks == 1 else np.ones(n)
    return down, up
