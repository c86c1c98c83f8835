"""The engine of `map_corpus`: chunks on Dask, a bounded number at a time.

On one machine by default, as threads of a Dask worker inside this process: nothing is copied, and
the flow kernels let go of the interpreter. Or on the client that a user passes.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .corpusitems import Example, Reader, one_line
from .corpusstore import check_storable, encode
from .errors import AttentionError, brief
from .workers import processors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .corpuscompute import Compute, Row

_LOOK = 0.5  # seconds between two looks at the client
_PATIENCE = 30.0  # seconds that a client may be without a scheduler or a worker


class Chunk(NamedTuple):
    """A piece of work: some items, and where they stand."""

    number: int
    start: int
    items: list[Any]
    origins: list[str | None]
    digest: str


class Done(NamedTuple):
    """A chunk that was computed: one Parquet file."""

    content: bytes
    items: int
    errors: int


class Job(NamedTuple):
    """What is the same for all chunks."""

    compute: Compute
    reader: Reader

    def run(self, chunk: Chunk) -> Done:
        """Compute one chunk; an item that fails becomes a row with its error."""
        rows: list[Row] = []
        failed = 0
        of_text = self.compute.of_text
        read = self.reader.texts(chunk.items) if of_text else self.reader.read(chunk.items)
        for at, (example, origin) in enumerate(zip(read, chunk.origins, strict=True)):
            found, error = self._rows(example)
            shared: Row = {"item": chunk.start + at, "origin": origin, "error": error}
            if example.attention is not None:
                shared["tokens"] = list(example.attention.tokens)
                shared["special"] = list(example.attention.special)
                shared["n_tokens"] = example.attention.n_tokens
            failed += error is not None
            rows.extend(shared | {"row": number} | row for number, row in enumerate(found))
        return self._encoded(chunk, rows, failed)

    def lost(self, chunk: Chunk, error: BaseException) -> Done:
        """Record a chunk that no worker came back from."""
        text = one_line(error)
        rows: list[Row] = [
            {"item": chunk.start + at, "row": 0, "origin": origin, "error": text}
            for at, origin in enumerate(chunk.origins)
        ]
        return self._encoded(chunk, rows, len(rows))

    def _rows(self, example: Example) -> tuple[list[Row], str | None]:
        if example.error is not None:
            return [{}], example.error
        try:
            found = self.compute.rows(example)
            if self.compute.columns is None:
                for row in found:
                    check_storable(row)
        except Exception as error:  # noqa: BLE001 - recorded, and the rest goes on
            return [{}], one_line(error)
        return found, None

    def _encoded(self, chunk: Chunk, rows: list[Row], failed: int) -> Done:
        count = len(chunk.items)
        about = {"chunk": chunk.number, "items": count, "errors": failed, "digest": chunk.digest}
        return Done(encode(rows, self.compute.columns, about), count, failed)


class _Here:
    """Something that stays in this process: to a Dask worker in it, only its number is sent."""

    _kept: dict[int, Any] = {}  # noqa: RUF012 - shared on purpose
    _numbers = itertools.count()

    def __init__(self, value: Any) -> None:
        self.number = next(self._numbers)
        self._kept[self.number] = value

    @classmethod
    def of(cls, number: int) -> Any:
        return cls._kept[number]

    @classmethod
    def forget(cls, number: int) -> None:
        cls._kept.pop(number, None)


def _run_here(job: int, chunk: int) -> Done:
    done: Done = _Here.of(job).run(_Here.of(chunk))
    return done


def _run_there(job: Job, chunk: Chunk) -> Done:
    return job.run(chunk)


def _same(job: Job) -> Job:
    return job


class Engine:
    """Chunks on a Dask client; the client of this machine is made and closed here."""

    def __init__(self, job: Job, client: Any, workers: int | None) -> None:
        self._job = job
        self._dask = _find_dask()
        self._own = client is None
        self._client = _local_client(self._dask, workers) if client is None else client
        self._held: dict[Any, tuple[Chunk, _Here | None]] = {}
        self._shared: Any = _Here(job) if self._own else None
        self._news = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in list(self._held):
            self._release(future)
            with contextlib.suppress(Exception):  # the client may be gone
                future.cancel()
        if self._own:
            _Here.forget(self._shared.number)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._client.close()
                self._client.cluster.close()

    def results(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Done]]:
        """Compute chunks; they come back in the order in which they are done.

        Twice as many as there are threads are on their way at a time, so memory does not depend on
        the length of the corpus. What is on its way when the items themselves fail is still
        computed and handed out before that error is raised.
        """
        window = 2 * max(1, sum(self._client.nthreads().values())) + 1
        stopped: BaseException | None = None
        more = True
        while more or self._held:
            while more and len(self._held) < window:
                try:
                    chunk = next(chunks, None)
                except Exception as error:  # noqa: BLE001 - raised again below
                    stopped, chunk = error, None
                if chunk is None:
                    more = False
                else:
                    self._submit(chunk)
            for future in self._finished() if self._held else ():
                chunk, _ = self._held[future]
                done = self._take(future, chunk)
                self._release(future)
                yield chunk, done
        if stopped is not None:
            raise stopped

    def _submit(self, chunk: Chunk) -> None:
        here = _Here(chunk) if self._own else None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            try:
                if here is not None:
                    job = self._shared.number
                    future = self._client.submit(_run_here, job, here.number, pure=False)
                else:
                    future = self._client.submit(_run_there, self._job_there(), chunk, pure=False)
                future.add_done_callback(lambda _: self._news.set())
            except Exception as error:
                if self._client.status != "running":
                    raise _gone(error) from error
                message = (
                    f"This cannot be sent to the workers: {one_line(error)}; define the function "
                    "and the model's class in a module that the workers can import."
                )
                raise AttentionError(message) from error
        self._held[future] = (chunk, here)

    def _job_there(self) -> Any:
        """Send the job once, as a task: computed again where a worker that has it is lost."""
        if self._shared is None:
            self._shared = self._client.submit(_same, self._job, pure=False)
        return self._shared

    def _finished(self) -> list[Any]:
        """Wait until something is done; look at the client now and then."""
        alone = time.monotonic()
        while True:
            # Not distributed's own wait: one that times out leaves a task behind that complains.
            self._news.wait(_LOOK)
            self._news.clear()
            done = [future for future in self._held if future.status in {"finished", "error"}]
            if done:
                # In the order of the corpus, as far as they are done.
                return sorted(done, key=lambda future: self._held[future][0].number)
            lost = [one for one in self._held if one.status in {"cancelled", "lost"}]
            if lost or self._client.status in {"closed", "closing"}:
                raise _gone(None)
            if self._client.status == "running" and self._workers():
                alone = time.monotonic()
            elif time.monotonic() - alone > _PATIENCE:
                raise _gone(None)

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except Exception:  # noqa: BLE001 - no scheduler, no workers
            return 0

    def _take(self, future: Any, chunk: Chunk) -> Done:
        try:
            done: Done = future.result()
        except self._dask.scheduler.KilledWorker:
            # The chunk that kills every worker it is given: the rest goes on without it.
            return self._job.lost(chunk, AttentionError(_KILLED))
        except self._dask.CancelledError as error:
            raise _gone(error) from error
        except Exception as error:
            # The client may have gone while another chunk was written.
            if self._client.status != "running":
                raise _gone(error) from error
            return self._job.lost(chunk, error)
        return done

    def _release(self, future: Any) -> None:
        _, here = self._held.pop(future)
        if here is not None:
            _Here.forget(here.number)
        with contextlib.suppress(Exception):  # the client may be gone
            future.release()


_KILLED = (
    "Every worker that was given this chunk died, maybe for want of memory: try a smaller chunk, "
    "or workers with more memory."
)


class GoneError(AttentionError, ConnectionError):
    """The Dask client lost its scheduler or all of its workers."""


def _gone(error: BaseException | None) -> GoneError:
    why = f" ({one_line(error)})" if error is not None else ""
    return GoneError(
        f"The Dask client has lost its scheduler or its workers{why}: what was written is kept, so "
        "start a client and call map_corpus again with resume=True."
    )


def _find_dask() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it imports
            import distributed
            import distributed.scheduler
    except ImportError:
        message = "map_corpus runs on Dask: pip install 'attn-widget[corpus]'."
        raise ImportError(message) from None
    return distributed


def check_client(client: Any) -> None:
    """Refuse what is no Dask client that runs and has workers."""
    if not (hasattr(client, "submit") and hasattr(client, "nthreads")):
        message = (
            f"client is {brief(client)}: give a dask.distributed.Client, or none for threads on "
            "this machine."
        )
        raise AttentionError(message)
    if getattr(client, "asynchronous", False):
        message = "The client is asynchronous: make one with Client(..., asynchronous=False)."
        raise AttentionError(message)
    if client.status != "running":
        message = (
            f"The Dask client is {client.status}: start a new one, or leave client out for "
            "threads on this machine."
        )
        raise AttentionError(message)


def check_workers(workers: object) -> int | None:
    """Check the number of threads on this machine."""
    if workers is None:
        return None
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        message = f"workers is {brief(workers)}: give how many threads, 1 or more."
        raise AttentionError(message)
    return workers


# What a cluster watches and one process need not: its ticks take the interpreter from the work.
_CALM = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}


def _local_client(distributed: Any, workers: int | None) -> Any:
    import dask

    with warnings.catch_warnings(), dask.config.set(_CALM):
        warnings.simplefilter("ignore")
        return distributed.Client(
            processes=False,
            n_workers=1,
            threads_per_worker=workers or processors(),
            # Of the pages that every scheduler and worker serves, none outside of this machine.
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=logging.ERROR,  # a run that is given up says so in a sentence of its own
            set_as_default=False,
        )
