"""The charts of shares: bars of relevance, and lines over the residual."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .chartdata import residual_curves, spread, strongest
from .chartparts import (
    BLUE,
    FIFTHS,
    GREY,
    HEIGHT,
    INK,
    INK_2,
    Link,
    bq,
    make_axis,
    make_figure,
    percent,
    put,
    selection_name,
    takes_long,
    token_label,
    token_labels,
)

if TYPE_CHECKING:
    import threading

    from .analysis import Analysis, Relevance
    from .selection import Selection
    from .settings import Settings
    from .widget import AttentionWidget


class RelevanceChart:
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
        return settings.method == "flow" and takes_long(analysis)

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        cancel: threading.Event | None,
    ) -> None:
        """Show one state of the widget; `cancel` drops it."""
        attention = analysis.attention
        settings = replace(settings, baseline=None)  # shares, whatever the widget makes of them
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


class ResidualSweep:
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
        """Show one state of the widget; `cancel` drops it."""
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
