"""Pieces of work on a few threads, with an eye on whoever wants them stopped."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL = 0.05  # seconds between two looks at the cancel flag


class FlowCancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The computation was dropped because its `cancel` flag was set."""


class Flag(Protocol):
    """Anything with `is_set()`, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether the computation is to be dropped."""
        ...


def processors() -> int:
    """Count the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Runs pieces of work, in order, on a number of threads made for each call and then ended.

    No pool outlives a call, so that a process may fork at any time. The calling thread only waits:
    Ctrl-C reaches it, and it looks at `cancel` and calls `tick` every few hundredths of a second.

    Parameters
    ----------
    threads : int
    cancel : object with `is_set()`, optional
    tick : callable, optional

    Attributes
    ----------
    cancel : as given
    stop : array of one uint8
        Not 0 once the work is to be dropped; kernels look at it while they run.
    """

    def __init__(
        self,
        threads: int,
        cancel: Flag | None = None,
        tick: Callable[[], object] | None = None,
    ) -> None:
        self.stop = np.zeros(1, np.uint8)
        self._threads = threads
        self.cancel = cancel
        self._tick = tick

    def pieces(
        self, work: Callable[[int, int], object], count: int, size: int
    ) -> Iterator[tuple[int, int]]:
        """Call `work(begin, end)` for all pieces of `range(count)`; yields them as they are done.

        A single piece is done at once, in the calling thread. However this is left, no work goes
        on behind it.
        """
        size = max(1, size)
        self.look()
        if count <= size:
            if count:
                work(0, count)
                yield 0, count
            return
        ranges = ((begin, min(begin + size, count)) for begin in range(0, count, size))
        running: dict[Future[object], tuple[int, int]] = {}
        with ThreadPoolExecutor(self._threads, thread_name_prefix="attn_widget-flow") as pool:
            try:
                while True:
                    for piece in islice(ranges, 3 * self._threads - len(running)):
                        running[pool.submit(work, *piece)] = piece
                    if not running:
                        return
                    done, _ = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
                    self.look()
                    if self._tick is not None:
                        self._tick()
                    # Several may be done at one look: the first asked for goes first.
                    for future in sorted(done, key=lambda future: running[future]):
                        future.result()
                        yield running.pop(future)
            except BaseException:  # also GeneratorExit: whoever asked has gone
                self.stop[0] = 1
                for future in running:
                    future.cancel()
                raise

    def all_pieces(self, work: Callable[[int, int], object], count: int, size: int) -> None:
        """Call `work(begin, end)` for all pieces of `range(count)`."""
        for _ in self.pieces(work, count, size):
            pass

    def look(self) -> None:
        """Raise `FlowCancelled` if the `cancel` flag is set."""
        if self.cancel is not None and self.cancel.is_set():
            self.stop[0] = 1
            raise FlowCancelled
