"""Every synced trait of the widget, once; the twin of `WidgetState` in `js/src/model.ts`.

A trait is here if the browser and the kernel both need it. What only the browser needs (hover,
zoom, scroll) is never synced, and neither is what it can derive.
"""

from __future__ import annotations

import traitlets
from traitlets import Any, Bool, Dict, Float, Int, List, Tuple, Unicode

from .errors import AttentionError

SETTINGS = ("method", "levels", "heads", "top_head", "residual", "drop", "baseline")
"""The traits that decide the numbers."""

DISPLAY = (
    "mass_shown",
    "color_scale",
    "scale_rows",
    "merge_words",
    "hide_special",
    "heads_open",
    "height",
    "overlay",
    "overlay_opacity",
)
"""The traits that decide how the numbers are drawn, and no number."""

TWO_WAY = (*SETTINGS, *DISPLAY, "selected", "pins", "compared")
"""The traits that a person sets, in the browser or in Python."""

DERIVED = (
    "shown_matrix",
    "shown_trace",
    "shown_comparison",
    "head_maps",
    "head_shares",
    "note",
    "progress",
    "error",
)
"""The traits that follow from the others."""

COLOR_SCALES = ("words", "linear", "sqrt", "log")
OVERLAYS = ("contour", "heat")


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

    drop: List[int] = List().tag(sync=True)
    """Tokens that attention does not read: their columns are removed before the rows are
    normalised, and they keep their residual edge. It changes the numbers. Both ways."""

    baseline = Any(None, allow_none=True).tag(sync=True)
    """"uniform": shares are divided by those of even attention under the same mask, so that 1 is
    what a token gets for its place alone; None: shares as they are. Flows and comparisons of pins
    stay as they are. Both ways."""

    selected: List[tuple[int, int]] = List().tag(sync=True)
    """[(level, token), …]: empty for nothing, one node, several of one level (a set), or nodes of
    two levels (the upper ones are sources, the lower ones sinks). Both ways."""

    mass_shown = Float(0.9).tag(sync=True)
    """Share of each layer's mass whose edges are drawn, strongest first, in (0, 1]. A matter of
    drawing alone. Default 0.9. Both ways."""

    color_scale = Unicode("words").tag(sync=True)
    """Scale of the matrix's colours: "words" (linear up to the strongest word-to-word cells, the
    rest compressed, so that CLS, SEP and the diagonal do not drown them), "linear", "sqrt" or
    "log". Both ways."""

    scale_rows = Bool(default_value=False).tag(sync=True)
    """Whether each row of the matrix has a colour scale of its own. Both ways."""

    merge_words = Bool(default_value=False).tag(sync=True)
    """Whether pieces are shown merged into words: after rollout or flow, columns summed and rows
    averaged. Python's numbers stay those of the pieces. Both ways."""

    hide_special = Bool(default_value=False).tag(sync=True)
    """Whether special tokens are left out of the view. They stay in every number: to take them
    out of the graph, `drop` them. Both ways."""

    heads_open = Bool(default_value=False).tag(sync=True)
    """Whether the overview of all heads is unfolded. Both ways."""

    height = Int(0).tag(sync=True)
    """Height in px that the picture aims at. 0, the default, leaves it to the number of tokens:
    what every row's label needs, but from 560 to 640. On a full screen it is the screen's. Both
    ways."""

    overlay = Unicode("contour").tag(sync=True)
    """How relevance is laid over a vision model's image: "contour" (a veil of paper that is thinner
    where more comes from, and an outline around the fewest patches that hold 80 %) or "heat"
    (colour). Both ways."""

    overlay_opacity = Float(0.9).tag(sync=True)
    """How much the overlay hides of the image, in [0, 1]. Default 0.9. Both ways."""

    pins: List[dict[str, object]] = List().tag(sync=True)
    """Selections kept with their settings: [{"name", "method", "levels", "heads", "top_head",
    "residual", "drop", "baseline", "selected"}, …]. Both ways."""

    compared: List[int] = List().tag(sync=True)
    """[a, b]: show pin a minus pin b; [] for no comparison. Both ways."""

    tokens: List[str] = List(Unicode()).tag(sync=True)
    """The tokens, as text. From the kernel."""

    special: List[int] = List(Int()).tag(sync=True)
    """Indices of the special tokens (CLS, SEP, …). From the kernel."""

    picture = Dict().tag(sync=True)
    """A vision model's patches and image: {"grid": (rows, columns), "first", "image"}, the image as
    bytes, (height, width) or (height, width, 3), at most `shown.IMAGE_SIDE` wide and high, or
    None; empty for other models. From the kernel."""

    blocks: List[str] = List(Unicode()).tag(sync=True)
    """What the blocks of an encoder-decoder are called; empty where they are layers 1, 2, …
    From the kernel."""

    produced: List[str | None] = List().tag(sync=True)
    """For generated text, what each token's state produced, None in the prompt; empty for other
    texts. From the kernel."""

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

    shown_comparison = Dict().tag(sync=True)
    """The two compared pictures: {"a": {"matrix", "trace"}, "b": {"matrix", "trace"}}, in the
    forms of `shown_matrix` and `shown_trace`; empty without a comparison. From the kernel."""

    words = Dict().tag(sync=True)
    """Which tokens make up which word: {"labels", "of_token"}. From the kernel."""

    head_maps = Dict().tag(sync=True)
    """All heads, small: `HeadMaps` in `model.ts` lists the entries; empty until the overview is
    unfolded. From the kernel."""

    head_shares = Dict().tag(sync=True)
    """What each head carries of the selection: {"levels", "shares"}, (blocks, heads); empty until
    the overview is unfolded. From the kernel."""

    note = Unicode("").tag(sync=True)
    """What was made up for the numbers: rows left without mass that read themselves. From the
    kernel."""

    progress = Dict().tag(sync=True)
    """Work in progress: {"text", "fraction"}, or empty. From the kernel."""

    error = Unicode("").tag(sync=True)
    """One sentence about the last mistake, or "". From the kernel; the browser clears it."""
