"""`head_statistics_chart`: what every head does over a whole corpus, as bqplot figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets
import numpy as np

from .chartparts import BLUE, FIFTHS, ORANGE, bq, make_axis, make_figure, percent, put
from .corpusdata import Corpus
from .errors import AttentionError, brief

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

__all__ = ["HeadStatisticsChart", "head_statistics_chart"]


class Panel(NamedTuple):
    """One statistic: its column, its axis, and how its finding is said."""

    column: str
    axis: str
    share: bool
    largest: str


PANELS = (
    Panel("entropy", "Entropy, bits", share=False, largest="reads most widely"),
    Panel("distance", "Mean distance, tokens", share=False, largest="reads farthest"),
    Panel("special_share", "Mass on special tokens", share=True, largest="rests most on specials"),
    Panel("bound_share", "Flow on the trivial bound", share=True, largest="is bound most"),
)


def head_statistics_chart(corpus: Corpus | str | os.PathLike[str]) -> HeadStatisticsChart:
    """Draw which heads matter where: four figures of every head over a corpus.

    Each point is a head, its mean over the texts; the line through it runs from the 10th to the
    90th percentile of the texts. Click a head to find it in all four figures, once more to let go.

    Parameters
    ----------
    corpus : Corpus, or the folder of one
        Of ``map_corpus(..., "heads")``.

    Returns
    -------
    HeadStatisticsChart
        An ipywidgets box; `.charts` are its bqplot figures: "entropy" (bits), "distance" (tokens),
        "special_share" and, where the corpus has it, "bound_share" (shares).

    Raises
    ------
    AttentionError
        For a corpus of another computation, one without any text, or one of several models.
    ImportError
        Without bqplot.
    """
    return HeadStatisticsChart(Corpus(corpus) if not isinstance(corpus, Corpus) else corpus)


def read_statistics(corpus: Corpus) -> dict[str, Float]:
    """Read the statistics of all texts, each of shape (texts, layers, heads)."""
    if corpus.meta["compute"] != "heads":
        message = (
            f"{corpus.path} holds {brief(corpus.meta['compute'])}: head statistics are made by "
            "map_corpus(items, 'heads', to=...)."
        )
        raise AttentionError(message)
    rows = corpus.to_arrow(["error", "layers", "heads", *(panel.column for panel in PANELS)])
    rows = rows.filter(rows["error"].is_null())
    shapes = {*zip(rows["layers"].to_pylist(), rows["heads"].to_pylist(), strict=True)}
    if len(shapes) != 1:
        message = (
            f"{corpus.path} holds no text that could be read."
            if not shapes
            else f"{corpus.path} holds attentions of {len(shapes)} sizes (layers, heads), "
            f"{brief(sorted(shapes))}: compute one corpus for each model."
        )
        raise AttentionError(message)
    (shape,) = shapes
    found = {}
    for panel in PANELS:
        column = rows[panel.column].combine_chunks()
        if not column.null_count:
            found[panel.column] = np.asarray(column.flatten()).reshape(-1, *shape)
    return found


class HeadStatisticsChart(ipywidgets.GridBox):
    """The figures of `head_statistics_chart`, two beside each other where there is room.

    Attributes
    ----------
    charts : dict of str to bqplot.Figure
    statistics : dict of str to array, shape (texts, layers, heads)
        The numbers behind them.
    picked : (layer, head) or None
        The head that is marked, layers from 1 as they are drawn; set it to mark one.
    """

    def __init__(self, corpus: Corpus) -> None:
        # First of all, since `close` is called on a chart that was refused, too.
        self.charts: dict[str, Any] = {}
        self.statistics = read_statistics(corpus)
        self._picked: tuple[int, int] | None = None
        self._charts = {
            panel.column: _Chart(panel, self.statistics[panel.column], self._toggle)
            for panel in PANELS
            if panel.column in self.statistics
        }
        self.charts = {name: chart.figure for name, chart in self._charts.items()}
        super().__init__(
            list(self.charts.values()),
            layout=ipywidgets.Layout(
                grid_template_columns="repeat(auto-fit, minmax(min(440px, 100%), 1fr))",
                grid_gap="4px 24px",
                width="100%",
            ),
        )

    @property
    def picked(self) -> tuple[int, int] | None:
        """The head that is marked: (layer, head), layers from 1; None for none."""
        return self._picked

    @picked.setter
    def picked(self, picked: tuple[int, int] | None) -> None:
        _, layers, heads = next(iter(self.statistics.values())).shape
        if picked is not None and not (1 <= picked[0] <= layers and 0 <= picked[1] < heads):
            message = (
                f"picked is {brief(picked)}: give (layer, head) with layers from 1 to {layers} and "
                f"heads from 0 to {heads - 1}, or None."
            )
            raise AttentionError(message)
        self._picked = picked
        for chart in self._charts.values():
            chart.mark(picked)

    def close(self) -> None:
        """Close the figures and the box."""
        for figure in self.charts.values():
            figure.close()
        super().close()

    def _toggle(self, picked: tuple[int, int]) -> None:
        self.picked = None if picked == self._picked else picked


class _Chart:
    """One statistic: points by layer, heads side by side, each with its spread over the texts."""

    def __init__(self, panel: Panel, values: Float, on_pick: Any) -> None:
        texts, self.layers, self.heads = values.shape
        self.panel, self.mean = panel, values.mean(axis=0)
        low, high = np.percentile(values, [10, 90], axis=0)
        offset = (np.arange(self.heads) - (self.heads - 1) / 2) / max(1, self.heads) * 0.72
        x = (np.arange(1, self.layers + 1)[:, None] + offset).ravel()
        across = bq.LinearScale(min=0.4, max=self.layers + 0.6)
        top = 1.0 if panel.share and high.max() > 0.5 else 1.06 * max(float(high.max()), 1e-3)
        up = bq.LinearScale(min=0, max=top)
        scales = {"x": across, "y": up}
        color = ORANGE if panel.column == "bound_share" else BLUE
        self.spread = bq.Lines(
            x=np.repeat(x[:, None], 2, axis=1),
            y=np.stack([low.ravel(), high.ravel()], axis=1),
            scales=scales,
            colors=[color],
            stroke_width=1.25,
            opacities=[0.4] * x.size,
        )
        names = [
            f"layer {layer + 1}, head {head}: {self._figure(low[layer, head])} to "
            f"{self._figure(high[layer, head])}"
            for layer in range(self.layers)
            for head in range(self.heads)
        ]
        self.dots = bq.Scatter(
            x=x,
            y=self.mean.ravel(),
            names=names,
            display_names=False,
            scales=scales,
            colors=[color],
            default_size=34,
            interactions={"hover": "tooltip", "click": "element"},
            tooltip=bq.Tooltip(
                fields=["name", "y"],
                labels=["", "mean"],
                formats=["", ".0%" if panel.share else ".2f"],
            ),
        )
        step = -(-self.layers // 16)
        left = make_axis(
            up,
            panel.axis,
            side="left",
            grid_lines="solid",
            label_offset="38px",
            **({"tick_format": ".0%"} if panel.share else {}),
            **({"tick_values": FIFTHS} if top == 1 else {}),
        )
        bottom = make_axis(
            across,
            "Layer",
            label_offset="32px",
            tick_values=list(range(1, self.layers + 1, step)),
            tick_format="d",
        )
        self.figure = make_figure([self.spread, self.dots], [bottom, left], fig_margin={"left": 60})
        self._on_pick = on_pick
        self.dots.on_element_click(self._on_click)
        self._texts = texts
        self.mark(None)

    def mark(self, picked: tuple[int, int] | None) -> None:
        """Let one head stand out, or none."""
        size = self.layers * self.heads
        if picked is None:
            put(self.dots, opacities=[0.9] * size)
            put(self.spread, opacities=[0.4] * size)
            layer, head = divmod(int(self.mean.argmax()), self.heads)
            verb = self.panel.largest
        else:
            layer, head = picked[0] - 1, picked[1]
            at = layer * self.heads + head
            put(self.dots, opacities=[1.0 if i == at else 0.15 for i in range(size)])
            put(self.spread, opacities=[0.9 if i == at else 0.07 for i in range(size)])
            higher = int((self.mean > self.mean[layer, head]).sum())
            verb = f"is number {higher + 1} of {size} here"
        value = self._figure(float(self.mean[layer, head]))
        self.figure.title = f"Layer {layer + 1}, head {head} {verb}: {value}"

    def _figure(self, value: float) -> str:
        if self.panel.share:
            return percent(value)
        unit = "bits" if self.panel.column == "entropy" else "tokens"
        return f"{value:.1f}\u00a0{unit}"

    def _on_click(self, _mark: Any, content: dict[str, Any]) -> None:
        layer, head = divmod(int(content["data"]["index"]), self.heads)
        self._on_pick((layer + 1, head))
