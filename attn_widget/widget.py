"""`AttentionWidget`: the synced state to an `Analysis` and back. No numerics."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
from traitlets import TraitError, observe, validate

from . import bundle, export, flow, shown
from .analysis import Analysis, Float, Settings
from .attention import Attention, AttentionError, as_attention
from .flowpicture import FlowPicture
from .jobs import LatestOnly
from .mixing import check_heads, check_levels, check_residual
from .selection import Selection, check_nodes, ends, follow
from .state import METHODS, SETTINGS, TWO_WAY, SettingError, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd


class AttentionWidget(anywidget.AnyWidget, State):
    """A graph of tokens across layers beside a heatmap; click a token to see where it came from.

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    tokens : list of str, optional
        As in `Attention`, where `attention` is no Attention yet.
    method : {"rollout", "flow", "attention"}
    levels : (start, stop), optional
        Shown levels, 0 the input; by default all.
    heads, top_head, residual
        As in `layer_maps`.
    selected : list of (level, token)
        What to trace: one node, several of one level, or nodes of two levels (a pair).
    mass_shown : float in (0, 1]
        Share of each layer's mass whose edges are drawn.
    height : int
        Height in px that the picture aims at.

    All of these are traits: set them in Python and the picture follows, change them in the
    picture and Python follows (`widget.observe`, `traitlets.link`, `ipywidgets.jslink`).

    Attributes
    ----------
    attention : Attention
        What is shown; assign another one to replace it.
    matrix, relevance : array
        The numbers of the picture, in float64.

    Raises
    ------
    AttentionError
        A setting that cannot be, in one sentence; the widget stays as it was.

    Examples
    --------
    >>> import attn_widget as aw
    >>> widget = aw.AttentionWidget(aw.load_sample(), selected=[(6, 10)])
    >>> widget.relevance.argmax()
    np.int64(10)
    """

    _esm = bundle.esm_path()
    _css = bundle.css_path()

    def __init__(
        self,
        attention: Any,
        tokens: Sequence[str] | None = None,
        *,
        method: str = "rollout",
        levels: Sequence[int] | None = None,
        heads: str | int | Sequence[int] = "mean",
        top_head: int | None = None,
        residual: float | Sequence[float] = 0.5,
        selected: Sequence[tuple[int, int]] = (),
        mass_shown: float = 0.9,
        height: int = 560,
        **unknown: Any,
    ) -> None:
        # First of all, since `close` is called on a widget that was refused, too.
        self._job = LatestOnly(self._report)
        _refuse_unknown(unknown)
        model = as_attention(attention) if tokens is None else Attention(attention, tokens)
        self._analysis = Analysis(model)
        self._showing: tuple[Any, ...] = ()
        self._shown_matrix_key: tuple[Any, ...] = ()
        self._quiet = 1  # until `open`: every setting is there then
        # The levels that the selection was made for, so that it can follow when they change.
        self._selected_within = check_levels(levels, model.n_layers)
        flow.warm_up()
        super().__init__(
            tokens=list(model.tokens),
            special=list(model.special),
            n_layers=model.n_layers,
            n_heads=model.n_heads,
            method=method,
            levels=self._selected_within,
            heads=heads,
            top_head=top_head,
            residual=residual,
            selected=selected,
            mass_shown=mass_shown,
            height=height,
            **unknown,
        )
        self.on_msg(self._on_request)

    def open(self) -> None:
        """Meet the browser: with the picture in the first message, if it is a quick one."""
        self._quiet = 0
        if self.method != "flow":
            self._refresh()
        super().open()
        # Flow is drawn by a thread, which must not speak before there is a listener.
        self._refresh()

    # --- what is shown ----------------------------------------------------------------------

    @property
    def attention(self) -> Attention:
        """What is shown. Assigning another one keeps every setting that still fits it."""
        return self._analysis.attention

    @attention.setter
    def attention(self, given: Any) -> None:
        model = as_attention(given)
        levels = self.levels if model.n_layers == self.n_layers else (0, model.n_layers)
        kept = follow(self.selected, self.levels, levels)
        # Checked against the new attention before anything changes.
        _check_head_settings(self.heads, self.top_head, model)
        with self._one_refresh(), self.hold_sync():
            self._job.cancel()
            self._analysis = Analysis(model)
            self._showing = self._shown_matrix_key = ()
            self.selected = []
            self.n_layers, self.n_heads = model.n_layers, model.n_heads
            self.tokens, self.special = list(model.tokens), list(model.special)
            self.levels = levels
            self.selected = [node for node in kept if node[1] < model.n_tokens]

    @property
    def settings(self) -> Settings:
        """What decides the numbers, frozen."""
        return Settings(
            method=self.method,
            levels=self.levels,
            heads=tuple(self.heads) if isinstance(self.heads, list) else self.heads,
            top_head=self.top_head,
            residual=tuple(self.residual) if isinstance(self.residual, list) else self.residual,
        )

    @property
    def matrix(self) -> Float:
        """The shown matrix, shape (n, n), float64: rows = queries, columns = keys.

        With "flow" this waits for the computation that fills the picture.
        """
        self._finish_flow()
        return self._analysis.matrix(self.settings)

    @property
    def relevance(self) -> Float:
        """What the selection draws from each token, shape (n,), float64.

        Sources: their (mean) rollout row, or the flow they can draw from each token at the lower
        end. Sinks alone: for each output, the share or the flow that comes from them. Nothing
        selected: the mean row of the matrix.
        """
        self._finish_flow()
        return self._analysis.relevance(self.settings, self._selection()).values

    def to_frame(self) -> pd.DataFrame:
        """The shown matrix as a tidy table, one row a (query, key) pair; needs pandas.

        Columns: query, query_token, key, key_token, value; with flow also bound and binding; then
        the settings: method, start, stop, heads, residual.
        """
        return export.matrix_frame(self._analysis, self.settings, self.matrix)

    def close(self) -> None:
        """Stop what is being computed and close the view."""
        self._job.cancel()
        super().close()

    # --- from traits to numbers -------------------------------------------------------------

    @validate("method")
    def _check_method(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in METHODS:
            raise SettingError(
                f"method is {proposal['value']!r}: choose one of {', '.join(map(repr, METHODS))}."
            )
        return str(proposal["value"])

    @validate("levels")
    def _check_levels(self, proposal: dict[str, Any]) -> tuple[int, int]:
        with _as_setting_error():
            return check_levels(proposal["value"], self._analysis.attention.n_layers)

    @validate("heads")
    def _check_heads(self, proposal: dict[str, Any]) -> Any:
        with _as_setting_error():
            heads = check_heads(proposal["value"], self._analysis.attention.n_heads)
            return heads if isinstance(heads, str | int) else _listed_heads(heads)

    @validate("top_head")
    def _check_top_head(self, proposal: dict[str, Any]) -> int | None:
        if proposal["value"] is None:
            return None
        with _as_setting_error():
            _check_head_settings("mean", proposal["value"], self._analysis.attention)
            return int(proposal["value"])

    @validate("residual")
    def _check_residual(self, proposal: dict[str, Any]) -> float | list[float]:
        given = proposal["value"]
        with _as_setting_error():
            shares = check_residual(given, self.levels[1] - self.levels[0])
        return [float(share) for share in shares] if np.ndim(given) else float(shares[0])

    @validate("mass_shown")
    def _check_mass_shown(self, proposal: dict[str, Any]) -> float:
        if not 0 < proposal["value"] <= 1:
            raise SettingError(
                f"mass_shown is {proposal['value']!r}: it is the share of each layer's mass "
                "whose edges are drawn, above 0 and at most 1."
            )
        return float(proposal["value"])

    @validate("selected")
    def _check_selected(self, proposal: dict[str, Any]) -> list[tuple[int, int]]:
        model = self._analysis.attention
        with _as_setting_error():
            nodes = check_nodes(proposal["value"], model.n_layers, model.n_tokens)
        start, stop = self.levels
        for level, token in nodes:
            if not start <= level <= stop:
                raise SettingError(
                    f"selected names level {level} (token {token}), but levels {start} to {stop} "
                    "are shown: set levels first."
                )
        self._selected_within = (start, stop)
        return nodes

    @observe(*SETTINGS, "selected")
    def _on_change(self, change: dict[str, Any]) -> None:
        if change["name"] == "levels":
            # What depends on the levels moves along before anything is computed.
            self._quiet += 1
            try:
                self._follow_levels(change["new"])
            finally:
                self._quiet -= 1
        self._refresh()

    def _follow_levels(self, new: tuple[int, int]) -> None:
        if self._selected_within != new:
            self.selected = follow(self.selected, self._selected_within, new)
        if isinstance(self.residual, list) and len(self.residual) != new[1] - new[0]:
            # One residual a layer has no meaning for other layers; their mean is the nearest.
            self.residual = float(np.mean(self.residual))

    def _selection(self) -> Selection:
        return ends(self.selected, self.levels)

    def _refresh(self) -> None:
        """Show what the settings ask for; does nothing if that is shown already."""
        if self._quiet:
            return
        settings, selection = self.settings, self._selection()
        asked = (settings, selection)
        if asked == self._showing:
            return
        self._showing = asked
        self._job.cancel()
        if settings.method == "flow":
            self._shown_matrix_key = ()
            analysis = self._analysis
            self._job.submit(
                lambda cancel: FlowPicture(self, analysis, settings, selection, cancel).draw()
            )
            return
        self.progress = {}
        relevance = None
        if settings.method == "attention":
            relevance = self._analysis.relevance(settings, selection)
        with self.hold_sync():
            self._show_matrix(settings)
            self.shown_trace = shown.shown_trace(self._analysis, settings, selection, relevance)

    def _show_matrix(self, settings: Settings) -> None:
        key: tuple[Any, ...] = (settings.method, settings.levels, settings.heads, settings.top_head)
        if not shown.in_terms(self._analysis, settings):
            key = (*key, settings.residual)
        if key != self._shown_matrix_key:
            self._shown_matrix_key = key
            self.shown_matrix = shown.shown_matrix(self._analysis, settings)

    def _finish_flow(self) -> None:
        """Wait for the flow that is being computed: asking twice must not compute twice."""
        if self.method == "flow":
            self._job.wait()

    @contextmanager
    def _one_refresh(self) -> Iterator[None]:
        """Several changes, one computation."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1
        self._refresh()

    # --- from the browser -------------------------------------------------------------------

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take a change made in the browser; a mistake is shown there, in one sentence."""
        if "error" not in sync_data and self.error:
            self.error = ""
        try:
            with self._one_refresh():
                super().set_state(sync_data)
        except TraitError as error:
            self._report(error)
        except Exception as error:
            # Raised by somebody's observer, so it belongs in the log with its traceback, too.
            self._report(error)
            raise
        else:
            return
        # The browser shows what was refused: send it the truth.
        self.send_state(key=[name for name in sync_data if name in TWO_WAY])

    def _on_request(self, _widget: object, content: object, _buffers: object) -> None:
        if content == {"type": "stop"}:
            self._job.cancel()
            self.progress = {}
        else:
            self.error = f"The browser asked for {content!r}, which this version does not know."

    def _report(self, error: Exception) -> None:
        if isinstance(error, AttentionError | TraitError):
            self.error = str(error)
        else:
            self.error = f"{type(error).__name__}: {error}"


@contextmanager
def _as_setting_error() -> Iterator[None]:
    """Let traitlets take a refused change back: it does so for a TraitError alone."""
    try:
        yield
    except AttentionError as error:
        raise SettingError(str(error)) from None


def _check_head_settings(heads: Any, top_head: Any, model: Attention) -> None:
    check_heads(heads, model.n_heads)
    if top_head is not None:
        check_heads([top_head], model.n_heads)


def _listed_heads(heads: Any) -> list[int]:
    if isinstance(heads, dict):
        message = "weights per head cannot be shown by the widget: give a list of heads."
        raise AttentionError(message)
    return list(heads)


def _refuse_unknown(given: dict[str, Any]) -> None:
    allowed = {"layout", "tooltip"}
    for name in given.keys() - allowed:
        near = difflib.get_close_matches(name, TWO_WAY, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"settings are {', '.join(TWO_WAY)}."
        message = f"AttentionWidget has no setting {name!r}: {hint}"
        raise AttentionError(message)
