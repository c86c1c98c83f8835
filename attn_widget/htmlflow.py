"""Which flow goes into a saved page, and how long it takes to compute."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import flow, shown
from .errors import AttentionError, brief
from .pins import read_pin
from .selection import ends

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .analysis import Analysis
    from .selection import Selection
    from .settings import Settings

CHOICES = ("none", "current", "all_levels", "all_heads")

_PROBED_ROWS = 8
"""Rows by which the time of a whole matrix is told."""

Part = tuple["Settings", "Selection"]


def check_flow(given: object, settings: Settings) -> str:
    """Check the choice; None is "current" where the view shows flow, else "none"."""
    if given is None:
        return "current" if settings.method == "flow" else "none"
    if not isinstance(given, str) or given not in CHOICES:
        message = f"flow is {brief(given)}: choose one of {', '.join(map(repr, CHOICES))}."
        raise AttentionError(message)
    if given == "none" and settings.method == "flow":
        message = (
            'The widget shows flow and flow="none" leaves it out: say flow="current", or show '
            "rollout first."
        )
        raise AttentionError(message)
    if given == "all_levels" and isinstance(settings.residual, tuple):
        message = (
            "flow of all levels needs one residual for all of them, and the widget has one a "
            'layer: set widget.residual to a number, or say flow="current".'
        )
        raise AttentionError(message)
    return given


class FlowOfPage:
    """The flow matrices and traces that a page is to hold.

    Parameters
    ----------
    analysis : Analysis
    choice : one of `CHOICES`
    settings : what the widget shows
    selected : list of (level, token)
    pins : checked pins
    """

    def __init__(
        self,
        analysis: Analysis,
        choice: str,
        settings: Settings,
        selected: Sequence[tuple[int, int]],
        pins: Sequence[Mapping[str, Any]],
    ) -> None:
        self._analysis = analysis
        self._choice = choice
        self._settings = replace(settings, method="flow", baseline=None)
        asked = self._asked()
        self._pinned = [read_pin(pin) for pin in pins if pin["method"] == "flow"]
        current = (self._settings, ends(selected, settings.levels))
        self.traces: list[Part] = list(
            dict.fromkeys([*([current] if asked else []), *self._pinned])
        )
        self.matrices: list[Settings] = list(
            dict.fromkeys([*asked, *(one for one, _ in self.traces)])
        )

    def _asked(self) -> list[Settings]:
        attention, settings = self._analysis.attention, self._settings
        if self._choice == "none":
            return []
        if self._choice == "all_levels":
            layers = range(attention.n_layers + 1)
            ranges = [(start, stop) for start in layers for stop in layers if start < stop]
            whole = [replace(settings, levels=levels) for levels in ranges]
            # A trace that ends below the top layer does not pass the head chosen for it.
            below = [] if settings.top_head is None else [replace(settings, top_head=None)]
            return whole + [replace(one, levels=levels) for one in below for levels in ranges]
        if self._choice == "all_heads":
            heads = ["mean", "max", "min", *range(attention.n_heads)]
            return [replace(settings, heads=head) for head in heads]
        return [settings]

    @property
    def holds(self) -> str:
        """What is there, in words; empty where nothing is."""
        count = len(self._pinned)
        pinned = f"{count} pin{'s' * (count != 1)}" if count else ""
        if self._choice == "none":
            return pinned
        settings = self._settings
        start, stop = settings.levels
        layers = f"layers {start or 'input'}\u2013{stop}"
        heads = _heads(settings)
        if self._choice == "all_levels":
            layers = "every range of layers"
        if self._choice == "all_heads":
            heads = "all heads together and each alone"
        residual = settings.residual
        mixed = "one a layer" if isinstance(residual, tuple) else f"{residual:.2f}"
        count = len(settings.drop)
        dropped = f", {count} token{'s' * (count != 1)} dropped" if count else ""
        also = f", and for {pinned}" if pinned else ""
        return f"{layers}, {heads}, residual {mixed}{dropped}{also}"

    def missing(self) -> list[Settings]:
        """The matrices that have not been computed yet."""
        return [one for one in self.matrices if self._analysis.known_flow(one) is None]

    def seconds(self) -> float:
        """How long the missing matrices will take, from a few rows of one of each depth."""
        todo = self.missing()
        if todo:
            flow.warm_up()
            flow.wait_ready()
        kinds: dict[Any, list[Settings]] = {}
        for one in todo:
            kinds.setdefault((one.levels[1] - one.levels[0], one.heads), []).append(one)
        n = self._analysis.attention.n_tokens
        rows = list(range(0, n, max(1, n // _PROBED_ROWS)))
        total = 0.0
        for alike in kinds.values():
            maps = self._analysis.maps(alike[len(alike) // 2])
            began = time.perf_counter()
            flow.flow_values(maps, rows)
            total += (time.perf_counter() - began) * n / len(rows) * len(alike)
        return total

    def compute(self) -> dict[str, Any]:
        """Every matrix and trace, as the kernel would send them."""
        matrices, traces = [], []
        for settings in self.matrices:
            found = self._analysis.flow(settings)
            matrix = shown.flow_matrix(settings, found.values, found.binding)
            matrices.append({"settings": _plain(settings), "matrix": matrix})
        for settings, selection in self.traces:
            if selection.empty:
                continue
            relevance = self._analysis.relevance(settings, selection)
            trace = shown.shown_trace(self._analysis, settings, selection, relevance)
            if selection.sinks is None:
                # The page walks by itself; how much each input can give is all that it lacks.
                trace = {name: trace[name] for name in ("relevance", "relevance_binding")}
            ends_of = {name: getattr(selection, name) for name in selection.__dataclass_fields__}
            traces.append({"settings": _plain(settings), "selection": ends_of, "trace": trace})
        return {"holds": self.holds, "matrices": matrices, "traces": traces}


def _plain(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def _heads(settings: Settings) -> str:
    heads = settings.heads
    if isinstance(heads, int):
        text = f"head {heads}"
    elif isinstance(heads, str):
        text = "all heads" if heads == "mean" else f"the {heads} of all heads"
    else:
        text = f"heads {', '.join(map(str, heads))}"
    return text if settings.top_head is None else f"{text} with head {settings.top_head} on top"
