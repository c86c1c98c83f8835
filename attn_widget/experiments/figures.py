"""The experiment's report as bqplot figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from attn_widget.chartdata import spread
from attn_widget.chartparts import BLUE, FIFTHS, GREY, HEIGHT, ORANGE, bq, make_axis, make_figure

from .report import PAPER, best_residuals

if TYPE_CHECKING:
    import pandas as pd

    from .report import Report

_NAMES = {"attention": "Raw attention", "rollout": "Rollout", "flow": "Flow"}
_REFERENCES = {"blank_out": "blank-out", "gradients": "input gradients"}


def level_figures(
    report: Report, reference: str = "blank_out", tokens: str = "text"
) -> ipywidgets.Box:
    """Draw Spearman by level, one figure a method: ours in blue, the paper's in grey.

    Thin lines are single networks. In the figure of flow, the orange line is the agreement of the
    bound alone, min(1, in): where flow comes down to it, flow says nothing else.

    Parameters
    ----------
    report : Report
    reference : {"blank_out", "gradients"}
    tokens : {"text", "all"}
    """
    table = report.table
    mine = table[(table["reference"] == reference) & (table["tokens"] == tokens)]
    bound = mine[mine["method"] == "bound"]["mean"].mean()
    figures: list[Any] = []
    for method, name in _NAMES.items():
        means = mine[mine["method"] == method].pivot_table(
            index="seed", columns="stop", values="mean"
        )
        stops = np.array(means.columns, dtype=float)
        lines = [
            _Line("ours", stops, means.mean().to_numpy(), BLUE, width=2.5),
            _Line("paper", stops, np.array(PAPER[reference, method])[: len(stops)], GREY),
        ]
        if method == "flow":
            lines.append(_Line("bound", stops, np.full(len(stops), bound), ORANGE))
        thin = means.to_numpy() if len(means) > 1 else np.empty((0, len(stops)))
        figures.append(_by_level(name, lines, thin, reference if not figures else None))
    return _beside(figures)


def residual_figures(report: Report, reference: str = "blank_out") -> ipywidgets.Box:
    """Draw Spearman against the residual, one line a level, for rollout and for flow.

    The point on a line is the residual that agrees best. Means over the networks, text tokens.
    """
    return _beside(_residual_pair(report.sweep, reference))


def minilm_figures(report: Report, reference: str = "blank_out") -> ipywidgets.Box:
    """Draw the residual sweep of MiniLM, as `residual_figures`."""
    frame = report.minilm
    return _beside(_residual_pair(frame[frame["tokens"] == "text"], reference))


class _Line:
    """One labelled line of `_by_level`."""

    def __init__(self, name: str, x: Any, y: Any, color: str, *, width: float = 1.75) -> None:
        self.name, self.x, self.y, self.color, self.width = name, x, y, color, width


def _by_level(name: str, lines: list[_Line], thin: Any, reference: str | None) -> Any:
    stops = lines[0].x
    x = bq.LinearScale(min=float(stops[0]) - 0.15, max=float(stops[-1]) + 0.15)
    y = bq.LinearScale(min=-0.2, max=1)
    scales = {"x": x, "y": y}
    marks = [
        bq.Lines(
            x=one.x[: len(one.y)],
            y=one.y,
            scales=scales,
            colors=[one.color],
            stroke_width=one.width,
            line_style="solid" if one.name == "ours" else "dashed",
        )
        for one in lines
    ]
    if len(thin):
        marks.insert(
            0,
            bq.Lines(
                x=stops,
                y=thin,
                scales=scales,
                colors=[BLUE],
                opacities=[0.35] * len(thin),
                stroke_width=1,
            ),
        )
    marks.append(bq.Scatter(x=stops, y=lines[0].y, scales=scales, colors=[BLUE], default_size=28))
    known = [one for one in lines if len(one.y)]
    marks.append(_ends(known, scales))
    axes = [
        make_axis(
            x,
            "Level",
            tick_values=[int(stop) for stop in stops],
            tick_format="d",
            label_offset="32px",
        ),
        make_axis(
            y,
            f"Spearman with {_REFERENCES[reference]}" if reference else "",
            side="left",
            grid_lines="solid",
            tick_values=[-0.2, *FIFTHS],
            tick_format=".1f",
            label_offset="38px",
        ),
    ]
    return make_figure(marks, axes, title=name, fig_margin={"right": 54, "left": 58})


def _ends(lines: list[_Line], scales: dict[str, Any]) -> Any:
    """Names at the right end, apart from each other."""
    heights = spread([float(one.y[-1]) for one in lines], 1.2 * 14 / (HEIGHT - 90), -0.2, 1)
    return bq.Label(
        x=[float(one.x[len(one.y) - 1]) for one in lines],
        y=heights,
        text=[one.name for one in lines],
        scales=scales,
        colors=[one.color for one in lines],
        x_offset=9,
        apply_clip=False,
        default_size=11,
        font_weight="normal",
    )


def _residual_pair(frame: pd.DataFrame, reference: str) -> list[Any]:
    some = frame[frame["reference"] == reference]
    shown = some[some["method"].isin(["rollout", "flow"])]["mean"]
    low, high = np.floor(5 * shown.min()) / 5, np.ceil(5 * shown.max()) / 5
    best = best_residuals(frame, reference)
    figures = []
    for method in ("rollout", "flow"):
        means = some[some["method"] == method].pivot_table(
            index="stop", columns="residual", values="mean"
        )
        peaks = best[best["method"] == method]
        figures.append(_by_residual(method, means, peaks, (low, high), reference))
    return figures


def _by_residual(
    method: str, means: pd.DataFrame, peaks: pd.DataFrame, span: tuple[float, float], reference: str
) -> Any:
    x, y = bq.LinearScale(min=0, max=1), bq.LinearScale(min=span[0], max=span[1])
    scales = {"x": x, "y": y}
    stops = [int(stop) for stop in means.index]
    # From the input up, lines grow stronger.
    opacities = [0.45 + 0.55 * place / max(1, len(stops) - 1) for place in range(len(stops))]
    values = means.to_numpy()
    shares = means.columns.to_numpy(dtype=float)
    end = int(np.flatnonzero(np.isfinite(values).all(axis=0))[-1])  # at 1 all of the text ties
    moving = {
        stop for stop, line in zip(stops, values, strict=True) if np.ptp(line[: end + 1]) > 0.01
    }
    peaks = peaks[peaks["level"].isin(moving)]  # at level 1 the residual cannot matter
    lines = bq.Lines(
        x=shares[: end + 1],
        y=values[:, : end + 1],
        scales=scales,
        colors=[BLUE] * len(stops),
        opacities=opacities,
        stroke_width=2,
    )
    points = bq.Scatter(
        x=peaks["residual"].to_numpy(),
        y=peaks["mean"].to_numpy(),
        scales=scales,
        colors=[BLUE],
        default_size=44,
    )
    gap = 14 * (span[1] - span[0]) / (HEIGHT - 90)
    names = bq.Label(
        x=[float(shares[end])] * len(stops),
        y=spread([float(line[end]) for line in values], gap, *span),
        text=[f"level {stop}" for stop in stops],
        scales=scales,
        colors=[BLUE],
        x_offset=9,
        apply_clip=False,
        default_size=11,
        font_weight="normal",
    )
    axes = [
        make_axis(x, "Residual share", tick_values=FIFTHS, label_offset="32px"),
        make_axis(
            y,
            f"Spearman with {_REFERENCES[reference]}",
            side="left",
            grid_lines="solid",
            tick_values=list(
                np.arange(span[0], span[1] + 1e-9, 0.1 if np.ptp(span) < 0.9 else 0.2)
            ),
            tick_format=".1f",
            label_offset="38px",
        ),
    ]
    title = _NAMES[method]
    if len(peaks):
        top = peaks.iloc[int(peaks["mean"].to_numpy().argmax())]
        title += f": best at {top['residual']:.1f}, level {top['level']:.0f}"
    return make_figure(
        [lines, points, names], axes, title=title, fig_margin={"left": 58, "right": 54}
    )


def _beside(figures: list[Any]) -> ipywidgets.Box:
    for figure in figures:
        figure.layout.min_width = "260px"
        figure.layout.width = "auto"
        figure.layout.flex = "1 1 260px"
    return ipywidgets.Box(figures, layout=ipywidgets.Layout(flex_flow="row wrap", width="100%"))
