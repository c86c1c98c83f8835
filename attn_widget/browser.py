"""`Browser`: the box that `browse` returns."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from .errors import AttentionError, check_index
from .settings import METHODS
from .widget import AttentionWidget

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from itables.widget import ITable
except ImportError:
    message = "browse needs itables: pip install 'attn-widget[corpus]', then restart the kernel."
    raise ImportError(message) from None

if TYPE_CHECKING:
    from .attention import Attention
    from .corpusdata import Corpus

_TEXT = 80  # characters of a text in the table
_ROWS = 14  # on a page of it
_LANGUAGE: Any = {
    "search": "",
    "searchPlaceholder": "Filter",
    "info": "_START_\u2013_END_ of _TOTAL_",
    "infoFiltered": "(_MAX_ in all)",
    "select": {"rows": {"_": "", "0": "", "1": ""}},
}
_HIDDEN = ("row", "origin", "tokens", "special", "layers", "heads", "query", "key")
_KEPT = ("method", "levels", "heads", "top_head", "residual", "drop")

# The table's own style sheet knows no theme of a notebook. A row is picked as a token is in the
# widget: by the accent.
STYLE = """<style>
.aw-browser, .aw-browser * { --dt-html-background: transparent; }
.aw-browser .dt-container, .aw-browser .itables_anywidget { background: none !important; }
.aw-browser { --aw-pick: #345dcb; --aw-ink: var(--jp-ui-font-color1, currentColor);
  --aw-ink-2: var(--jp-ui-font-color2, #757575); --aw-line: var(--jp-border-color2, #8884); }
[data-jp-theme-light="false"] .aw-browser, .dark .aw-browser, .vscode-dark .aw-browser {
  --aw-pick: #65baeb; }
.aw-browser .dt-container { font: 12px/18px var(--jp-ui-font-family, system-ui, sans-serif);
  font-variant-numeric: tabular-nums; color: var(--aw-ink); }
.aw-browser .dt-layout-row { margin: 0 0 8px; }
.aw-browser .dt-layout-row:last-child { margin: 8px 0 0; }
.aw-browser .dt-search { width: 100%; }
.aw-browser .dt-container .dt-search input, .dtcc-dropdown input, .dtcc-dropdown select {
  box-sizing: border-box; height: 28px; margin: 0; padding: 0 8px; font: inherit;
  color: var(--jp-ui-font-color1, inherit); background: var(--jp-layout-color0, transparent);
  border: 1px solid var(--jp-border-color2, #8884); border-radius: 4px; }
.aw-browser .dt-container .dt-search input { width: min(100%, 260px); }
.aw-browser .dt-container .dt-info { color: var(--aw-ink-2); padding: 0; }
.aw-browser .dt-container .dt-paging .dt-paging-button { padding: 2px 7px; margin: 0;
  border: 0; border-radius: 4px; background: none; box-shadow: none;
  color: var(--aw-ink-2) !important; }
.aw-browser .dt-container .dt-paging .dt-paging-button.current,
.aw-browser .dt-container .dt-paging .dt-paging-button:not(.disabled):hover {
  background: color-mix(in srgb, var(--aw-pick) 14%, transparent) !important; border: 0;
  color: var(--aw-ink) !important; box-shadow: none; }
table.dataTable.aw-corpus { table-layout: auto; border-collapse: collapse; }
.aw-browser .dt-layout-table { overflow-x: auto; }
table.dataTable.aw-corpus thead > tr > th { padding: 4px 6px 5px; font-size: 11px; font-weight: 600;
  line-height: 14px; vertical-align: bottom; color: var(--aw-ink-2);
  background: none; border-bottom: 1px solid var(--aw-line); }
table.dataTable.aw-corpus thead .dt-column-header { flex-flow: row wrap; gap: 3px 2px;
  justify-content: flex-end; }
table.dataTable.aw-corpus thead th.aw-text .dt-column-header { justify-content: flex-start; }
table.dataTable.aw-corpus thead .dt-column-title { flex: 0 0 100% !important; }
table.dataTable.aw-corpus thead .dt-column-order { display: none; }
table.dataTable.aw-corpus .dtcc-button, table.dataTable.aw-corpus .dtcc-button-icon,
table.dataTable.aw-corpus .dtcc-button svg { display: block; min-width: 0;
  width: 12px !important; height: 12px !important; padding: 0 !important; margin: 0 !important; }
table.dataTable.aw-corpus > tbody > tr > td { padding: 4px 6px; height: 18px; cursor: pointer;
  white-space: nowrap; color: var(--aw-ink); background: none; box-shadow: none;
  border: 0; border-bottom: 1px solid var(--jp-border-color3, #8882); }
table.dataTable.aw-corpus > tbody > tr > td.aw-text { width: 99%; max-width: 0; min-width: 130px;
  overflow: hidden; text-overflow: ellipsis; }
table.dataTable.aw-corpus > tbody > tr:hover > td {
  box-shadow: inset 0 0 0 999px color-mix(in srgb, var(--aw-ink) 5%, transparent) !important; }
table.dataTable.aw-corpus > tbody > tr.selected > td { color: var(--aw-ink);
  box-shadow: inset 0 0 0 999px color-mix(in srgb, var(--aw-pick) 16%, transparent) !important; }
table.dataTable.aw-corpus > tbody > tr.selected > td:first-child { font-weight: 600;
  box-shadow: inset 3px 0 var(--aw-pick),
    inset 0 0 0 999px color-mix(in srgb, var(--aw-pick) 16%, transparent) !important; }
table.dataTable.aw-corpus .dtcc { gap: 5px; }
table.dataTable.aw-corpus .dtcc-button { opacity: .55; position: relative; }
table.dataTable.aw-corpus .dtcc-button::after { content: ""; position: absolute;
  inset: -6px -2px; } /* what a pointer can hit */
table.dataTable.aw-corpus .dtcc-button:hover, table.dataTable.aw-corpus .dtcc-button:focus-visible,
table.dataTable.aw-corpus .dtcc-button_active { opacity: 1; }
.dtcc-dropdown { color: var(--jp-ui-font-color1, inherit) !important;
  background: var(--jp-layout-color1, white) !important;
  border: 1px solid var(--jp-border-color2, #8884) !important; }
</style>"""


class Browser(ipywidgets.Box):
    """A table of a corpus with the widget beside it, or below where there is no room.

    Attributes
    ----------
    table : itables.widget.ITable
    frame : DataFrame
        What the table shows, one row a row.
    widget : AttentionWidget
    row : int
        Position in `frame` of the row on show; set it to show another one.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: pd.DataFrame | None,
        model: Any,
        tokenizer: Any,
        height: int,
    ) -> None:
        # First of all, since `close` is called on a browser that was refused, too.
        self.widget: AttentionWidget | None = None
        self.table: Any = None
        self.corpus = corpus
        self._read = {"model": model, "tokenizer": tokenizer}
        self._rows = _checked(corpus.to_frame() if table is None else table)
        self.frame = shown_frame(self._rows, texts=corpus.meta["model"] is not None)
        first, attention = self._first()
        self._row = first
        self.widget = AttentionWidget(attention, height=height, **self._settings())
        self._select(first)
        self.table = make_table(self.frame, first)
        self.table.observe(self._on_select, "selected_rows")
        self.table.layout = ipywidgets.Layout(flex="1 1 408px", min_width="0")
        self.widget.layout = ipywidgets.Layout(flex="4 1 720px", min_width="0")
        super().__init__(
            [ipywidgets.HTML(STYLE, layout={"display": "none"}), self.table, self.widget],
            layout=ipywidgets.Layout(
                display="flex", flex_flow="row wrap", grid_gap="12px", width="100%"
            ),
        )
        self.add_class("aw-browser")

    @property
    def row(self) -> int:
        """Position in `frame` of the row on show."""
        return self._row

    @row.setter
    def row(self, row: int) -> None:
        self.table.selected_rows = [check_index(row, len(self.frame), "row")]

    def close(self) -> None:
        """Close the table, the widget and the box."""
        if self.table is not None:
            self.table.close()
        if self.widget is not None:
            self.widget.close()
        super().close()

    def _first(self) -> tuple[int, Attention]:
        """The first row that can be shown."""
        error: AttentionError | None = None
        for row in range(len(self._rows)):
            try:
                return row, self._attention(row)
            except AttentionError as found:
                error = error or found
        what = f"No item of {self.corpus.path} can be shown"
        reason = "it has none." if error is None else f"the first says: {error}"
        raise AttentionError(f"{what}: {reason}")

    def _attention(self, row: int) -> Attention:
        return self.corpus.attention(int(self._rows["item"].iloc[row]), **self._read)

    def _settings(self) -> dict[str, Any]:
        """Settings of the computation, as far as a picture has them."""
        given = self.corpus.meta["settings"]
        kept = {name: given[name] for name in _KEPT if given.get(name) is not None}
        if self.corpus.meta["compute"] == "flow":
            kept["method"] = "flow"
        elif self.corpus.meta["compute"] not in {"relevance", "flow"}:
            kept = {}
        return kept

    def _on_select(self, change: dict[str, Any]) -> None:
        if not change["new"] or self.widget is None:
            return
        row = int(change["new"][0])
        if row == self._row:
            return
        try:
            attention = self._attention(row)
            with self.widget.hold_trait_notifications():
                self._show(attention)
        except AttentionError as error:
            self.widget.error = f"Item {self._rows['item'].iloc[row]}: {error}"
            return
        self._row = row
        self.widget.error = ""
        self._select(row)

    def _show(self, attention: Attention) -> None:
        assert self.widget is not None
        try:
            self.widget.attention = attention
        except AttentionError:
            # The heads on show are not all in this model: all of its heads are.
            self.widget.heads, self.widget.top_head = "mean", None
            self.widget.attention = attention

    def _select(self, row: int) -> None:
        """Select what the row is about: its output, its strongest pair, its range of levels."""
        assert self.widget is not None
        values = self._rows.iloc[row]
        widget = self.widget
        compute = self.corpus.meta["compute"]
        if compute == "evaluation" and values["method"] in METHODS:
            widget.method = values["method"]
            widget.levels = (int(values["start"]), int(values["stop"]))
        elif compute == "relevance" and self.corpus.meta["settings"].get("source") is not None:
            source = int(self.corpus.meta["settings"]["source"]) % widget.attention.n_tokens
            widget.selected = [(widget.levels[1], source)]
        elif compute == "flow" and "query" in values and pd.notna(values["query"]):
            start, stop = widget.levels
            widget.selected = [(stop, int(values["query"])), (start, int(values["key"]))]


def _checked(table: Any) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame) or "item" not in table.columns:
        message = "table must be a DataFrame with the column item, such as corpus.to_frame()."
        raise AttentionError(message)
    return table.reset_index(drop=True)


def shown_frame(rows: pd.DataFrame, *, texts: bool) -> pd.DataFrame:
    """Lay the rows out for reading: the text, plain columns, numbers to three decimals.

    `texts` says that the items were texts, which read better than their tokens.
    """
    frame = pd.DataFrame({"item": rows["item"]})
    if "tokens" in rows.columns:
        frame["text"] = [_text(row, texts=texts) for row in rows.to_dict("records")]
    for name in rows.columns:
        if name in frame.columns or name in _HIDDEN:
            continue
        values = rows[name]
        if name == "error" and values.isna().all():
            continue
        if pd.api.types.is_float_dtype(values):
            if not values.isna().all():
                frame[name.replace("_", " ")] = values.round(3)
        elif not values.map(_is_list).any():
            frame[name.replace("_", " ")] = values.where(values.notna(), "")
    return frame.rename(columns={"n tokens": "tokens"})


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def _text(row: dict[Any, Any], *, texts: bool) -> str:
    """Write an item as a line: as it was, or its tokens joined without the special ones."""
    tokens, origin = row["tokens"], row.get("origin")
    if isinstance(origin, str) and (texts or not _is_list(tokens)):
        return _short(" ".join(origin.split()))
    if not _is_list(tokens):
        return ""
    special = set(row["special"]) if _is_list(row.get("special")) else set()
    words = [str(token) for at, token in enumerate(tokens) if at not in special]
    if any(word[:1] in {"\u0120", "\u2581"} for word in words):  # these mark where words begin
        text = "".join(words).replace("\u0120", " ").replace("\u2581", " ").strip()
    else:
        text = " ".join(words).replace(" ##", "")
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "\u2026"


def make_table(frame: pd.DataFrame, selected: int) -> Any:
    """Make the table: paged, every column sorts and filters, one row at a time is selected."""
    text = [at for at, name in enumerate(frame.columns) if name in {"text", "error"}]
    return ITable(
        frame,
        select="single",
        selected_rows=[selected],
        maxBytes=0,  # all rows
        showIndex=False,
        paging=len(frame) > _ROWS,
        pageLength=_ROWS,
        classes="compact hover aw-corpus",
        style="width:100%;margin:0",
        columnControl=["order", "searchDropdown"],
        ordering={"indicators": False, "handler": False},
        columnDefs=[{"targets": text, "className": "aw-text"}],
        layout={"topStart": "search", "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
        language=_LANGUAGE,
    )
