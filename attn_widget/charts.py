"""bqplot figures that follow a widget, and that the widget follows.

Each function takes an `AttentionWidget` and returns a `bqplot.Figure`. The figure shows the
widget's selection and settings from then on, until either of the two is closed; what is clicked,
brushed or dragged in it is set on the widget.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import flow
from .chartdata import head_figures, residual_curves, spread, strongest
from .chartparts import (
    BLUE,
    GREY,
    HEIGHT,
    INK,
    INK_2,
    ORANGE,
    Link,
    bq,
    check_widget,
    make_axis,
    make_figure,
    percent,
    put,
    selection_name,
    token_label,
    token_labels,
)

if TYPE_CHECKING:
    import threading

    from .analysis import Analysis, Relevance
    from .selection import Selection
    from .settings import Settings
    from .widget import AttentionWidget

__all__ = ["flow_chart", "head_chart", "relevance_chart", "residual_sweep"]

FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]

_FLOW_INLINE = 24
"""Up to this many tokens a flow is computed at once; above, by a thread."""


def relevance_chart(widget: AttentionWidget) -> bq.Figure:
    """Draw `widget.relevance` as bars, one a token.

    Click a bar to select that token at the output level, Ctrl-click or Shift-click for more. Click
    "Brush", then drag over bars, to select them all as a set. A click beside the bars selects
    nothing.

    Parameters
    ----------
    widget : AttentionWidget

    Returns
    -------
    bqplot.Figure
        Shares in per cent; with flow, flow in thousandths of its largest possible value, 1. Bars of
        special tokens are grey.

    Raises
    ------
    AttentionError
        For anything else than an open widget.
    """
    return _RelevanceChart(check_widget(widget, "relevance_chart")).figure


def residual_sweep(widget: AttentionWidget) -> bq.Figure:
    """Draw how the rollout of the selection moves with the residual, from 0 to 1.

    One line a token, the strongest ones; the vertical line is `widget.residual`: drag its knob.
    The curves are exact, evaluated from the polynomial that a rollout is in a residual that all
    layers share. With one residual a layer there is no such point, and the line is hidden. The
    selected token itself leaves the frame: at residual 1 it keeps everything.

    Parameters
    ----------
    widget : AttentionWidget

    Returns
    -------
    bqplot.Figure

    Raises
    ------
    AttentionError
        For anything else than an open widget.
    """
    return _ResidualSweep(check_widget(widget, "residual_sweep")).figure


def head_chart(widget: AttentionWidget) -> bq.Figure:
    """Draw the entropy (bits) and the mean attention distance (tokens) of every head, by layer.

    Click a head to show it alone (`widget.heads`), once more to show the mean of all again. The
    heads on show are filled.

    Parameters
    ----------
    widget : AttentionWidget

    Returns
    -------
    bqplot.Figure

    Raises
    ------
    AttentionError
        For anything else than an open widget.
    """
    return _HeadChart(check_widget(widget, "head_chart")).figure


def flow_chart(widget: AttentionWidget) -> bq.Figure:
    """Draw the flow of the selected row against its trivial bound, min(out, in).

    A pair on the diagonal meets its bound: the value is that of one end alone and says nothing
    about the pair. Below the diagonal, flow speaks. Click a point to select its pair. With nothing
    selected there is no row, and no point.

    Parameters
    ----------
    widget : AttentionWidget
        Of any method: the flow is that of its levels, heads and residual.

    Returns
    -------
    bqplot.Figure

    Raises
    ------
    AttentionError
        For anything else than an open widget.
    """
    return _FlowChart(check_widget(widget, "flow_chart")).figure


class _RelevanceChart:
    """Bars of relevance; the bars' own selection is the widget's."""

    def __init__(self, widget: AttentionWidget) -> None:
        self.x, self.y = bq.OrdinalScale(), bq.LinearScale(min=0)
        self.bars = bq.Bars(
            x=[],
            y=[],
            scales={"x": self.x, "y": self.y},
            colors=[BLUE],
            padding=0.25,
            stroke="transparent",
            interactions={"click": "select", "hover": "tooltip"},
            selected_style={"stroke": INK, "stroke-width": "1.75px"},
            tooltip=bq.Tooltip(
                fields=["x", "y"], labels=["token", "share, %"], formats=["", ".2f"]
            ),
        )
        self.brush = bq.interacts.BrushIntervalSelector(
            scale=bq.LinearScale(min=0, max=1), marks=[self.bars], color=BLUE
        )
        unit = bq.LinearScale(min=0, max=1)
        scales = {"x": unit, "y": unit}
        caption = bq.Label(
            x=[1],
            y=[1],
            scales=scales,
            text=["Brush"],
            align="end",
            y_offset=-21,
            apply_clip=False,
            colors=[BLUE],
            default_size=12,
        )
        # A text takes no clicks, a point does: an invisible one lies over it.
        self.button = bq.Scatter(
            x=[0.97],
            y=[1.1],
            scales=scales,
            colors=["transparent"],
            apply_clip=False,
            marker="square",
            default_size=800,
            interactions={"click": "element"},
        )
        self.tokens = make_axis(self.x, "", tick_rotate=-52, tick_style={"text-anchor": "end"})
        self.shares = make_axis(self.y, "Share, %", side="left", grid_lines="solid")
        self.figure = make_figure(
            [self.bars, caption, self.button], [self.tokens, self.shares], fig_margin={"bottom": 72}
        )
        self._attention: Any = None
        self._showing = False
        self.link = Link(widget, self.figure, self.draw, self._slow)
        self.figure.link = self.link
        self.bars.observe(self._on_selected, "selected")
        self.button.on_element_click(self._on_button)
        self.brush.observe(self._on_brushing, "brushing")

    @staticmethod
    def _slow(analysis: Analysis, settings: Settings) -> bool:
        return settings.method == "flow" and _takes_long(analysis)

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        cancel: threading.Event | None,
    ) -> None:
        attention = analysis.attention
        if settings.method == "flow" and selection.empty and cancel is not None:
            _ = self.link.widget.matrix  # waits: it is computing these very numbers
        watch = {"cancel": cancel} if settings.method == "flow" else {}
        found = analysis.relevance(settings, selection, **watch)
        if cancel is not None and cancel.is_set():
            return
        as_flow = settings.method == "flow"
        values = found.values if as_flow else 100 * found.values
        self.shares.label = "Flow, of at most 1" if as_flow else "Share, %"
        self.bars.tooltip.labels = ["token", "flow" if as_flow else "share, %"]
        self.bars.tooltip.formats = ["", ".3f" if as_flow else ".2f"]
        marked = selection.sinks if selection.forward else selection.sources
        self._showing = True
        self.y.max = 1.06 * max(float(values.max()), 1e-6)
        try:
            if self._attention is not attention:
                self._attention = attention
                self._name_tokens(attention)
            put(
                self.bars,
                x=self._labels,
                y=values,
                selected=None if marked is None else np.array(marked, dtype=np.uint32),
            )
        finally:
            self._showing = False
        self.figure.title = _finding(analysis, selection, found, as_flow=as_flow)

    def _name_tokens(self, attention: Any) -> None:
        self._labels = token_labels(attention)
        special = set(attention.special)
        colors = [GREY if token in special else BLUE for token in range(attention.n_tokens)]
        put(self.bars, color_mode="group", colors=colors)
        self.x.domain = self._labels
        step = -(-attention.n_tokens // 40)
        self.tokens.tick_values = self._labels[::step]

    def _on_selected(self, change: dict[str, Any]) -> None:
        if self._showing or self.link.widget.showing is None:
            return
        chosen = change["new"]
        tokens = [] if chosen is None else [int(token) for token in np.ravel(chosen)]
        stop = self.link.widget.levels[1]
        self.link.choose(selected=[(stop, token) for token in tokens])

    def _on_button(self, *_: Any) -> None:
        self.figure.interaction = None if self.figure.interaction else self.brush

    def _on_brushing(self, change: dict[str, Any]) -> None:
        # One brush at a time: while it is on, it would swallow the clicks on bars.
        if change["old"] and not change["new"]:
            self.figure.interaction = None


class _ResidualSweep:
    """Lines over the residual, and a knob that is the residual."""

    residuals = np.linspace(0, 1, 101)

    def __init__(self, widget: AttentionWidget) -> None:
        self.x, self.y = bq.LinearScale(min=0, max=1), bq.LinearScale(min=0, max=1)
        unit = bq.LinearScale(min=0, max=1)
        self.lines = bq.Lines(
            x=self.residuals, y=[], scales={"x": self.x, "y": self.y}, stroke_width=2
        )
        self.ends = bq.Label(
            x=[],
            y=[],
            text=[],
            scales={"x": self.x, "y": self.y},
            align="end",
            x_offset=-8,
            apply_clip=False,
            default_size=11,
            font_weight="normal",
        )
        self.cursor = bq.Lines(
            x=[0, 0], y=[0, 1], scales={"x": self.x, "y": unit}, colors=[INK_2], stroke_width=1.25
        )
        self.knob = bq.Scatter(
            x=[0],
            y=[1],
            scales={"x": self.x, "y": unit},
            colors=[INK],
            marker="circle",
            default_size=110,
            enable_move=True,
            restrict_x=True,
            update_on_move=True,
            apply_clip=False,
        )
        across = make_axis(self.x, "Residual share", tick_values=FIFTHS, label_offset="32px")
        self.up = make_axis(
            self.y,
            "Share, %",
            side="right",
            grid_lines="solid",
        )
        self.figure = make_figure(
            [self.lines, self.ends, self.cursor, self.knob],
            [across, self.up],
            fig_margin={"left": 116, "right": 56},
        )
        self._drawn: Any = None
        self._moving = False
        self.link = Link(widget, self.figure, self.draw)
        self.figure.link = self.link
        self.knob.observe(self._on_knob, "x")

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        _cancel: threading.Event | None,
    ) -> None:
        key = (analysis, settings.fusion, selection)
        if key != self._drawn:
            self._drawn = key
            self._draw_lines(analysis, settings, selection)
        shared = not isinstance(settings.residual, tuple)
        self.cursor.visible = self.knob.visible = shared
        if not isinstance(settings.residual, tuple):
            residual = settings.residual
            self.cursor.x = [residual, residual]
            if abs(float(self.knob.x[0]) - residual) > 0.0051:  # not while it is in the hand
                self._moving = True
                try:
                    self.knob.x = [residual]
                finally:
                    self._moving = False

    def _draw_lines(self, analysis: Analysis, settings: Settings, selection: Selection) -> None:
        attention = analysis.attention
        curves = 100 * residual_curves(analysis, settings, selection, self.residuals)
        own = (selection.sinks if selection.forward else selection.sources) or ()
        words = np.ones(attention.n_tokens, dtype=bool)
        words[[*attention.special, *own]] = False
        tokens = strongest(curves, words, 5)
        if len(own) == 1 and own[0] not in tokens:
            tokens = [own[0], *tokens]
        # Words set the scale; what CLS, SEP or the token itself holds may leave the frame.
        scaling = [token for token in tokens if words[token]] or tokens
        top = max(1.3 * float(curves[:, scaling].max()), 1e-3)
        special = set(attention.special)
        rank = {token: place for place, token in enumerate(t for t in tokens if words[t])}
        colors = [INK_2 if t in own else GREY if t in special else BLUE for t in tokens]
        opacities = [1 - 0.12 * rank.get(token, 0) for token in tokens]
        self.y.max = top
        labels = [
            f"{token_label(attention.tokens[t], 10)} {percent(curves[0, t] / 100)}" for t in tokens
        ]
        gap = 14 * top / (HEIGHT - 90)
        heights = spread([min(float(curves[0, t]), top) for t in tokens], gap, 0, top)
        put(self.lines, y=curves[:, tokens].T, colors=colors, opacities=opacities)
        put(self.ends, x=[0.0] * len(tokens), y=heights, text=labels, colors=colors)
        self.figure.title = f"Rollout of {selection_name(attention, selection)}, by residual"

    def _on_knob(self, change: dict[str, Any]) -> None:
        if self._moving:
            return
        residual = round(min(1.0, max(0.0, float(np.ravel(change["new"])[0]))), 2)
        self.link.choose(residual=residual)


class _HeadChart:
    """Two panels side by side, each with an axis of its own."""

    def __init__(self, widget: AttentionWidget) -> None:
        self.x = bq.LinearScale(min=0, max=1)
        self.bits, self.apart = bq.LinearScale(min=0), bq.LinearScale(min=0)
        self.entropy = self._dots(self.bits, "entropy, bits")
        self.distance = self._dots(self.apart, "distance, tokens")
        self.across = make_axis(self.x, "Layer", label_offset="32px")
        left = make_axis(self.bits, "Entropy, bits", side="left", grid_lines="none")
        right = make_axis(self.apart, "Mean distance, tokens", side="right")
        self.figure = make_figure(
            [self.entropy, self.distance], [self.across, left, right], fig_margin={"right": 56}
        )
        self._attention: Any = None
        self.link = Link(widget, self.figure, self.draw, self._slow)
        self.figure.link = self.link
        for dots in (self.entropy, self.distance):
            dots.on_element_click(self._on_click)

    def _dots(self, scale: bq.Scale, label: str) -> bq.Scatter:
        return bq.Scatter(
            x=[],
            y=[],
            names=[],
            display_names=False,
            scales={"x": self.x, "y": scale},
            colors=[BLUE],
            default_size=34,
            interactions={"hover": "tooltip", "click": "element"},
            tooltip=bq.Tooltip(fields=["name", "y"], labels=["", label], formats=["", ".2f"]),
        )

    def _slow(self, analysis: Analysis, _settings: Settings) -> bool:
        return self._attention is not analysis.attention and analysis.attention.weights.size > 4e6

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        _selection: Selection,
        cancel: threading.Event | None,
    ) -> None:
        attention = analysis.attention
        if self._attention is not attention:
            figures = head_figures(attention)
            if cancel is not None and cancel.is_set():
                return
            self._attention = attention
            self._place(attention, figures)
        picked = _picked_heads(settings, attention.n_heads)
        opacities = [
            (1.0 if head in picked else 0.22)
            if settings.levels[0] <= layer < settings.levels[1]
            else 0.08
            for layer in range(attention.n_layers)
            for head in range(attention.n_heads)
        ]
        for dots in (self.entropy, self.distance):
            dots.opacities = opacities
        if len(picked) == 1:
            self.figure.title = f"Head {picked[0]} among all heads"
        else:
            self.figure.title = "How widely and how far each head reads"

    def _place(self, attention: Any, figures: Any) -> None:
        layers, heads = attention.n_layers, attention.n_heads
        offset = (np.arange(heads) - (heads - 1) / 2) / max(1, heads) * 0.62
        x = (np.arange(1, layers + 1)[:, None] + offset).ravel()
        shift = layers + 0.9
        names = [f"{name}, head {head}" for name in attention.blocks for head in range(heads)]
        put(self.x, min=0.4, max=2 * layers + 1.4)
        put(self.entropy, x=x, y=figures.entropy.ravel(), names=names)
        put(self.distance, x=x + shift, y=figures.distance.ravel(), names=names)
        self.bits.max = 1.06 * max(float(figures.entropy.max()), 1.0)
        self.apart.max = 1.06 * max(float(figures.distance.max()), 1.0)
        step = -(-layers // 12)
        numbers = range(1, layers + 1, step)
        ticks = {float(n): str(n) for n in numbers} | {n + shift: str(n) for n in numbers}
        put(self.across, tick_values=list(ticks), tick_labels=ticks)

    def _on_click(self, _mark: Any, content: dict[str, Any]) -> None:
        if self._attention is None:
            return
        head = int(content["data"]["index"]) % self._attention.n_heads
        alone = self.link.widget.heads in (head, [head])
        self.link.choose(heads="mean" if alone else head)


class _FlowChart:
    """One point a pair of the selected row; the diagonal is the bound."""

    def __init__(self, widget: AttentionWidget) -> None:
        self.x, self.y = bq.LinearScale(min=0, max=1), bq.LinearScale(min=0, max=1)
        scales = {"x": self.x, "y": self.y}
        self.diagonal = bq.Lines(
            x=[0, 1], y=[0, 1], scales=scales, colors=[ORANGE], stroke_width=1.5
        )
        self.points = bq.Scatter(
            x=[],
            y=[],
            names=[],
            display_names=False,
            scales=scales,
            colors=[BLUE],
            default_size=44,
            interactions={"hover": "tooltip", "click": "element"},
            tooltip=bq.Tooltip(
                fields=["name", "y", "x"],
                labels=["", "flow", "bound"],
                formats=["", ".3f", ".3f"],
            ),
        )
        self.names = bq.Label(
            x=[],
            y=[],
            text=[],
            scales=scales,
            colors=[INK_2],
            default_size=11,
            font_weight="normal",
            align="end",
            x_offset=-8,
        )
        across = make_axis(
            self.x,
            "Trivial bound, min(out, in)",
            grid_lines="solid",
            tick_values=FIFTHS,
            label_offset="32px",
        )
        up = make_axis(self.y, "Flow", side="left", grid_lines="solid", tick_values=FIFTHS)
        self.figure = make_figure([self.diagonal, self.points, self.names], [across, up])
        self._pairs: list[list[tuple[int, int]]] = []
        self.link = Link(widget, self.figure, self.draw, self._slow)
        self.figure.link = self.link
        self.points.on_element_click(self._on_click)

    @staticmethod
    def _slow(analysis: Analysis, _settings: Settings) -> bool:
        return _takes_long(analysis)

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        cancel: threading.Event | None,
    ) -> None:
        attention = analysis.attention
        if selection.empty:
            self._pairs = []
            put(self.points, x=[], y=[], names=[])
            put(self.names, x=[], y=[], text=[])
            self.figure.title = "Flow against its bound: select a token"
            return
        if cancel is not None:
            self.figure.title = f"{selection_name(attention, selection)}: computing its flow \u2026"
        found = analysis.relevance(replace(settings, method="flow"), selection, cancel=cancel)
        if cancel is not None and cancel.is_set():
            return
        assert found.bound is not None
        assert found.binding is not None
        self._pairs = _pairs(selection, attention.n_tokens)
        interior = found.binding == flow.BINDINGS.index("interior")
        bound = found.bound > 0
        ends = selection.sinks if not selection.forward else selection.sources
        names = [
            f"{token_label(token)}: {_limit(flow.BINDINGS[code])}"
            for token, code in zip(attention.tokens, found.binding, strict=True)
        ]
        put(
            self.points,
            x=found.bound,
            y=found.values,
            names=names,
            colors=[BLUE if free else ORANGE for free in interior],
            opacities=[0.9 if free else 0.55 for free in interior],
            selected=None if ends is None else np.array(ends, dtype=np.uint32),
        )
        room = found.bound - found.values
        speaking = [t for t in np.argsort(-found.values) if interior[t]][:8]
        order = sorted(speaking, key=lambda t: -float(room[t]))
        chosen = _apart([(float(found.bound[t]), float(found.values[t]), int(t)) for t in order])
        put(
            self.names,
            x=[x for x, _, _ in chosen],
            y=[y for _, y, _ in chosen],
            text=[token_label(attention.tokens[t]) for _, _, t in chosen],
        )
        held = int((bound & ~interior).sum())
        who = selection_name(attention, selection)
        if held == 0:
            self.figure.title = f"{who}: no flow sits on its bound, all of them speak"
        else:
            self.figure.title = f"{who}: {held} of {int(bound.sum())} flows sit on their bound"

    def _on_click(self, _mark: Any, content: dict[str, Any]) -> None:
        index = int(content["data"]["index"])
        if index < len(self._pairs):
            self.link.choose(selected=self._pairs[index])


def _takes_long(analysis: Analysis) -> bool:
    """Whether one row of flow may: a long text, or an engine that is not compiled yet."""
    return analysis.attention.n_tokens > _FLOW_INLINE or not flow.ready()


def _finding(analysis: Analysis, selection: Selection, found: Relevance, *, as_flow: bool) -> str:
    """Say what the bars show: from which word the selection draws most."""
    attention = analysis.attention
    own = (selection.sinks if selection.forward else selection.sources) or ()
    words = [t for t in range(attention.n_tokens) if t not in {*attention.special, *own}]
    who = selection_name(attention, selection)
    if not words:
        return who
    top = max(words, key=lambda token: float(found.values[token]))
    value = float(found.values[top])
    token = f"\u2018{token_label(attention.tokens[top])}\u2019"
    figure = f"{value:.2f}" if as_flow else percent(value)
    if selection.forward:
        return f"{who} reaches {token} most, {figure}"
    if as_flow:
        return f"{who} can draw {figure} from {token}"
    return f"{who} draws {figure} from {token}"


def _picked_heads(settings: Settings, n_heads: int) -> list[int]:
    heads = settings.heads
    if isinstance(heads, int):
        return [heads]
    if isinstance(heads, tuple):
        return [int(head) for head in heads]
    return list(range(n_heads))


def _pairs(selection: Selection, n_tokens: int) -> list[list[tuple[int, int]]]:
    """The selection that each point stands for: the row's end, and one token at the other."""
    if selection.forward:
        lower = [(selection.start, token) for token in selection.sinks or ()]
        return [[(selection.stop, token), *lower] for token in range(n_tokens)]
    upper = [(selection.stop, token) for token in selection.sources or ()]
    return [[*upper, (selection.start, token)] for token in range(n_tokens)]


def _limit(binding: str) -> str:
    return {
        "interior": "limited in between",
        "source": "on the bound of the output",
        "sink": "on the bound of the input",
        "both": "on both bounds",
        "none": "no path",
    }[binding]


def _apart(points: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Keep the points whose names have room beside each other."""
    kept: list[tuple[float, float, int]] = []
    for x, y, token in points:
        if all(abs(y - other_y) > 0.06 or abs(x - other_x) > 0.16 for other_x, other_y, _ in kept):
            kept.append((x, y, token))
    return kept
