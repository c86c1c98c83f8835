"""The data set that `map_corpus` writes: a folder of Parquet files, one a chunk of items.

Format, version 1. The folder holds

``_corpus.json``
    The manifest: ``format`` ("attn-widget corpus"), ``version``, ``compute``, ``settings``,
    ``chunk`` (items a partition), ``function`` and ``model`` (what tells them from others, or
    null), ``columns`` (name -> ``type`` and ``meaning``), and once the run is through ``complete``
    (true), ``items`` and ``errors`` (how many).
``part-000000.parquet``, ``part-000001.parquet``, ...
    Partition k has the rows of items k * chunk to (k + 1) * chunk - 1, in their order. Its schema
    metadata has the key ``attn_widget.corpus``: JSON with ``version``, ``chunk`` (k), ``items``,
    ``errors`` and ``digest`` (of the items, so that a resumed run notices other ones).

Every file appears whole or not at all. Names with a leading underscore or dot are skipped by
pyarrow, pandas, Dask and Spark, so ``pandas.read_parquet(folder)`` reads the whole.
"""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from .corpuscompute import SHARED
from .errors import AttentionError, FileError, brief
from .writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .corpuscompute import Columns, Row

FORMAT = "attn-widget corpus"
VERSION = 1
MANIFEST = "_corpus.json"
_KEY = b"attn_widget.corpus"


def find_arrow() -> Any:
    """Import pyarrow, or say how to get it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        message = "A corpus is kept as Parquet: pip install 'attn-widget[corpus]'."
        raise ImportError(message) from None
    return pa


def encode(rows: Sequence[Row], columns: Columns | None, about: dict[str, Any]) -> bytes:
    """Write rows as the bytes of one Parquet file.

    With `columns` these are its columns, whatever the rows lack; without, those of the rows, each
    of the type that its values have (text, where they have several).
    """
    pa = find_arrow()
    import pyarrow.parquet as pq

    known = SHARED | (columns or {})
    names = [*known, *({key: None for row in rows for key in row} if columns is None else {})]
    arrays, fields = [], []
    for name in dict.fromkeys(names):
        values = [plain(row.get(name)) for row in rows]
        if name in known:
            array = pa.array(values, type=arrow_type(known[name][0]))
        else:
            array = _guessed(values)
        arrays.append(array)
        fields.append(pa.field(name, array.type))
    schema = pa.schema(fields, metadata={_KEY: json.dumps({"version": VERSION, **about})})
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def arrow_type(name: str) -> Any:
    """Return the pyarrow type of a name such as "double" or "list<string>"."""
    pa = find_arrow()
    if name.startswith("list<"):
        return pa.list_(arrow_type(name[5:-1]))
    return {
        "double": pa.float64(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "string": pa.string(),
        "bool": pa.bool_(),
    }[name]


def plain(value: Any) -> Any:
    """Turn numpy and torch into what Parquet takes."""
    if isinstance(value, np.ndarray):
        return value if value.ndim == 1 and value.dtype.kind in "fiub" else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return plain(value.detach().cpu().numpy()) if value.ndim else value.item()
    return value


def check_storable(row: Row) -> None:
    """Refuse a value of a user's function that has no place in a Parquet file."""
    pa = find_arrow()
    for name, value in row.items():
        try:
            pa.array([plain(value)])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            message = (
                f"Column {name!r} was given {brief(value)}: numbers, text, dates, and lists or "
                "dicts of them can be stored."
            )
            raise AttentionError(message) from None


def _guessed(values: list[Any]) -> Any:
    pa = find_arrow()
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([as_text(value) for value in values], type=pa.string())


