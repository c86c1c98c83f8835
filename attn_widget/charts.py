"""bqplot figures that follow a widget, and that the widget follows.

Each function takes an `AttentionWidget` and returns a `bqplot.Figure`. The figure shows the
widget's selection and settings from then on, until either of the two is closed; what is clicked,
brushed or dragged in it is set on the widget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .chartparts import bq, check_widget
from .chartpoints import FlowChart, HeadChart
from .chartshares import RelevanceChart
from .chartsweep import ResidualSweep

if TYPE_CHECKING:
    from .widget import AttentionWidget

__all__ = ["flow_chart", "head_chart", "relevance_chart", "residual_sweep"]


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
    return RelevanceChart(check_widget(widget, "relevance_chart")).figure


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
    return ResidualSweep(check_widget(widget, "residual_sweep")).figure


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
    return HeadChart(check_widget(widget, "head_chart")).figure


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
    return FlowChart(check_widget(widget, "flow_chart")).figure
