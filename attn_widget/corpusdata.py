"""`Corpus`: the data set that `map_corpus` leaves, as one reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .corpusitems import Reader, check_model
from .corpusstore import MANIFEST, Store, about, arrow_type, find_arrow
from .errors import AttentionError, FileError, check_index

if TYPE_CHECKING:
    import os

    import pandas as pd

    from .attention import Attention


@dataclass(frozen=True)
class Source:
    """Where the attention of an item comes from, as long as the session lasts."""

    items: Any
    reader: Reader


class Corpus:
    """The data set of one `map_corpus`: a folder of Parquet files with a manifest.

    Any reader of Parquet reads the folder, `dask.dataframe.read_parquet` one that is larger than
    memory.

    Attributes
    ----------
    path : Path
        The folder.
    meta : dict
        The manifest: compute, settings, chunk, columns (type and meaning of each), complete, and
        of a complete one the numbers of items and errors.

    Examples
    --------
    ``len(corpus)`` is the number of items, ``corpus[3]`` the rows of one as a list of dicts.
    """

    def __init__(self, path: str | os.PathLike[str], source: Source | None = None) -> None:
        self.path = Path(path)
        meta = Store(self.path).manifest()
        if meta is None:
            message = (
                f"{self.path} holds no corpus: there is no {MANIFEST} in it; give the folder that "
                "map_corpus wrote."
            )
            raise FileError(message)
        self.meta: dict[str, Any] = meta
        self._source = source

    def __len__(self) -> int:
        if self.meta["complete"]:
            return int(self.meta["items"])
        known = (about(path) for path in self._parts())
        return sum(int(one["items"]) for one in known if one is not None)

    def __repr__(self) -> str:
        if not self.meta["complete"]:
            return f"Corpus({self.meta['compute']!r}, {len(self)} items so far, {self.path})"
        failed = self.meta["errors"]
        tail = f", {failed} failed" if failed else ""
        return f"Corpus({self.meta['compute']!r}, {len(self)} items{tail}, {self.path})"

    def __getitem__(self, item: int) -> list[dict[str, Any]]:
        return self._part(check_index(item, len(self), "item"))

    def to_frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the data set, or some of its columns, as one pandas table.

        Raises
        ------
        AttentionError
            For a column that it does not have.
        """
        frame: pd.DataFrame = self.to_arrow(columns).to_pandas()
        return frame

    def to_arrow(self, columns: Sequence[str] | None = None) -> Any:
        """Return the data set, or some of its columns, as a `pyarrow.Table`."""
        pa = find_arrow()
        import pyarrow.parquet as pq

        for name in columns or ():
            if name not in self.meta["columns"]:
                message = (
                    f"There is no column {name!r}: choose from {', '.join(self.meta['columns'])}."
                )
                raise AttentionError(message)
        wanted = None if columns is None else list(columns)
        tables = [pq.read_table(path, columns=wanted, partitioning=None) for path in self._parts()]
        if not tables:
            chosen = {n: c for n, c in self.meta["columns"].items() if n in (wanted or [n])}
            return pa.table(
                {name: pa.array([], arrow_type(one["type"])) for name, one in chosen.items()}
            )
        plain = [table.replace_schema_metadata(None) for table in tables]
        return pa.concat_tables(plain, promote_options="permissive")

    @property
    def errors(self) -> pd.DataFrame:
        """The items that failed: item, origin, error."""
        frame = self.to_frame(["item", "origin", "error"])
        return frame[frame["error"].notna()].reset_index(drop=True)

    def attention(self, item: int, *, model: Any = None, tokenizer: Any = None) -> Attention:
        """Return the attention of an item: from the items given, its file, or the model again.

        Parameters
        ----------
        item : int
        model, tokenizer : optional
            For texts, where this corpus was opened and not just computed.

        Raises
        ------
        AttentionError
            For an item that failed, or of which nothing but the numbers is left.
        """
        row = self[item][0]
        if row["error"] is not None:
            raise AttentionError(row["error"])
        items = self._source.items if self._source is not None else None
        if isinstance(items, Sequence) and not isinstance(items, str):
            given = items[item]
        elif row["origin"] is not None:
            given = row["origin"]
        else:
            message = (
                f"Item {item} was an attention that is not kept: give map_corpus a list of them, "
                "or files that aw.save wrote."
            )
            raise AttentionError(message)
        reader = self._source.reader if self._source is not None else Reader()
        if model is not None:
            check_model(model, tokenizer)
            reader = Reader(model, tokenizer)
        if reader.model is None and self.meta["model"] and isinstance(given, str):
            message = (
                f"Item {item} is a text: give the model and the tokenizer that read it, "
                f"{self.meta['model']['name']}."
            )
            raise AttentionError(message)
        (example,) = reader.read([given])
        if example.attention is None:
            raise AttentionError(example.error or "")
        return example.attention

    def _parts(self) -> list[Path]:
        return Store(self.path).parts()

    def _part(self, item: int) -> list[dict[str, Any]]:
        import pyarrow.parquet as pq

        part = Store(self.path).part(item // int(self.meta["chunk"]))
        table = pq.read_table(part, partitioning=None, filters=[("item", "=", item)])
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows


def open_corpus(path: str | os.PathLike[str]) -> Corpus:
    """Open a data set that `map_corpus` wrote.

    Parameters
    ----------
    path : folder
        Of a run that is through, or of one that is not.

    Raises
    ------
    AttentionError
        For a folder that holds none.
    """
    return Corpus(path)
