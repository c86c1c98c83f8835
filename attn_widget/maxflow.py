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
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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


class Pairs:
    """Maximum flow between many pairs of a source and a sink of one layered network.

    Parameters
    ----------
    maps : array, shape (blocks, n, n), C-ordered; at least three blocks
        Capacities, lowest block first: `maps[b, i, j]` joins node `i` above to node `j` below.
    rows, columns : nodes at the top and at the bottom
    values, gap : arrays, shape (rows, columns)
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
        self._caps = np.ascontiguousarray(maps[-2:0:-1])
        self._outs = np.ascontiguousarray(maps[-1])
        self._ins = np.ascontiguousarray(maps[0].T)
        self._rows = rows.astype(np.int64)
        self._columns = columns.astype(np.int64)
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
        compiled = kernels(cancel)
        layers, n, _ = self._caps.shape
        # Pieces of some milliseconds: short enough to balance the threads, and to show rows early.
        piece = max(1, min(len(self._columns), int(2e6 / (layers * n * n))))
        pieces = -(-len(self._columns) // piece)
        left = dict.fromkeys(order.tolist(), pieces)
        stop = np.zeros(1, np.uint8)

        def solve(row: int, begin: int) -> int:
            part = slice(begin, begin + piece)
            compiled.solve_row(
                self._caps,
                self._outs[self._rows[row]],
                self._rows[row],
                self._ins,
                self._columns[part],
                self._triangular,
                self._values[row, part],
                self._gap[row, part],
                stop,
            )
            return row

        jobs = ((row, begin) for row in order.tolist() for begin in range(0, pieces * piece, piece))
        for done in in_threads(solve, jobs, threads=threads, cancel=cancel, stop=stop, tick=tick):
            for row in done:
                left[row] -= 1
            rows = [row for row in done if left[row] == 0]
            if rows:
                yield np.array(sorted(set(rows)), dtype=np.intp)


def in_threads(
    work: Callable[..., int],
    jobs: Iterator[tuple[int, ...]],
    *,
    threads: int,
    cancel: Flag | None,
    stop: NDArray[np.uint8],
    tick: Callable[[], None],
) -> Iterator[list[int]]:
    """Run `work(*job)` for every job, begun in order; yields lists of its results.

    The caller's thread only waits, so that Ctrl-C reaches it, looks at `cancel` and calls `tick`
    every few hundredths of a second. However it is left, `stop[0]` is set, which the kernels look
    at, and no thread stays behind.
    """
    running: set[Future[int]] = set()
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
        finally:
            stop[0] = 1
            for future in running:
                future.cancel()
