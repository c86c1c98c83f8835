"""What leaves a widget: tables, pictures, pages, and what a notebook stores of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import export, htmlfile
from .checks import CheckedState
from .errors import AttentionError, named_settings
from .phrases import facts
from .state import DERIVED, State
from .still import MOST_TOKENS, as_html, still

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from .analysis import Analysis, Float
    from .saving import PictureSaver, SavedPicture
    from .selection import Selection
    from .settings import Settings


class Outputs(CheckedState):
    """The part of a widget that writes; `AttentionWidget` is the whole."""

    _analysis: Analysis
    _pictures: PictureSaver
    comm: Any

    @property
    def settings(self) -> Settings:
        """What decides the numbers, frozen."""
        raise NotImplementedError

    @property
    def matrix(self) -> Float:
        """The shown matrix."""
        raise NotImplementedError

    def _selection(self) -> Selection:
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the shown matrix as a tidy table, one row a (query, key) pair; needs pandas.

        Columns, the same for every method: query, query_token, key, key_token, value, bound and
        binding (NA but with flow); then the settings: method, start, stop, heads, top_head,
        residual, drop, baseline. Half of a surrogate pair in a token stays as it is, and
        `to_csv(path, errors="backslashreplace")` writes it.
        """
        return export.matrix_frame(self._analysis, self.settings, self.matrix)

    def to_xarray(self) -> xr.Dataset:
        """Return the shown matrix with named dimensions, query and key; needs xarray.

        Variables value, bound and binding; tokens as coordinates, settings as attributes.
        """
        return export.matrix_dataset(self._analysis, self.settings, self.matrix)

    @named_settings
    def save_svg(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> SavedPicture:
        """Write the picture as the browser shows it: true vectors and text.

        This returns at once. The open view draws the picture with its selection, its sentence and
        its legend, and the file is written when that arrives, after the running cell; with no
        view open, as soon as there is one.

        Parameters
        ----------
        path : where to, ending in .svg
        overwrite : bool
            Whether a file of this name may be replaced.

        Returns
        -------
        SavedPicture
            `.result()`, in a later cell, is the path, or raises if no view has answered.

        Raises
        ------
        AttentionError
            The name, the folder, or a file that is there already.
        """
        return self._ask_views(path, "svg", overwrite=overwrite)

    @named_settings
    def save_png(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> SavedPicture:
        """Write the picture as pixels, two for each px of the view; otherwise as `save_svg`."""
        return self._ask_views(path, "png", overwrite=overwrite)

    def _ask_views(
        self, path: str | os.PathLike[str], form: str, *, overwrite: bool
    ) -> SavedPicture:
        if self.comm is None:
            message = (
                f"save_{form} asks an open view for its picture, and this widget is closed: make a "
                "new one; save_html needs no view."
            )
            raise AttentionError(message)
        return self._pictures.ask(path, form, overwrite=overwrite)

    @named_settings
    def save_html(
        self,
        path: str | os.PathLike[str],
        *,
        flow: str | None = None,
        heads: str = "all",
        budget: float = 20.0,
        patience: float = 120.0,
        overwrite: bool = False,
        title: str | None = None,
    ) -> Path:
        """Write the view as one HTML file that stays live without Python and without a network.

        Rollout, attention, levels, heads, residual, selections and pins work in it as here. Flow
        is there where it was computed for the file. Weights are kept with 11 significant bits
        (float16 loses nothing), so a number differs from `matrix` by less than 0.1 %.

        Parameters
        ----------
        path : where to, ending in .html
        flow : {"none", "current", "all_levels", "all_heads"}, optional
            Which flow to compute: the shown settings with their selection, the same for every
            range of levels, or for every head and fusion. By default "current" where the widget
            shows flow, else "none". The flow of pins is always in it.
        heads : {"all", "shown"}
            "shown" keeps the shown fusion of the heads alone, which takes a fraction of the room.
        budget, patience : float
            Most megabytes of the file, and most seconds of computing flow; `html_size` tells them
            beforehand.
        overwrite : bool
            Whether a file of this name may be replaced.
        title : str, optional
            Heading of the page; by default the text.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        AttentionError
            Too large or too slow a page, with what it would take; a setting that cannot be; a
            file that is there already or cannot be written (nothing is left behind).
        """
        return htmlfile.save_page(
            self._analysis,
            self._page_state(),
            path,
            flow=flow,
            heads=heads,
            budget=budget,
            patience=patience,
            overwrite=overwrite,
            title=title,
        )

    @named_settings
    def html_size(self, *, flow: str | None = None, heads: str = "all") -> htmlfile.HtmlSize:
        """Tell how large a page of `save_html` will be, and how long its flow will take."""
        state = self._page_state()
        return htmlfile.HtmlFile(self._analysis, state, flow=flow, heads=heads).size()

    def _page_state(self) -> dict[str, Any]:
        """Every synced trait that a page cannot derive itself."""
        names = State.class_trait_names(sync=True)
        return {name: getattr(self, name) for name in names if name not in DERIVED}

    # --- what a notebook stores -------------------------------------------------------------

    def __repr__(self) -> str:
        """Tell in one line what is shown."""
        closed = ", closed" if self.comm is None else ""
        selected = f"; selected {self.selected}" if self.selected else ""
        return f"<AttentionWidget{closed}: {self._summary()}{selected}>"

    def still_bundle(self) -> dict[str, str]:
        """The picture in one line of text, and as HTML with the sentence as alternative text.

        Jupyter shows the view instead. A notebook that is read where widgets are not, as on GitHub
        or in `nbconvert --to html`, shows this.
        """
        if self._analysis.attention.n_tokens > MOST_TOKENS:
            return {"text/plain": f"AttentionWidget: {self._summary()}"}
        try:
            sentence, svg = still(self._analysis, self.settings, self._selection())
        except Exception as error:  # noqa: BLE001 - the view must come up whatever the still does
            failed = f"no still picture, {type(error).__name__}: {error}"
            return {"text/plain": f"AttentionWidget: {self._summary()} ({failed})"}
        return {
            "text/plain": f"{sentence} ({self._summary()})",
            "text/html": as_html(sentence, svg),
        }

    def _summary(self) -> str:
        attention = self._analysis.attention
        size = (
            f"{attention.n_tokens} tokens, {attention.n_layers} layers, {attention.n_heads} heads"
        )
        return f"{size}; {facts(self.settings)}"
