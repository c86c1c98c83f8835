"""Every synced trait of the widget, once; the twin of `WidgetState` in `js/src/model.ts`.

A trait is here if the browser and the kernel both need it. What only the browser needs (hover,
zoom, scroll) is never synced, and neither is what it can derive.
"""

from __future__ import annotations

import traitlets
from traitlets import Any, Dict, Float, Int, List, Tuple, Unicode

from .attention import AttentionError

METHODS = ("attention", "rollout", "flow")

SETTINGS = ("method", "levels", "heads", "top_head", "residual")
"""The traits that decide the numbers."""

TWO_WAY = (*SETTINGS, "mass_shown", "selected", "height")
"""The traits that a person sets, in the browser or in Python."""


class SettingError(AttentionError, traitlets.TraitError):
    """A setting that cannot be. Being a TraitError, it makes traitlets take the change back."""


class State(traitlets.HasTraits):
    """The synced state. Direction: settings go both ways, the rest from the kernel."""

    method = Unicode("rollout").tag(sync=True)
    """What is shown: "attention" (one layer, raw), "rollout" or "flow". Both ways."""

    levels = Tuple(Int(), Int(), default_value=(0, 1)).tag(sync=True)
    """(start, stop), 0 <= start < stop <= layers; level 0 is the input. The attention method
    shows the matrix of layer `stop`. Default: all. Both ways."""

    heads = Any("mean").tag(sync=True)
    """How heads are fused: "mean", "max", "min", one head, or a list of heads (their mean).
    Default "mean". Both ways."""

    top_head = Any(None, allow_none=True).tag(sync=True)
    """One head for the top layer of the range, the fused heads below it (Abnar & Zuidema 2020,
    A.1); None for none. Both ways."""

    residual = Any(0.5).tag(sync=True)
    """Share of the residual connection in each layer, in [0, 1]; one number or one a layer of
    the range. Default 0.5, as in the paper. Both ways."""

    mass_shown = Float(0.9).tag(sync=True)
    """Share of each layer's mass whose edges are drawn, strongest first, in (0, 1]. A matter of
    drawing alone: no number depends on it. Default 0.9. Both ways."""

    selected: List[tuple[int, int]] = List().tag(sync=True)
    """[(level, token), …]: empty for nothing, one node, several of one level (a set), or nodes of
    two levels (the upper ones are sources, the lower ones sinks). Both ways."""

    height = Int(560).tag(sync=True)
    """Height in px that the picture aims at; rows stay between 12 and 26 px. Both ways."""

    tokens = List(Unicode()).tag(sync=True)
    """The tokens, as text. From the kernel."""

    special = List(Int()).tag(sync=True)
    """Indices of the special tokens (CLS, SEP, …). From the kernel."""

    n_layers = Int(0).tag(sync=True)
    """Number of layers. From the kernel."""

    n_heads = Int(0).tag(sync=True)
    """Number of heads a layer. From the kernel."""

    shown_matrix = Dict().tag(sync=True)
    """The matrix on show, as terms in the residual where it is a rollout: `ShownMatrix` in
    `model.ts` lists the entries. From the kernel."""

    shown_trace = Dict().tag(sync=True)
    """What the selection carries: `ShownTrace` in `model.ts` lists the entries. From the
    kernel."""

    progress = Dict().tag(sync=True)
    """Work in progress: {"text", "fraction"}, or empty. From the kernel."""

    error = Unicode("").tag(sync=True)
    """One sentence about the last mistake, or "". From the kernel; the browser clears it."""
