"""A still picture of what a widget shows: for notebooks that are read without a kernel.

The sentence, the token graph and the matrix as SVG, drawn in Python so that a notebook that never
met a browser has one too. It is a picture alone: `save_svg` and `save_html` are what to publish.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

import numpy as np

from . import flow
from .phrases import facts, finding, percent, token_label
from .stillparts import (
    HAIR,
    INK,
    INK_2,
    PILL,
    codes_of,
    color_scale,
    label,
    level_name,
    plain_text,
    png,
    pooled,
    ribbons,
    seq,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .analysis import Analysis, Float, Relevance
    from .attention import Attention
    from .selection import Selection
    from .settings import Settings

WIDTH, PAD, TOP, HEIGHT = 960, 16, 88, 384
LEFT, BARS = 208, 88  # of the lowest level; where the bars beside the inputs end
MATRIX = 300  # px, at most
MOST_TOKENS = 640
"""Longer texts get no still picture: it would be slow and show little."""
STRONG = 0.04
"""From this share on a token's label is bold."""
FLOW_AT_ONCE = 128
"""Up to this many tokens a row of flow is computed for the picture, once the engine is there."""

_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"


def still(analysis: Analysis, settings: Settings, selection: Selection) -> tuple[str, str]:
    """Draw one state of a widget.

    Returns
    -------
    (str, str)
        The sentence, and the picture as SVG.
    """
    attention = analysis.attention
    relevance = _relevance(analysis, settings, selection)
    sentence = finding(attention, settings, selection, relevance)
    picture = _Picture(analysis, settings, selection, relevance)
    return sentence, picture.svg(sentence)


def as_html(sentence: str, svg: str) -> str:
    """Put a picture and its sentence into HTML; the sentence stays where images are taken out."""
    words = html.escape(sentence)
    encoded = base64.b64encode(svg.encode("utf-8", "replace")).decode()
    return (
        f'<figure style="margin:0"><img alt="{words}" width="{WIDTH}" style="max-width:100%"\n'
        f'src="data:image/svg+xml;base64,{encoded}">\n'
        f"<figcaption>{words}. <small>A still picture of when the cell ran: run it again, "
        "or open the notebook where its widgets are shown, to explore.</small></figcaption>"
        "</figure>"
    )


def _relevance(analysis: Analysis, settings: Settings, selection: Selection) -> Relevance | None:
    """What the sentence is about; of a flow only what is quick."""
    if settings.method == "flow" and analysis.known_flow(settings) is None:
        quick = flow.ready() and analysis.attention.n_tokens <= FLOW_AT_ONCE
        if not quick or selection.empty:
            return None
    return analysis.relevance(settings, selection)


