"""A server in a process of its own: started, waited for, and stopped with what it started."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE = 120.0
"""Seconds for a first start on a slow disk."""

# A question about news over the first picture helps nobody.
LAB_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


class ServerFailed(RuntimeError):  # noqa: N818 - what happened, as the caller reads it
    """A server did not start, or ended by itself; `log` is what it wrote."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log

    @property
    def last_line(self) -> str:
        """The last thing that it said."""
        return next((line for line in reversed(self.log.split("\n")) if line.strip()), "nothing")


class Server:
    """One server process.

    Parameters
    ----------
    command : list of str
    address : str
        A page that it answers once it is up.
    log : Path
        Where its output goes.
    environment : dict of str, optional
        Variables, by default those of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        address: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = list(command)
        self._address = address
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it answers.

        Raises
        ------
        ServerFailed
            It ended, or did not answer in time.
        """
        with self._log.open("wb") as sink:
            # A group of its own: Ctrl-C reaches this process alone, which then stops it.
            self._process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
                self._command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else dict(self._environment),
                start_new_session=True,
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                log = self._log.read_text(encoding="utf-8", errors="replace")
                message = f"{self._command[2]} did not start"
                raise ServerFailed(message, log)
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait until it ends by itself; returns its exit code."""
        assert self._process is not None, "not started"
        return self._process.wait()

    def stop(self) -> None:
        """End it with the processes that it started; nothing happens the second time."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()

    def _answers(self) -> bool:
        try:
            # Of this machine.
            with urllib.request.urlopen(self._address, timeout=5):  # noqa: S310
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def serve_notebook(
    notebook: Path,
    announce: Callable[[str], None],
    *,
    ip: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
) -> int:
    """Serve one notebook in a JupyterLab of its own, until it ends or is interrupted.

    Parameters
    ----------
    announce : function of a str
        Called with the address, token included, once it answers.
    port : int, optional
        By default 8888 if it is free, else any.
    browser : bool
        Whether to open one, where there is a desktop to see it on.

    Returns
    -------
    int
        The exit code; 0 after Ctrl-C or SIGTERM.

    Raises
    ------
    ServerFailed
        JupyterLab did not start.
    """
    # SIGTERM as Ctrl-C: the server behind is stopped, not orphaned.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell starts what it puts into the background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    port = port or free_port(ip)
    token = secrets.token_hex(16)
    base = f"http://{'127.0.0.1' if ip in {'0.0.0.0', '*'} else ip}:{port}"  # noqa: S104
    with tempfile.TemporaryDirectory(prefix="attn-widget-") as scratch:
        home = Path(scratch)
        (home / "overrides.json").write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            f"--ServerApp.ip={ip}",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={notebook.parent}",
            f"--IdentityProvider.token={token}",
            f"--LabApp.app_settings_dir={home}",
            *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        ]
        server = Server(command, f"{base}/api/status?token={token}", home / "jupyter.log")
        try:
            server.start()
            address = f"{base}/lab/tree/{notebook.name}?token={token}"
            announce(address)
            if browser and _has_desktop():
                webbrowser.open(address)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.stop()


def free_port(ip: str = "127.0.0.1", wanted: int = 8888) -> int:
    """Port that nothing listens on: the wanted one if it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = f"no free port on {ip}"
    raise OSError(message)


def _has_desktop() -> bool:
    """Whether a browser that is opened would be seen."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
