"""The late arrival of the compiled kernels.

numba takes a second to load and the kernels take many to compile, once. So nothing here imports
numba: a background thread does, the first time a flow or a widget wants the kernels. The compiled
code is kept in numba's cache, beside this file or, where that folder is read-only, in the user's.
"""

from __future__ import annotations

import importlib
import os
import threading
from typing import Any

from .workers import Flag, FlowCancelled

_POLL = 0.05  # seconds between two looks at a cancel flag


class _Loader:
    """Imports, and so compiles, `kernels.py` once, in a thread of its own."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.Lock()
        self.loaded = threading.Event()
        self.started = False
        self.wanted = threading.Event()
        self.kernels: Any = None
        self.failure: Exception | None = None

    def start(self, after: float = 0) -> None:
        if not after:
            self.wanted.set()
        with self.lock:
            if self.started:
                return
            self.started = True
        threading.Thread(
            target=self.run, args=(after,), name="attn_widget-kernels", daemon=True
        ).start()

    def run(self, after: float) -> None:
        self.wanted.wait(after)
        try:
            self.kernels = importlib.import_module(".kernels", __package__)
        except Exception as error:  # noqa: BLE001 - raised again by whoever wants the kernels
            self.failure = error
        finally:
            self.loaded.set()


_loader = _Loader()


def _current() -> _Loader:
    # A process forked while its parent was compiling has the state of a thread it does not have.
    global _loader  # noqa: PLW0603
    if _loader.process != os.getpid() and not _loader.loaded.is_set():
        _loader = _Loader()
    return _loader


def warm_up(*, after: float = 0) -> None:
    """Begin to load (the very first time: compile) the flow kernels in a background thread.

    Returns at once and may be called any number of times.

    Parameters
    ----------
    after : float
        Seconds to leave the interpreter to others, such as a first picture, which a compiler in
        the same process would slow down. Ends early when a flow is asked for.
    """
    _current().start(after)


def ready() -> bool:
    """Whether the kernels are loaded, so that a flow call starts without delay."""
    return _current().loaded.is_set()


def wait_ready(timeout: float | None = None, *, cancel: Flag | None = None) -> bool:
    """Start loading if need be and wait for the kernels.

    Parameters
    ----------
    timeout : float, optional
        Seconds to wait at most.
    cancel : object with `is_set()`, optional
        Once set, `FlowCancelled` is raised; the loading itself goes on.

    Returns
    -------
    bool
        False when `timeout` ran out first.
    """
    loader = _current()
    if loader.loaded.is_set():
        return True
    loader.start()
    left = float("inf") if timeout is None else timeout
    # In short steps, so that Ctrl-C and `cancel` are heeded while another thread compiles.
    while not loader.loaded.wait(min(_POLL, max(left, 0))):
        left -= _POLL
        if cancel is not None and cancel.is_set():
            raise FlowCancelled
        if left <= 0:
            return False
    return True


def kernels(cancel: Flag | None = None) -> Any:
    """Return the compiled module, waiting for it if need be."""
    wait_ready(cancel=cancel)
    loader = _current()
    if loader.failure is not None:
        message = "The flow kernels could not be compiled; is numba installed as it should be?"
        raise RuntimeError(message) from loader.failure
    return loader.kernels
