"""A flow picture that grows in the background: the selected row first, then the matrix."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from . import flow, shown
from .analysis import Relevance

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from .analysis import Analysis, Float
    from .selection import Selection
    from .settings import Settings

_PATIENCE = 0.15
"""Seconds of work before its progress is shown, and between two parts of a growing picture."""


_ROW_PATIENCE = 0.2
"""Seconds for which a row is finished although a newer one is wanted already: otherwise a quick
drag of the residual would drop every row just before it is there, and show none."""


class Canvas(Protocol):
    """What is drawn on."""

    def publish(
        self, name: str, value: dict[str, Any], settings: Settings, selection: Selection
    ) -> None:
        """Take a part of the picture of these settings, unless another one is shown by now."""


class _OverdueFlag:
    """Says that work is unwanted only after it has had a moment to finish."""

    def __init__(self, cancel: threading.Event, until: float) -> None:
        self._cancel = cancel
        self._until = until

    def is_set(self) -> bool:
        return self._cancel.is_set() and time.monotonic() > self._until


class FlowPicture:
    """One flow computation in the background: the selected row first, then the matrix."""

    def __init__(
        self,
        canvas: Canvas,
        analysis: Analysis,
        settings: Settings,
        selection: Selection,
        cancel: threading.Event,
    ) -> None:
        self._canvas = canvas
        self._analysis = analysis
        self._settings = settings
        self._selection = selection
        self._cancel = cancel
        self._began = time.monotonic()
        self._last = self._began
        n = analysis.attention.n_tokens
        self._values = np.full((n, n), np.nan)
        self._binding = np.full((n, n), shown.UNKNOWN, np.uint8)

    def draw(self) -> None:
        """Compute and show; returns early once the result is unwanted."""
        try:
            if not flow.ready():
                self._tell("Compiling the flow engine, once", None)
            if self._selection.empty:
                self._show_trace(Relevance(np.full(len(self._values), np.nan)))
            else:
                patient = _OverdueFlag(self._cancel, self._began + _ROW_PATIENCE)
                watch = self._watch("tokens") | {"cancel": patient}
                self._show_trace(self._analysis.relevance(self._settings, self._selection, **watch))
            if self._cancel.is_set():
                return
            self._analysis.flow(self._settings, on_rows=self._grow, **self._watch("rows"))
            self._publish("shown_matrix", shown.shown_matrix(self._analysis, self._settings))
            if self._selection.empty:
                self._show_trace(self._analysis.relevance(self._settings, self._selection))
        except flow.FlowCancelled:
            return
        finally:
            self._set("progress", {})

    def _show_trace(self, relevance: Relevance) -> None:
        trace = shown.shown_trace(self._analysis, self._settings, self._selection, relevance)
        self._publish("shown_trace", trace)

    def _watch(self, what: str) -> dict[str, Any]:
        n = len(self._values)

        def progress(done: int, total: int) -> None:
            # Pairs are what the engine counts; a reader counts tokens.
            self._tell(f"Flow: {n * done // total} of {n} {what}", done / total)

        return {"progress": progress, "cancel": self._cancel}

    def _tell(self, text: str, fraction: float | None) -> None:
        now = time.monotonic()
        if fraction is None or (now - self._began > _PATIENCE and now - self._last > _PATIENCE / 2):
            self._last = now
            self._set("progress", {"text": text, "fraction": fraction})

    def _grow(self, rows: NDArray[np.intp], values: Float) -> None:
        self._values[rows] = values
        now = time.monotonic()
        if now - self._began > _PATIENCE and now - self._last > _PATIENCE:
            self._set(
                "shown_matrix",
                shown.flow_matrix(self._settings, self._values, self._binding),
            )

    def _set(self, name: str, value: dict[str, Any]) -> None:
        if not self._cancel.is_set():
            self._publish(name, value)

    def _publish(self, name: str, value: dict[str, Any]) -> None:
        self._canvas.publish(name, value, self._settings, self._selection)
