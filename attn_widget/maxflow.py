"""Maximum flow on dense layered capacities: threads, interruption, and the kernels' late arrival.

Knows nothing of attention. numba is loaded by a background thread the first time it is wanted,
never by importing this module: see `warm_up`.
"""

from __future__ import annotations

import importlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
T = TypeVar("T")

TOLERANCE = 1e-9
"""A value is proved when its flow and its cut differ by no more than this."""

_POLL = 0.05  # seconds between two looks at a cancel flag


class FlowCancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The computation was dropped because its `cancel` flag was set."""


class Flag(Protocol):
    """Anything with `is_set()`, such as a `threading.Event`."""

    def is_set(self) -> bool: ...


class _Loader:
    """Imports the compiled kernels once, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._loaded = threading.Event()
        self._started = False
        self.kernels: Any = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        if self._process != os.getpid() and not self._loaded.is_set():
            # Forked while the parent was compiling: its thread does not exist here.
            self._lock, self._loaded = threading.Lock(), threading.Event()
            self._process, self._started = os.getpid(), False
        with self._lock:
            if self._started:
                return
            self._started = True
            threading.Thread(target=self._run, name="attn_widget-kernels", daemon=True).start()

    def _run(self) -> None:
        try:
            self.kernels = importlib.import_module("attn_widget.kernels")
        except BaseException as error:  # handed to whoever waits for the kernels
            self.failure = error
        finally:
            self._loaded.set()

    def ready(self) -> bool:
        return self._loaded.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._loaded.wait(timeout)


_loader = _Loader()


def warm_up() -> None:
    """Begin to load (the very first time: compile) the flow kernels in a background thread.

    Returns at once and may be called any number of times.
    """
    _loader.start()


def ready() -> bool:
    """Whether the kernels are loaded, so that a flow call starts without delay."""
    return _loader.ready()


def wait_ready(timeout: float | None = None, *, cancel: Flag | None = None) -> bool:
    """Start loading if need be and wait for the kernels; `False` when `timeout` ran out first."""
    warm_up()
    waited = 0.0
    while not _loader.wait(_POLL):
        waited += _POLL
        if cancel is not None and cancel.is_set():
            raise FlowCancelled
        if timeout is not None and waited >= timeout:
            return False
    return True


def kernels(cancel: Flag | None = None) -> Any:
    """The compiled module, waiting for it if need be."""
    wait_ready(cancel=cancel)
    if _loader.failure is not None:
        raise RuntimeError("the flow kernels could not be compiled") from _loader.failure
    return _loader.kernels


def processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Layers:
    """Dense capacities `caps[l, i, j]` from level `l` to `l + 1`, with the sets of open arcs."""

    caps: Floats
    open_arcs: Words
    big: Words

    @classmethod
    def of(cls, caps: Floats, compiled: Any) -> Layers:
        caps = np.ascontiguousarray(caps)
        layers, n, _ = caps.shape
        open_arcs = np.zeros((layers, n, -(-n // 64)), np.uint64)
        big = np.zeros_like(open_arcs)
        compiled.arc_bits(caps, 0.1, open_arcs, big)
        return cls(caps, open_arcs, big)


class Pairs:
    """Maximum flow between many pairs of a source and a sink of one layered network.

    Parameters
    ----------
    maps : array, shape (blocks, n, n); at least three blocks
        Capacities, lowest block first: `maps[b, i, j]` joins node `i` above to node `j` below.
    rows, columns : nodes at the top and at the bottom
    values, gap : arrays, shape (rows, columns), C-ordered
        Filled in.
    """

    def __init__(
        self,
        maps: Floats,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        values: Floats,
        gap: Floats,
    ) -> None:
        self._maps = maps
        self._rows = rows
        self._columns = columns
        self._values = values
        self._gap = gap
        # Nothing flows to a later token: the nodes between the two ends are all that matters.
        self._triangular = not any(np.triu(level, 1).any() for level in maps)

    def run(
        self,
        order: NDArray[np.intp],
        *,
        threads: int,
        cancel: Flag | None,
        tick: Callable[[], None],
    ) -> Iterator[NDArray[np.intp]]:
        """Solve the rows in this order; yields the indices of rows as they are done."""
        from .hubs import Hub

        compiled = kernels(cancel)
        stop = np.zeros(1, np.uint8)
        width = len(self._columns)
        todo = np.ones((len(order), width), np.bool_)

        def in_pieces(work: Callable[[int, int], None], count: int, size: int) -> None:
            for _ in self._pieces(work, count, size, threads, cancel, stop, tick):
                pass

        if len(self._maps) > 3 and not self._triangular:
            proved = Hub(self._maps, compiled, in_pieces, stop).prove(
                self._rows[order], self._columns
            )
            todo = proved == 0
            bound = np.minimum.outer(
                self._maps[-1].sum(axis=1)[self._rows], self._maps[0].sum(axis=0)[self._columns]
            )
            settled = ~todo
            self._values[order] = np.where(settled, bound[order], 0)
            self._gap[order] = np.where(settled, np.abs(bound[order] - proved), 0)
        left = todo.sum(axis=1)
        if not left.all():
            yield order[left == 0]
        # Searched from the sink: what limits a flow is mostly near it, where the column is thin.
        upward = Layers.of(self._maps[1:-1].transpose(0, 2, 1), compiled)
        supplies = np.ascontiguousarray(self._maps[0].T)
        spare: list[Floats] = []  # copies of the capacities, one a thread
        rows, columns = np.nonzero(todo)

        def solve(begin: int, end: int) -> None:
            row, column = order[rows[begin:end]], columns[begin:end]
            rest = spare.pop() if spare else upward.caps.copy()
            value, gap = np.empty(end - begin), np.empty(end - begin)
            compiled.solve_pairs(
                upward.caps,
                rest,
                upward.open_arcs,
                upward.big,
                supplies,
                self._maps[-1],
                self._columns[column],
                self._rows[row],
                self._triangular,
                value,
                gap,
                stop,
            )
            if not stop[0]:
                spare.append(rest)
                self._values[row, column] = value
                self._gap[row, column] = gap

        # Pieces of some milliseconds: enough to balance the threads and to show rows early.
        size = int(4e6 / upward.caps.size)
        for begin, end in self._pieces(solve, len(rows), size, threads, cancel, stop, tick):
            np.subtract.at(left, rows[begin:end], 1)
            ready = np.unique(rows[begin:end])
            ready = ready[left[ready] == 0]
            if len(ready):
                yield order[ready]

    @staticmethod
    def _pieces(
        work: Callable[[int, int], None],
        count: int,
        size: int,
        threads: int,
        cancel: Flag | None,
        stop: NDArray[np.uint8],
        tick: Callable[[], None],
    ) -> Iterator[tuple[int, int]]:
        """Call `work(begin, end)` for pieces of `range(count)`; yields them as they are done."""
        size = max(1, size)
        if count <= size:
            if count:
                work(0, count)
                yield 0, count
            return

        def job(begin: int, end: int) -> tuple[int, int]:
            work(begin, end)
            return begin, end

        jobs = ((begin, min(begin + size, count)) for begin in range(0, count, size))
        for done in in_threads(job, jobs, threads=threads, cancel=cancel, stop=stop, tick=tick):
            yield from done


def in_threads(
    work: Callable[..., T],
    jobs: Iterator[tuple[int, ...]],
    *,
    threads: int,
    cancel: Flag | None,
    stop: NDArray[np.uint8],
    tick: Callable[[], None],
) -> Iterator[list[T]]:
    """Run `work(*job)` for every job, begun in order; yields lists of its results.

    The caller's thread only waits, so that Ctrl-C reaches it, looks at `cancel` and calls `tick`
    every few hundredths of a second. However it is left, `stop[0]` is set, which the kernels look
    at, and no thread stays behind.
    """
    running: set[Future[T]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="attn_widget-flow") as pool:
        try:
            while True:
                for job in itertools.islice(jobs, 4 * threads - len(running)):
                    running.add(pool.submit(work, *job))
                if not running:
                    return
                finished, running = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
                if cancel is not None and cancel.is_set():
                    raise FlowCancelled
                tick()
                if finished:
                    yield [future.result() for future in finished]
        except BaseException:
            stop[0] = 1
            raise
        finally:
            for future in running:
                future.cancel()
