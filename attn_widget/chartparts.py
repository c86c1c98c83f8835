"""What the charts share: colours that hold in both themes, labels, and the link to a widget."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import ipywidgets

from . import flow
from .errors import AttentionError
from .jobs import LatestOnly
from .phrases import percent, selection_name, token_label

try:
    with warnings.catch_warnings():
        # bqplot declares some traits in a way that traitlets deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bqplot as bq
except ImportError:
    message = "The charts need bqplot: pip install 'attn-widget[charts]', then restart the kernel."
    raise ImportError(message) from None

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from .analysis import Analysis
    from .attention import Attention
    from .selection import Selection
    from .settings import Settings
    from .widget import AttentionWidget

    Draw = Callable[["Analysis", "Settings", "Selection", "threading.Event | None"], None]

__all__ = [
    "BLUE",
    "FIFTHS",
    "GREY",
    "HAIR",
    "HEIGHT",
    "INK",
    "INK_2",
    "ORANGE",
    "TOOLTIP",
    "Link",
    "bq",
    "check_widget",
    "make_axis",
    "make_figure",
    "percent",
    "put",
    "selection_name",
    "takes_long",
    "token_label",
    "token_labels",
]

# bqplot's marks take one colour for both themes: these keep 3 : 1 and more on white and on #111.
BLUE = "#3b83dd"
"""Data and selection."""
ORANGE = "#dd6420"
"""The bound of a flow, and nothing else."""
GREY = "#858585"
"""Tokens without text of their own, such as CLS."""

# Text and lines are styled through CSS, which knows the theme.
INK = "var(--jp-ui-font-color1, #858585)"
INK_2 = "var(--jp-ui-font-color2, #858585)"
HAIR = "var(--jp-border-color3, #d8d8d8)"

TOOLTIP = {
    "opacity": 1,
    "color": INK,
    "font": "12px var(--jp-ui-font-family, system-ui, sans-serif)",
}
"""Style of a mark's tooltip: bqplot's own text is orange wherever the theme is dark."""

HEIGHT = 300
FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]

_FLOW_INLINE = 24
"""Up to this many tokens a flow is computed at once; above, by a thread."""


class Link:
    """Draws what a widget shows, from now until either end is closed.

    Parameters
    ----------
    widget : AttentionWidget
    figure : bqplot.Figure
    draw : callable (analysis, settings, selection, cancel)
        Draws one state; `cancel` is None in the main thread, else the event that drops it.
    slow : callable (analysis, settings) -> bool, optional
        Whether this state is drawn by a thread, so that the notebook stays usable.
    """

    def __init__(
        self,
        widget: AttentionWidget,
        figure: bq.Figure,
        draw: Draw,
        slow: Callable[[Analysis, Settings], bool] = lambda _analysis, _settings: False,
    ) -> None:
        self.widget = widget
        self.figure = figure
        self._draw = draw
        self._slow = slow
        self._job = LatestOnly(self._report)
        self.open = True
        widget.observe(self._follow, "showing")
        widget.observe(self._on_comm, "comm")
        figure.observe(self._on_comm, "comm")
        self._show(widget.showing)

    def wait(self) -> None:
        """Block until the newest picture is drawn."""
        self._job.wait()

    def choose(self, **traits: Any) -> None:
        """Set traits of the widget; a mistake is shown there, as one made in the widget is."""
        if not self.open:
            return
        try:
            with self.widget.hold_trait_notifications():
                for name, value in traits.items():
                    setattr(self.widget, name, value)
        except AttentionError as error:
            self.widget.error = str(error)

    def end(self) -> None:
        """Let go of the widget; the figure stays as it is."""
        if not self.open:
            return
        self.open = False
        self._job.cancel()
        self.widget.unobserve(self._follow, "showing")
        self.widget.unobserve(self._on_comm, "comm")
        self.figure.unobserve(self._on_comm, "comm")

    def _follow(self, change: dict[str, Any]) -> None:
        self._show(change["new"])

    def _show(self, showing: tuple[Analysis, Settings, Selection] | None) -> None:
        if showing is None:
            return
        analysis, settings, selection = showing
        if self._slow(analysis, settings):
            self._job.submit(lambda cancel: self._draw(analysis, settings, selection, cancel))
        else:
            self._job.cancel()
            self._draw(analysis, settings, selection, None)

    def _on_comm(self, change: dict[str, Any]) -> None:
        if change["new"] is None:
            self.end()

    def _report(self, error: Exception) -> None:
        if not isinstance(error, flow.FlowCancelled):
            self.widget.error = f"{type(error).__name__}: {error}"


def check_widget(widget: Any, what: str) -> AttentionWidget:
    """Refuse what is no open AttentionWidget, in one sentence."""
    from .widget import AttentionWidget

    if not isinstance(widget, AttentionWidget):
        message = (
            f"{what} draws what a widget shows, and this is {type(widget).__name__}: make one "
            "with aw.AttentionWidget(attention) and give that."
        )
        raise AttentionError(message)
    if widget.comm is None:
        message = f"{what} was given a widget that is closed: make a new one."
        raise AttentionError(message)
    return widget


def make_figure(marks: Sequence[Any], axes: Sequence[Any], **given: Any) -> bq.Figure:
    """Make a figure without a box, which redraws at once."""
    margin = {"top": 44, "bottom": 48, "left": 52, "right": 18} | given.pop("fig_margin", {})
    # bqplot centres a title over the plot; this one starts where the figure does.
    left = (margin["right"] - margin["left"]) / 2
    title = {
        "font": "600 13px var(--jp-ui-font-family, system-ui, sans-serif)",
        "fill": INK,
        "text-anchor": "start",
        "transform-box": "view-box",
        "transform": f"translate(calc({left}px - 50%), -6px)",
    }
    figure = bq.Figure(
        marks=list(marks),
        axes=list(axes),
        animation_duration=0,
        background_style={"fill": "none"},
        title_style=title,
        fig_margin=margin,
        display_toolbar=False,  # it would cover what stands above the plot
        padding_x=0,
        padding_y=0,
        min_aspect_ratio=0.2,
        max_aspect_ratio=10,
        layout=ipywidgets.Layout(width="100%", min_width="320px", height=f"{HEIGHT}px"),
        **given,
    )
    figure.add_class("attn-widget-chart")  # `charts.css`
    return figure


def make_axis(scale: bq.Scale, label: str, **given: Any) -> bq.Axis:
    """Make an axis of hairlines and small figures."""
    style = {"fill": INK_2} | given.pop("tick_style", {})
    return bq.Axis(
        scale=scale,
        label=label,
        color=HAIR,
        grid_lines=given.pop("grid_lines", "none"),
        grid_color=HAIR,
        label_color=INK_2,
        tick_style=style,
        **given,
    )


def put(mark: ipywidgets.Widget, **traits: Any) -> None:
    """Set several traits of a mark in one message: x and y belong together."""
    with mark.hold_sync():
        for name, value in traits.items():
            setattr(mark, name, value)


def token_labels(attention: Attention) -> list[str]:
    """Label every token; an ordinal scale needs them different, so repeats get invisible tails."""
    seen: dict[str, int] = {}
    labels = []
    for token in attention.tokens:
        label = token_label(token)
        count = seen.get(label, 0)
        seen[label] = count + 1
        labels.append(label + "\u200b" * count)
    return labels


def takes_long(analysis: Analysis) -> bool:
    """Whether one row of flow may: a long text, or an engine that is not compiled yet."""
    return analysis.attention.n_tokens > _FLOW_INLINE or not flow.ready()
