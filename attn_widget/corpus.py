"""`map_corpus`: one computation over many texts, written as they are done."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .corpuscompute import SHARED, read_compute
from .corpusdata import Corpus, Source
from .corpusitems import Reader, check_model, chunks, code_identity, digest, identity
from .corpusrun import Chunk, Engine, Job, check_client, check_workers
from .corpusstore import Store, find_arrow
from .errors import AttentionError, brief, is_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def map_corpus(
    items: Any,
    compute: str | Callable[..., Any] = "relevance",
    *,
    to: str | os.PathLike[str],
    model: Any = None,
    tokenizer: Any = None,
    chunk: int = 16,
    batch: int = 8,
    client: Any = None,
    workers: int | None = None,
    resume: bool = False,
    progress: Any = True,
    **settings: Any,
) -> Corpus:
    """Compute the same for every text of a corpus, on this machine or on a Dask cluster.

    The results go to a folder of Parquet files, one a chunk of items, as they are done; memory
    does not grow with the corpus. An item that fails becomes a row with its error. A run that was
    interrupted goes on with `resume=True`, and leaves the same data set.

    Parameters
    ----------
    items : list or iterator
        `Attention` objects or what `Attention(...)` takes; paths of files that `load` reads; or,
        with a model, texts. They may be mixed, and of any length. An iterator is read as it goes.
    compute : {"relevance", "flow", "heads", "evaluation"} or function
        "relevance": what one output draws from each token; settings `method`, `levels`, `heads`,
        `top_head`, `residual`, `drop` as in `AttentionWidget`, and `source`, a token position (-1:
        the last; None: the mean over all outputs).
        "flow": attention flow of all pairs, with the share of them on their trivial bound;
        settings `levels`, `heads`, `top_head`, `residual`, `drop`.
        "heads": entropy, distance, share of special tokens and of flow on the trivial bound of
        every head, for `head_statistics_chart`; settings `residual` and `outputs`, how many
        outputs are asked for their flow (0: none).
        "evaluation": agreement with the model's own behaviour, of texts; settings of `evaluate`.
        A function of an `Attention` that returns a dict, or a list of dicts, of columns; it is
        given the settings as keywords.
    to : folder
        New, empty, or one that holds this run (with `resume`).
    model, tokenizer : optional
        A torch model and its tokenizer; or as model a function that turns a text into an
        `Attention`. The model computes in one thread at a time.
    chunk : int
        Items a partition: what is lost at most, for each thread, when a run is interrupted.
    batch : int
        Texts in one forward pass.
    client : dask.distributed.Client, optional
        By default threads in this process. Workers elsewhere must see the files that are items,
        and have this package; results come back to be written here.
    workers : int, optional
        Threads where there is no client; by default one a processor.
    resume : bool
        Go on with the run that `to` holds. It needs the same items, computation, settings, chunk
        and model, and notices others. A partition that was deleted is computed again.
    progress : bool or callable (done, total)
        A tqdm bar, where tqdm is installed; total is None for an iterator.
    **settings
        Of the computation.

    Returns
    -------
    Corpus

    Raises
    ------
    AttentionError
        In one sentence: a setting, a folder that holds something else, a disk that is full, a
        client that went away. What was written stays.
    ImportError
        Without Dask or pyarrow.

    Examples
    --------
    >>> import attn_widget as aw, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> samples = (aw.load_sample(name) for name in aw.sample_names())
    >>> corpus = map_corpus(samples, "relevance", to=folder.name, progress=False, source=0)
    >>> corpus.to_frame()["n_tokens"].tolist()
    [16, 17, 46]
    >>> folder.cleanup()
    """
    find_arrow()
    check_model(model, tokenizer)
    job = read_compute(compute, settings, model, tokenizer)
    _check_count(chunk, "chunk")
    _check_count(batch, "batch")
    reader = Reader(model, tokenizer, batch)
    store = Store(_folder(to))
    about_run: dict[str, Any] = {
        "compute": job.name,
        "function": None if job.columns is not None else code_identity(compute),
        "settings": _storable(job.settings),
        "chunk": chunk,
        "model": identity(model),
        "columns": _documented(SHARED | (job.columns or {})),
        "complete": False,
    }
    pieces = chunks(items, chunk)
    check_workers(workers)
    if client is not None:
        check_client(client)
    if not callable(progress) and not isinstance(progress, bool):
        message = f"progress is {brief(progress)}: say True, False, or give a function."
        raise AttentionError(message)
    total = len(items) if hasattr(items, "__len__") else None
    store.begin(about_run, resume=resume)
    run = _Run(store, chunk, reader)
    with _Bar(progress, total) as bar:
        run.told = bar.add
        with Engine(Job(job, reader), client, workers) as engine:
            for piece, done in engine.results(run.todo(pieces)):
                store.write_part(piece.number, done.content)
                run.count(done.items, done.errors)
        run.check_end()
    found = about_run["columns"]
    if job.columns is None:
        found = _documented(SHARED | store.conform())
    with store.writing():
        store.write_manifest(
            about_run
            | {"columns": found, "complete": True, "items": run.items, "errors": run.errors}
        )
    return Corpus(store.path, Source(items, reader))


class _Run:
    """What is there already, and what is to be done."""

    told: Callable[[int], object]

    def __init__(self, store: Store, size: int, reader: Reader) -> None:
        self.store = store
        self.items = self.errors = 0
        self._size = size
        self._reader = reader
        self._chunks = 0

    def count(self, items: int, errors: int) -> None:
        self.items += items
        self.errors += errors
        self.told(items)

    def todo(self, pieces: Iterator[list[Any]]) -> Iterator[Chunk]:
        """Pass the chunks on that have no partition yet."""
        while True:
            try:
                items = next(pieces, None)
            except AttentionError:
                raise
            except Exception as error:
                message = (
                    f"The items of the corpus ended in chunk {self._chunks} with "
                    f"{type(error).__name__}: {error}; what came before is kept, so mend that and "
                    "call map_corpus again with resume=True."
                )
                raise AttentionError(message) from error
            if items is None:
                return
            index, start = self._chunks, self._chunks * self._size
            self._chunks += 1
            known = self.store.about_part(index)
            if known is not None and self._same(known, items, start):
                self.count(known["items"], known["errors"])
                continue
            origins = [self._reader.origin(item) for item in items]
            sent = [self._reader.sent(item) for item in items]
            yield Chunk(index, start, sent, origins, digest(items, self._reader))

    def check_end(self) -> None:
        """Refuse a corpus that is shorter than what was computed of it."""
        extra = len(self.store.parts()) - self._chunks
        if extra > 0:
            message = (
                f"The items end after {self.items} and {self.store.path} holds {extra} more "
                f"{'partition' if extra == 1 else 'partitions'}: resume with the same items, or "
                "choose another folder."
            )
            raise AttentionError(message)

    def _same(self, known: dict[str, Any], items: list[Any], start: int) -> bool:
        """Whether a partition is about these items; the last one may have grown."""
        count = known["items"]
        if count <= len(items) and digest(items[:count], self._reader) == known["digest"]:
            return bool(count == len(items))
        message = (
            f"Items {start} to {start + len(items) - 1} are not those that {self.store.path} was "
            "computed from: resume with the same items, or choose another folder."
        )
        raise AttentionError(message)


class _Bar(AbstractContextManager["_Bar"]):
    """A tqdm bar, a callable, or nothing."""

    def __init__(self, progress: Any, total: int | None) -> None:
        self._total = total
        self._done = 0
        self._told = progress if callable(progress) else None
        self._bar: Any = None
        if progress is True:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, desc="corpus", unit="item")

    def add(self, items: int) -> None:
        self._done += items
        if self._bar is not None:
            self._bar.update(items)
        if self._told is not None:
            self._told(self._done, self._total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _folder(to: object) -> Path:
    if not isinstance(to, str | os.PathLike) or not os.fspath(to):
        message = f"to is {brief(to)}: give the folder that the data set is written to."
        raise AttentionError(message)
    return Path(to)


def _check_count(count: object, name: str) -> None:
    if not is_index(count) or count < 1:  # type: ignore[operator]
        message = f"{name} is {brief(count)}: give a whole number of items, 1 or more."
        raise AttentionError(message)


def _storable(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the manifest keeps them; of what JSON cannot hold, its text."""
    import json

    return dict(json.loads(json.dumps(settings, default=_as_json)))


def _as_json(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return code_identity(value) if callable(value) else brief(value)


def _documented(columns: Any) -> dict[str, Any]:
    return {name: {"type": kind, "meaning": says} for name, (kind, says) in columns.items()}
