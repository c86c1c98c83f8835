"""`AttentionWidget`: the synced state to an `Analysis` and back. No numerics."""

from __future__ import annotations

import difflib
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
from traitlets import Any as AnyValue
from traitlets import TraitError, observe

from . import bundle, flow, shown
from .analysis import Analysis, Float
from .attention import Attention, as_attention
from .errors import AttentionError
from .flowpicture import FlowPicture
from .jobs import LatestOnly
from .merging import check_view
from .mixing import check_levels
from .outputs import Outputs
from .pinning import Pinning
from .pins import read_pin
from .saving import PictureSaver
from .selection import Selection, ends, follow
from .settings import Settings, check_settings
from .state import SETTINGS, TWO_WAY
from .words import split_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_FIRST_PICTURE = 3.0
"""Seconds that the first picture is given before the flow engine is loaded beside it."""


class AttentionWidget(Outputs, Pinning, anywidget.AnyWidget):
    """A graph of tokens across layers beside a heatmap; click a token to see where it came from.

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    tokens : list of str, optional
        As in `Attention`, where `attention` is no Attention yet.
    method : {"rollout", "flow", "attention"}
    levels : (start, stop), optional
        Shown levels, 0 the input; by default all.
    heads, top_head, residual, drop
        As in `layer_maps`.
    baseline : {"uniform"}, optional
        As in `rollout`: shares as multiples of what even attention gives.
    selected : list of (level, token)
        What to trace: one node, several of one level, or nodes of two levels (a pair).
    **display
        How it is drawn: mass_shown, color_scale, scale_rows, merge_words, hide_special,
        heads_open, height, overlay, overlay_opacity; and pins and compared. `state.py` documents
        each.

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
    np.int64(0)
    """

    _esm = bundle.esm_path()
    _css = bundle.css_path()

    showing = AnyValue(None, allow_none=True)
    """(Analysis, Settings, Selection) of the picture, None before the first; not synced.

    Observe it to follow the picture: it changes once, however many traits were set together, and
    never to a selection that does not fit the levels.
    """

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
        drop: Sequence[int] = (),
        baseline: str | None = None,
        selected: Sequence[tuple[int, int]] = (),
        **display: Any,
    ) -> None:
        # First of all, since `close` is called on a widget that was refused, too.
        self._job = LatestOnly(self._report)
        self._comparison_job = LatestOnly(self._report)
        self._pictures = PictureSaver(self.send)
        _refuse_unknown(display)
        model = check_view(
            as_attention(attention) if tokens is None else Attention(attention, tokens)
        )
        self._analysis = Analysis(model)
        self._showing: tuple[Any, ...] = ()
        # Held while a part of a picture is put up from another thread. The same thread may come
        # back: putting it up calls observers, who may change settings.
        self._picture_lock = threading.RLock()
        self._comparing: tuple[Any, ...] = ()
        self._drawn: dict[str, tuple[Any, ...]] = {}  # what each part of the picture depends on
        self._quiet = 1  # until `open`: every setting is there then
        self._selected_within = check_levels(levels, model.n_layers)
        flow.warm_up(after=_FIRST_PICTURE)
        super().__init__(
            **_about(model),
            method=method,
            levels=self._selected_within,
            heads=heads,
            top_head=top_head,
            residual=residual,
            drop=drop,
            baseline=baseline,
            selected=selected,
            **display,
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

    def close(self) -> None:
        """Stop what is being computed and close the view."""
        self._job.cancel()
        self._comparison_job.cancel()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return data | self.still_bundle(), metadata

    # --- what is shown ----------------------------------------------------------------------

    @property
    def attention(self) -> Attention:
        """What is shown. Assigning another one keeps every setting that still fits it."""
        return self._analysis.attention

    @attention.setter
    def attention(self, given: Any) -> None:
        model = check_view(as_attention(given))
        levels = self.levels if model.n_layers == self.n_layers else (0, model.n_layers)
        kept = follow(self.selected, self.levels, levels)
        # Checked against the new attention before anything changes.
        check_settings({"heads": self.heads, "top_head": self.top_head}, model)
        with self._one_refresh(), self.hold_sync():
            self._job.cancel()
            self.compared, self.pins = [], []  # they were about other tokens
            self.selected = []
            self._analysis = Analysis(model)
            self._showing = ()
            self._drawn.clear()
            self.head_maps = {}
            for name, value in _about(model).items():
                setattr(self, name, value)
            self.levels = levels
            self.drop = [token for token in self.drop if token < model.n_tokens]
            self.selected = [node for node in kept if node[1] < model.n_tokens]

    @property
    def settings(self) -> Settings:
        """What decides the numbers, frozen."""
        return Settings.of({name: getattr(self, name) for name in SETTINGS})

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

    # --- from traits to numbers -------------------------------------------------------------

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

    @observe("heads_open", "pins", "compared")
    def _on_view_change(self, _change: dict[str, Any]) -> None:
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
        """Show what the settings ask for; what is shown already costs nothing."""
        if self._quiet:
            return
        settings, selection = self.settings, self._selection()
        if (settings, selection) != self._showing:
            with self._picture_lock:
                self._showing = (settings, selection)
            self._job.cancel()
            self._draw(settings, selection)
            self.head_shares = {}
        if self.heads_open:
            self._draw_heads(settings, selection)
        self._show_comparison()
        # Last, since observers may change settings; what they changed to is shown by then.
        if self._showing == (settings, selection):
            self.showing = (self._analysis, settings, selection)

    def _draw(self, settings: Settings, selection: Selection) -> None:
        self.note = shown.note(self._analysis, settings)
        if settings.method == "flow":
            self._drawn.clear()
            analysis = self._analysis
            self._job.submit(
                lambda cancel: FlowPicture(self, analysis, settings, selection, cancel).draw()
            )
            return
        self.progress = {}
        with self.hold_sync():
            self._draw_matrix(settings)
            self._draw_trace(settings, selection)

    def publish(
        self, name: str, value: dict[str, Any], settings: Settings, selection: Selection
    ) -> None:
        """Take a part of a picture drawn in the background, unless another one is shown by now.

        A picture that differs in its residual alone is taken: it is a step of the drag.
        """
        with self._picture_lock:
            shown_settings, shown_selection = self._showing
            same = replace(settings, residual=shown_settings.residual) == shown_settings
            if same and shown_selection == selection:
                setattr(self, name, value)

    def _draw_matrix(self, settings: Settings) -> None:
        key: tuple[Any, ...] = (settings.method, settings.fusion, settings.baseline)
        if not shown.in_terms(self._analysis, settings):
            key = (*key, settings.residual)
        if key != self._drawn.get("matrix"):
            self._drawn["matrix"] = key
            self.shown_matrix = shown.shown_matrix(self._analysis, settings)

    def _draw_trace(self, settings: Settings, selection: Selection) -> None:
        # A drag of the residual costs the kernel nothing: the browser has the terms.
        key: tuple[Any, ...] = (settings.method, settings.fusion, settings.baseline, selection)
        if not settings.polynomial:
            key = (*key, settings.residual)
        if key == self._drawn.get("trace"):
            return
        self._drawn["trace"] = key
        relevance = None
        if settings.method == "attention":
            relevance = self._analysis.relevance(replace(settings, baseline=None), selection)
        self.shown_trace = shown.shown_trace(self._analysis, settings, selection, relevance)

    def _draw_heads(self, settings: Settings, selection: Selection) -> None:
        if not self.head_maps:
            self.head_maps = shown.shown_head_maps(self._analysis)
        if not self.head_shares:
            self.head_shares = shown.shown_head_shares(self._analysis, settings, selection)

    def _show_comparison(self) -> None:
        """Show the difference of two pins; computed in the background, since it may be a flow."""
        pair = tuple(
            read_pin(self.pins[index]) for index in self.compared if index < len(self.pins)
        )
        if pair == self._comparing:
            return
        self._comparing = pair
        self._comparison_job.cancel()
        if len(pair) != 2:
            if self.compared:
                self.compared = []
            self.shown_comparison = {}
            return
        analysis = self._analysis

        def work(cancel: threading.Event) -> None:
            found = shown.shown_comparison(analysis, *pair, cancel=cancel)
            if not cancel.is_set():
                self.shown_comparison = found

        self._comparison_job.submit(work)

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

    def _on_request(self, _widget: object, content: Any, buffers: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "stop":
            self._job.cancel()
            self.progress = {}
        elif kind == "view":
            self.send({"type": "here"})
            self._pictures.on_view()
        elif kind == "picture":
            self.error = self._pictures.on_answer(content, buffers) or self.error
        else:
            self.error = f"The browser asked for {content!r}, which this version does not know."

    def _report(self, error: Exception) -> None:
        if isinstance(error, AttentionError | TraitError):
            self.error = str(error)
        else:
            self.error = f"{type(error).__name__}: {error}"


def _about(model: Attention) -> dict[str, Any]:
    """The traits that describe an attention."""
    words = model.words or split_words(model.tokens)
    return {
        "tokens": list(model.tokens),
        "special": list(model.special),
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "blocks": [] if model.network is None else list(model.blocks),
        "produced": list(model.produced or ()),
        "picture": shown.shown_picture(model.picture),
        "words": {"labels": list(words.labels), "of_token": list(words.of_token)},
    }


def _refuse_unknown(given: dict[str, Any]) -> None:
    for name in given.keys() - {*TWO_WAY, "layout", "tooltip"}:
        near = difflib.get_close_matches(name, TWO_WAY, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"settings are {', '.join(TWO_WAY)}."
        message = f"AttentionWidget has no setting {name!r}: {hint}"
        raise AttentionError(message)
