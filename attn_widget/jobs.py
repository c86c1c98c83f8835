"""One computation off the main thread, of which only the newest matters."""

from __future__ import annotations

import threading
from collections.abc import Callable

Work = Callable[[threading.Event], None]


class LatestOnly:
    """Runs the newest piece of work in a background thread and cancels the one before.

    Work is a function of a `threading.Event`, which it polls: once set, its result is unwanted.
    It returns or raises soon after; what it raises then is nobody's business. What it raises
    otherwise goes to `on_error`.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    def submit(self, work: Work) -> None:
        """Cancel what runs and start `work` as soon as that has returned."""
        with self._lock:
            self._cancel.set()
            cancel = self._cancel = threading.Event()
            previous = self._thread
            # A daemon: a kernel that shuts down must not wait for an unwanted result.
            self._thread = threading.Thread(
                target=self._run, args=(work, cancel, previous), name="attn_widget", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Drop what runs, without waiting for it."""
        self._cancel.set()

    def wait(self) -> None:
        """Block until the newest work has ended."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self, work: Work, cancel: threading.Event, previous: threading.Thread | None) -> None:
        if previous is not None:
            previous.join()
        if cancel.is_set():
            return
        try:
            work(cancel)
        except Exception as error:  # noqa: BLE001 - nothing above this frame would see it
            if not cancel.is_set():
                self._on_error(error)
