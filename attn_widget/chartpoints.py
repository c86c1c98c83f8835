"""The charts of points: one a head, and one a pair of the selected row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import flow
from .chartdata import head_figures, round_ticks
from .chartparts import (
    BLUE,
    FIFTHS,
    INK_2,
    ORANGE,
    TOOLTIP,
    Link,
    bq,
    make_axis,
    make_figure,
    put,
    selection_name,
    takes_long,
    token_label,
)

if TYPE_CHECKING:
    import threading

    from .analysis import Analysis
    from .selection import Selection
    from .settings import Settings
    from .widget import AttentionWidget


class HeadChart:
    """Two panels side by side, each with an axis of its own."""

    def __init__(self, widget: AttentionWidget) -> None:
        self.x = bq.LinearScale(min=0, max=1)
        self.bits, self.apart = bq.LinearScale(min=0), bq.LinearScale(min=0)
        self.entropy = self._dots(self.bits, "entropy, bits")
        self.distance = self._dots(self.apart, "distance, tokens")
        self.across = make_axis(self.x, "Layer", label_offset="32px")
        self.left = make_axis(self.bits, "Entropy, bits", side="left", label_offset="38px")
        self.right = make_axis(
            self.apart, "Mean distance, tokens", side="right", label_offset="38px"
        )
        self.figure = make_figure(
            [self.entropy, self.distance],
            [self.across, self.left, self.right],
            fig_margin={"right": 52},
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
            tooltip_style=TOOLTIP,
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
        """Show one state of the widget; `cancel` drops it."""
        attention = analysis.attention
        if self._attention is not attention:
            figures = head_figures(attention)
            if cancel is not None and cancel.is_set():
                return
            self._attention = attention
            self._place(attention, figures)
        picked = _picked_heads(settings, attention.n_heads)
        opacities = [
            (1.0 if head in picked else 0.32)
            if settings.levels[0] <= layer < settings.levels[1]
            else 0.14
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
        for axis, values in ((self.left, figures.entropy), (self.right, figures.distance)):
            top = 1.06 * max(float(values.max()), 1.0)
            axis.scale.max = top
            axis.tick_values = round_ticks(top)
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


class FlowChart:
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
            tooltip_style=TOOLTIP,
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
        up = make_axis(
            self.y,
            "Flow",
            side="left",
            grid_lines="solid",
            tick_values=FIFTHS,
            label_offset="38px",
        )
        self.axes = (across, up)
        self.figure = make_figure([self.diagonal, self.points, self.names], list(self.axes))
        self._pairs: list[list[tuple[int, int]]] = []
        self.link = Link(widget, self.figure, self.draw, self._slow)
        self.figure.link = self.link
        self.points.on_element_click(self._on_click)

    @staticmethod
    def _slow(analysis: Analysis, _settings: Settings) -> bool:
        return takes_long(analysis)

    def draw(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        cancel: threading.Event | None,
    ) -> None:
        """Show one state of the widget; `cancel` drops it."""
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
        self._zoom(float(found.values.min()))
        room = found.bound - found.values
        speaking = [t for t in np.argsort(-found.values) if interior[t]][:8]
        order = sorted(speaking, key=lambda t: -float(room[t]))
        chosen = _apart(
            [(float(found.bound[t]), float(found.values[t]), int(t)) for t in order],
            1 - float(self.x.min),
        )
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

    def _zoom(self, least: float) -> None:
        """Leave out the fifths of both axes in which there is no point."""
        low = next(fifth for fifth in reversed(FIFTHS[:-1]) if fifth <= least + 1e-12)
        if low != self.x.min:
            self.x.min = self.y.min = low
            for axis in self.axes:
                axis.tick_values = [tick for tick in FIFTHS if tick >= low]

    def _on_click(self, _mark: Any, content: dict[str, Any]) -> None:
        index = int(content["data"]["index"])
        if index < len(self._pairs):
            self.link.choose(selected=self._pairs[index])


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


def _apart(points: list[tuple[float, float, int]], extent: float) -> list[tuple[float, float, int]]:
    """Keep the points whose names have room beside each other, on axes that long."""
    kept: list[tuple[float, float, int]] = []
    for x, y, token in points:
        if all(
            abs(y - other_y) > 0.06 * extent or abs(x - other_x) > 0.16 * extent
            for other_x, other_y, _ in kept
        ):
            kept.append((x, y, token))
    return kept
