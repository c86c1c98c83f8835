"""The residual sweep: lines over the residual, and a knob that is the residual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .chartdata import residual_curves, round_ticks, spread, strongest
from .chartparts import (
    BLUE,
    FIFTHS,
    GREY,
    HEIGHT,
    INK,
    INK_2,
    TOOLTIP,
    Link,
    bq,
    make_axis,
    make_figure,
    percent,
    put,
    selection_name,
    token_label,
)

if TYPE_CHECKING:
    import threading

    from .analysis import Analysis
    from .selection import Selection
    from .settings import Settings
    from .widget import AttentionWidget


class ResidualSweep:
    """Lines over the residual, and a knob that is the residual."""

    residuals = np.linspace(0, 1, 101)

    def __init__(self, widget: AttentionWidget) -> None:
        self.x, self.y = bq.LinearScale(min=0, max=1), bq.LinearScale(min=0, max=1)
        unit = bq.LinearScale(min=0, max=1)
        self.lines = bq.Lines(
            x=self.residuals,
            y=[],
            scales={"x": self.x, "y": self.y},
            stroke_width=2,
            interactions={"hover": "tooltip"},
            tooltip_style=TOOLTIP,
            tooltip=bq.Tooltip(fields=["name"], labels=[""]),
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
        across = make_axis(self.x, "Residual", tick_values=FIFTHS, label_offset="32px")
        self.up = make_axis(
            self.y, "Share, %", side="right", grid_lines="solid", label_offset="38px"
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
        self.up.tick_values = round_ticks(top)
        labels = [
            f"{token_label(attention.tokens[t], 10)} {percent(curves[0, t] / 100)}" for t in tokens
        ]
        gap = 14 * top / (HEIGHT - 90)
        heights = spread([min(float(curves[0, t]), top) for t in tokens], gap, 0, top)
        peaks = [
            f"{token_label(attention.tokens[t])}: at most {percent(curves[:, t].max() / 100)}, "
            f"at residual {self.residuals[curves[:, t].argmax()]:.2f}"
            for t in tokens
        ]
        put(self.lines, y=curves[:, tokens].T, colors=colors, opacities=opacities, labels=peaks)
        put(self.ends, x=[0.0] * len(tokens), y=heights, text=labels, colors=colors)
        self.figure.title = f"Rollout of {selection_name(attention, selection)}, by residual"

    def _on_knob(self, change: dict[str, Any]) -> None:
        if self._moving:
            return
        residual = round(min(1.0, max(0.0, float(np.ravel(change["new"])[0]))), 2)
        self.link.choose(residual=residual)