class _Picture:
    """The parts of one picture; each yields SVG elements."""

    def __init__(
        self,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        relevance: Relevance | None,
    ) -> None:
        self.analysis, self.settings, self.selection = analysis, settings, selection
        self.attention: Attention = analysis.attention
        self.relevance = relevance
        self.n = self.attention.n_tokens
        self.pitch = min(21.0, HEIGHT / self.n)
        self.height = self.pitch * self.n
        self.size = min(MATRIX, self.height)
        self.right = WIDTH - PAD - MATRIX - 96
        # A flow is compared with the largest one of its row, a share with the whole.
        top = 0.0 if relevance is None else float(relevance.values.max())
        self.strong = 0.5 * top if settings.method == "flow" else STRONG
        self.labels = [token_label(token) for token in self.attention.tokens]
        self.special = set(self.attention.special)

    def svg(self, sentence: str) -> str:
        """Put the picture together."""
        bottom = TOP + self.height + 48
        body = "".join([*self._heading(sentence), *self._graph(), *self._tokens(), *self._matrix()])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom:.0f}" '
            f'viewBox="0 0 {WIDTH} {bottom:.0f}" font-family="{_FONT}" font-size="12" role="img">'
            f"<title>{plain_text(sentence)}</title>"
            f'<rect width="100%" height="100%" rx="6" fill="#fff"/>{body}</svg>'
        )

    def _y(self, token: int) -> float:
        return TOP + self.pitch * (token + 0.5)

    def _x(self, level: int) -> float:
        start, stop = self.settings.levels
        return LEFT + (self.right - LEFT) * (level - start) / max(1, stop - start)

    def _heading(self, sentence: str) -> Iterator[str]:
        main, _, aside = sentence.partition(" \u00b7 ")
        more = (
            f'<tspan fill="{INK_2}" font-weight="400"> \u00b7 {plain_text(aside)}</tspan>'
            if aside
            else ""
        )
        yield (
            f'<text x="{PAD}" y="28" font-size="15" font-weight="600" fill="{INK}">'
            f"{plain_text(main)}{more}</text>"
        )
        yield label(PAD, 47, facts(self.settings), INK_2, size=11)

    def _graph(self) -> Iterator[str]:
        start, stop = self.settings.levels
        foot = TOP + self.height
        for level in range(start, stop + 1):
            x = self._x(level)
            yield f'<path d="M{x:.1f} {TOP}V{foot:.1f}" stroke="{HAIR}"/>'
            name = "input" if level == 0 else f"layer {level}" if level == stop else str(level)
            yield label(x, TOP - 10, name, INK_2, anchor="middle", size=11)
        blocks, nodes = self._mass()
        wide = (1.15 if self.n <= 64 else 26 / self.pitch) * self.pitch
        for block, (shares, cut) in enumerate(blocks):
            ends = self._x(self.selection.start + block), self._x(self.selection.start + block + 1)
            yield from ribbons(ends, shares, cut, wide, self._y)
        least = 1.7 if self.n <= 64 else 0.9
        for step, masses in enumerate(nodes):
            x = self._x(self.selection.start + step)
            for token in np.flatnonzero(masses > max(0.002, 0.6 / self.n if self.n > 64 else 0)):
                radius = max(least, float(masses[token]) * wide / 2)
                fill = seq(0.5 + 0.5 * min(1.0, float(masses[token]) / 0.4) ** 0.5)
                yield (
                    f'<circle cx="{x:.1f}" cy="{self._y(int(token)):.1f}" r="{radius:.1f}" '
                    f'fill="{fill}"/>'
                )

    def _mass(self) -> tuple[list[tuple[Float, Float | None]], list[Float]]:
        """Shares of the edges of each block with what of them is cut, and of the nodes."""
        settings, selection = self.settings, self.selection
        pair = selection.sources is not None and selection.sinks is not None
        if settings.method == "flow" and pair:
            if self.relevance is None:
                return [], []
            path = self.analysis.flow_path(settings, selection)
            cut = np.zeros(path.edges.shape)
            for block, query, key in path.cut:
                cut[block, query, key] = 1
            edges = path.edges
            cuts: list[Float | None] = list(cut)
        else:
            maps = self.analysis.between(settings, selection)
            down, up = self.analysis.masses(settings, selection)
            edges = down[1:, :, None] * maps * up[:-1, None, :]
            cuts = [None] * len(maps)
        totals = np.maximum(edges.sum(axis=(1, 2)), 1e-12)
        shares = edges / totals[:, None, None]
        nodes = [shares[0].sum(axis=0), *shares.sum(axis=2)]
        return list(zip(shares, cuts, strict=True)), nodes

    def _tokens(self) -> Iterator[str]:
        values = None if self.relevance is None else self.relevance.values
        weights = np.zeros(self.n) if values is None else values
        forward = self.selection.forward
        named = self._named(weights)
        inputs = self.selection.sinks or ()
        outputs = self.selection.sources or ()
        for x, anchor, chosen, of_figures in (
            (LEFT - 18, "end", inputs, not forward),
            (self.right + 18, "start", outputs, forward),
        ):
            for token in range(self.n):
                if token not in chosen and (token not in named or self._crowded(token, chosen)):
                    continue
                strong = token in chosen or (of_figures and float(weights[token]) >= self.strong)
                yield label(
                    x,
                    self._y(token) + 4,
                    self.labels[token],
                    PILL if token in chosen else INK if strong else INK_2,
                    anchor=anchor,
                    size=10.5 if token in self.special else 12.0 if self.pitch >= 13 else 10.5,
                    bold=strong,
                )
        if values is not None and not forward:
            yield from self._bars(values, named)

    def _crowded(self, token: int, chosen: tuple[int, ...]) -> bool:
        """Whether a label would touch that of a chosen token."""
        return self.pitch < 11 and any(abs(token - one) * self.pitch < 13 for one in chosen)

    def _bars(self, values: Float, named: set[int]) -> Iterator[str]:
        """A bar beside each input, with its figure where there is room."""
        as_flow = self.settings.method == "flow"
        yield label(BARS, TOP - 10, "flow" if as_flow else "share, %", INK_2, anchor="end", size=11)
        top = max(float(values.max()), 1e-12)
        for token, value in enumerate(values.tolist()):
            y, length = self._y(token), 40 * value / top
            if length >= 0.4:
                yield (
                    f'<rect x="{BARS - length:.1f}" y="{y - min(3.0, self.pitch * 0.4):.1f}" '
                    f'width="{length:.1f}" height="{min(6.0, self.pitch * 0.8):.1f}" '
                    f'fill="{seq(0.35 + 0.5 * value / top)}"/>'
                )
            if token in named:
                figure = f"{value:.2f}" if as_flow else percent(value).partition("\u00a0")[0]
                x = BARS - length - 5
                ink = INK if value >= self.strong else INK_2
                yield label(x, y + 3.5, figure, ink, anchor="end", size=10.5)

    def _named(self, weights: Float) -> set[int]:
        """The tokens whose labels have room: the strongest first."""
        if self.pitch >= 11:
            return set(range(self.n))
        kept: list[int] = []
        for token in np.argsort(-weights, kind="stable").tolist():
            if all(abs(token - other) * self.pitch >= 13 for other in kept):
                kept.append(token)
            if len(kept) == 14:
                break
        return set(kept)

    def _matrix(self) -> Iterator[str]:
        x, width, height = WIDTH - PAD - MATRIX, self.size, self.height
        settings = self.settings
        if settings.method == "flow" and self.analysis.known_flow(settings) is None:
            yield (
                f'<rect x="{x}" y="{TOP}" width="{width:.1f}" height="{height:.1f}" '
                f'fill="{seq(0)}"/>'
            )
            what = "flow of all pairs: not computed yet"
            yield label(x + width / 2, TOP + height / 2, what, INK_2, anchor="middle", size=11)
            return
        values = self.analysis.matrix(settings)
        knee, top = color_scale(values, self.special)
        image = png(codes_of(pooled(values), knee, top))
        yield (
            f'<image x="{x}" y="{TOP}" width="{width:.1f}" height="{height:.1f}" '
            'preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{image}"/>'
        )
        if self.selection.stop == settings.levels[1]:
            for token in self.selection.sources or ():
                yield (
                    f'<rect x="{x - 1}" y="{TOP + self.pitch * token - 0.5:.1f}" '
                    f'width="{width + 2:.1f}" height="{self.pitch + 1:.1f}" rx="1.5" fill="none" '
                    f'stroke="{PILL}" stroke-width="1.5"/>'
                )
        start, stop = self.analysis.matrix_levels(settings)
        ends = f"rows: {level_name(stop)}, columns: {level_name(start)}"
        yield label(x, TOP - 10, ends, INK_2, size=11)
        yield from self._legend(x, TOP + height + 14, knee, top)

    def _legend(self, x: float, y: float, knee: float, top: float) -> Iterator[str]:
        steps, step_width = 40, 3.6
        for step in range(steps):
            yield (
                f'<rect x="{x + step * step_width:.1f}" y="{y:.1f}" width="{step_width + 0.3}" '
                f'height="7" fill="{seq((step + 0.5) / steps)}"/>'
            )
        as_flow = self.settings.method == "flow"
        wide = steps * step_width
        for t, value, anchor in ((0.0, 0.0, "start"), (0.74, knee, "middle"), (1.0, top, "middle")):
            text = f"{value:.3g}" if as_flow else f"{100 * value:.3g}"
            yield label(x + wide * t, y + 19, text, INK_2, anchor=anchor, size=10)
        what = "flow of a pair" if as_flow else "share of an output token, %"
        yield label(x + wide + 14, y + 7, what, INK_2, size=10.5)