def as_text(value: Any) -> str | None:
    """Write a value of a column that has several types."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value.tolist() if isinstance(value, np.ndarray) else value, default=str)


class Store:
    """The folder of one data set, as a run writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def part(self, index: int) -> Path:
        """Return the path of a partition."""
        return self.path / f"part-{index:06d}.parquet"

    def parts(self) -> list[Path]:
        """Return the partitions that are there, in their order."""
        return sorted(self.path.glob("part-[0-9]*.parquet"))

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest, None where there is no data set."""
        path = self.path / MANIFEST
        try:
            found: Any = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            message = f"{self.path} is a file: give the name of a folder."
            raise FileError(message) from None
        except ValueError:
            message = f"{path} is damaged: restore it, or compute the corpus anew elsewhere."
            raise FileError(message) from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            message = f"{path} is no manifest of a corpus: choose another folder."
            raise FileError(message)
        if found["version"] != VERSION:
            message = (
                f"{self.path} is of version {found['version']} and this package reads version "
                f"{VERSION}: use the version of attn-widget that wrote it, or a newer one."
            )
            raise FileError(message)
        return dict(found)

    def begin(self, about: dict[str, Any], *, resume: bool) -> None:
        """Take a new folder, or one that holds the same run, unfinished or finished."""
        known = self.manifest()
        if known is None:
            if self.path.is_dir() and any(self.path.iterdir()):
                message = f"{self.path} holds other files: choose an empty folder, or a new name."
                raise FileError(message)
            with self.writing():
                self.path.mkdir(parents=True, exist_ok=True)
                self.write_manifest(about)
            return
        count = len(self.parts())
        if not resume:
            message = (
                f"{self.path} holds a run of {known['compute']!r} ({count} partitions): choose "
                "another folder, or say resume=True to go on with it."
            )
            raise FileError(message)
        for name in ("compute", "function", "settings", "chunk", "model"):
            if known[name] != json.loads(json.dumps(about[name])):
                message = (
                    f"{self.path} was computed with {_difference(name, known[name], about[name])}: "
                    "a resumed run needs the same, so choose another folder for this one."
                )
                raise AttentionError(message)
        for left in self.path.glob(".*.part"):
            left.unlink(missing_ok=True)  # of a process that was killed while it wrote

    def write_manifest(self, about: dict[str, Any]) -> None:
        """Write the manifest in one step."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **about}, indent=1)
        _write(self.path / MANIFEST, (text + "\n").encode())

    def write_part(self, index: int, content: bytes) -> None:
        """Write a partition in one step."""
        with self.writing():
            _write(self.part(index), content)

    def about_part(self, index: int) -> dict[str, Any] | None:
        """Return what a partition says of itself, None where there is none that can be read."""
        return about(self.part(index))

    def conform(self) -> Columns:
        """Give all partitions of a user's function the same columns; returns their types."""
        pa = find_arrow()
        import pyarrow.parquet as pq

        schemas = {path: pq.read_schema(path).remove_metadata() for path in self.parts()}
        if not schemas:
            return {}
        fields: dict[str, Any] = {}
        for schema in schemas.values():
            for one in schema:
                try:
                    known = fields.get(one.name, one)
                    fields[one.name] = pa.unify_schemas(
                        [pa.schema([known]), pa.schema([one])], promote_options="permissive"
                    ).field(0)
                except pa.ArrowException:
                    fields[one.name] = pa.field(one.name, pa.string())
        wanted = pa.schema(list(fields.values()))
        for path, schema in schemas.items():
            if schema != wanted:
                with self.writing():
                    self._rewrite(path, wanted)
        return {one.name: (str(one.type), "") for one in wanted if one.name not in SHARED}

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Say in one sentence why a file cannot be written, and that nothing is lost."""
        try:
            yield
        except OSError as error:
            why = error.__cause__ if isinstance(error, FileError) else error
            reason = getattr(why, "strerror", None) or str(error)
            message = (
                f"{self.path} cannot be written: {reason}; the {len(self.parts())} partitions that "
                "are there are kept, so mend that and call map_corpus again with resume=True."
            )
            raise FileError(message) from error

    def _rewrite(self, path: Path, wanted: Any) -> None:
        pa = find_arrow()
        import pyarrow.parquet as pq

        table = pq.read_table(path, partitioning=None)
        arrays = []
        for one in wanted:
            if one.name not in table.column_names:
                arrays.append(pa.nulls(table.num_rows, one.type))
                continue
            column = table.column(one.name)
            try:
                arrays.append(column.cast(one.type))
            except pa.ArrowException:
                arrays.append(pa.array([as_text(v) for v in column.to_pylist()], type=one.type))
        buffer = io.BytesIO()
        schema = wanted.with_metadata(table.schema.metadata)
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
        _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda file: file.write(content), overwrite=True)


def about(path: Path) -> dict[str, Any] | None:
    """Return what a partition says of itself, None where there is none that can be read."""
    pa = find_arrow()
    import pyarrow.parquet as pq

    try:
        found: dict[str, Any] = json.loads(pq.read_schema(path).metadata[_KEY])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return found


def _difference(name: str, old: Any, new: Any) -> str:
    if name == "settings":
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != json.loads(json.dumps(new.get(key))):
                return f"{key}={brief(old.get(key))} and this call says {brief(new.get(key))}"
    if name == "function":
        return f"another {brief(old['name'] if old else new['name'])}"
    if name == "model":
        return "another model" if old else "no model and this call has one"
    return f"{name}={brief(old)} and this call says {brief(new)}"
