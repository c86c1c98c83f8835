"""`Dashboard`: the box that `dashboard` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from . import charts
from .chartparts import check_widget
from .errors import AttentionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .attention import Attention
    from .widget import AttentionWidget


class Dashboard(ipywidgets.VBox):
    """The widget, its charts below it, and above it a picker where there are several examples.

    Attributes
    ----------
    widget : AttentionWidget
    charts : dict of str to bqplot.Figure
        "relevance", "residual", "heads" and "flow".
    picker : ipywidgets.Dropdown or None
    """

    def __init__(
        self,
        widget: AttentionWidget,
        examples: Mapping[str, Attention] | None = None,
        *,
        owned: bool = False,
    ) -> None:
        # First of all, since `close` is called on a dashboard that was refused, too.
        self.picker: ipywidgets.Dropdown | None = None
        self.charts: dict[str, Any] = {}
        self._owned = owned
        self.widget = check_widget(widget, "dashboard")
        self._examples = {_sendable(name): one for name, one in (examples or {}).items()}
        self.charts = {
            "relevance": charts.relevance_chart(widget),
            "residual": charts.residual_sweep(widget),
            "heads": charts.head_chart(widget),
            "flow": charts.flow_chart(widget),
        }
        self.picker = self._make_picker()
        grid = ipywidgets.GridBox(
            list(self.charts.values()),
            layout=ipywidgets.Layout(
                # Two columns from about 900 px on, one below; never three and one.
                grid_template_columns="repeat(auto-fit, minmax(min(max(440px, 34%), 100%), 1fr))",
                grid_gap="4px 24px",
                width="100%",
                padding="0 16px",
            ),
        )
        parts = [widget, grid] if self.picker is None else [self.picker, widget, grid]
        super().__init__(parts, layout=ipywidgets.Layout(width="100%", overflow="hidden"))

    def close(self) -> None:
        """Close the charts and the box; the widget too, if the dashboard made it."""
        if self.picker is not None:
            self.widget.unobserve(self._on_showing, "showing")
            self.picker.close()
            self.picker = None
        for figure in self.charts.values():
            figure.close()
        if self._owned and self.charts:
            self.widget.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The box, and the widget's still picture where no box can be shown."""
        return super()._repr_mimebundle_(**kwargs) | self.widget.still_bundle()

    def _make_picker(self) -> ipywidgets.Dropdown | None:
        if len(self._examples) < 2:
            return None
        picker = ipywidgets.Dropdown(
            options=list(self._examples),
            description="Example",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="max-content", max_width="100%", margin="4px 16px"),
        )
        picker.observe(self._on_pick, "value")
        self.widget.observe(self._on_showing, "showing")
        return picker

    def _on_pick(self, change: dict[str, Any]) -> None:
        attention = self._examples[change["new"]]
        if attention is self.widget.attention:
            return
        try:
            self.widget.attention = attention
        except AttentionError:
            # The heads on show are not all in this model: all of its heads are.
            self.widget.heads, self.widget.top_head = "mean", None
            self.widget.attention = attention

    def _on_showing(self, change: dict[str, Any]) -> None:
        for name, attention in self._examples.items():
            if attention is change["new"][0].attention and self.picker is not None:
                self.picker.value = name


def _sendable(name: str) -> str:
    """A lone surrogate cannot be sent to a browser."""
    return name.encode("utf-8", "replace").decode("utf-8")
