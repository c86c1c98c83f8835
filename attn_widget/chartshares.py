"""The chart of shares: bars of relevance, which select."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .chartdata import round_ticks
from .chartparts import (
    BLUE,
    GREY,
    INK,
    TOOLTIP,
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


_MOST_LABELS = 32
"""Tokens that have room for their names under the bars; of more, every second or third."""


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
            tooltip_style=TOOLTIP,
            tooltip=bq.Tooltip(
                fields=["x", "y"], labels=["token", "share, %"], formats=["", ".2f"]
            ),
        )
        self.brush = bq.interacts.BrushIntervalSelector(
            scale=bq.LinearScale(min=0, max=1), marks=[self.bars], color=BLUE
        )
        unit = bq.LinearScale(min=0, max=1)
        scales = {"x": unit, "y": unit}
        self.caption = bq.Label(
            x=[1],
            y=[1],
            scales=scales,
            text=["Brush"],
            align="end",
            y_offset=-34,
            apply_clip=False,
            colors=[BLUE],
            default_size=12,
        )
        # A text takes no clicks, a point does: an invisible one lies over it.
        self.button = bq.Scatter(
            x=[0.97],
            y=[1.17],
            scales=scales,
            colors=["transparent"],
            apply_clip=False,
            marker="square",
            default_size=800,
            interactions={"click": "element"},
        )
        self.tokens = make_axis(self.x, "", tick_rotate=-52, tick_style={"text-anchor": "end"})
        self.shares = make_axis(
            self.y, "Share, %", side="left", grid_lines="solid", label_offset="38px"
        )
        self.figure = make_figure(
            [self.bars, self.caption, self.button],
            [self.tokens, self.shares],
            fig_margin={"bottom": 72},
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
        top = 1.06 * max(float(values.max()), 1e-6)
        self.y.max = top
        self.shares.tick_values = round_ticks(top)
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
        # An ordinal axis of bqplot takes no values of its own, but a number of ticks.
        step = -(-attention.n_tokens // _MOST_LABELS)
        self.tokens.num_ticks = None if step == 1 else attention.n_tokens // step + 1

    def _on_selected(self, change: dict[str, Any]) -> None:
        if self._showing or self.link.widget.showing is None:
            return
        chosen = change["new"]
        if chosen is None and self.figure.interaction is not None and not self.brush.brushing:
            self._keep_selected(change["old"])  # a brush that is taken up selects nothing yet
            return
        tokens = [] if chosen is None else [int(token) for token in np.ravel(chosen)]
        stop = self.link.widget.levels[1]
        self.link.choose(selected=[(stop, token) for token in tokens])

    def _keep_selected(self, chosen: Any) -> None:
        self._showing = True
        try:
            self.bars.selected = chosen
        finally:
            self._showing = False

    def _on_button(self, *_: Any) -> None:
        self._take_brush(taken=self.figure.interaction is None)

    def _on_brushing(self, change: dict[str, Any]) -> None:
        # One brush at a time: while it is on, it would swallow the clicks on bars.
        if change["old"] and not change["new"]:
            self._take_brush(taken=False)

    def _take_brush(self, *, taken: bool) -> None:
        self.figure.interaction = self.brush if taken else None
        self.caption.text = ["Drag over bars" if taken else "Brush"]


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
    who = who[:1].upper() + who[1:]
    figure = f"{value:.2f}" if as_flow else percent(value)
    if selection.forward:
        return f"{who} reaches {token} most, {figure}"
    if as_flow:
        return f"{who} can draw {figure} from {token}"
    return f"{who} draws {figure} from {token}"
