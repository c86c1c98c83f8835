"""Start JupyterLab on a notebook, print its address, open a browser where there is one.

    python notebooks/serve.py [notebook] [--ip ADDRESS] [--port PORT] [--no-browser]

Quieter than `jupyter lab`: one line to read, its log only when it fails.
"""

from __future__ import annotations

import argparse
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

HERE = Path(__file__).resolve().parent
PATIENCE = 120.0  # seconds for a first start on a slow disk

# A question about news over the first picture helps nobody.
SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def free_port(ip: str) -> int:
    """Port that nothing listens on: 8888 if it is free, else any."""
    for port in (8888, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = f"no free port on {ip}"
    raise OSError(message)


def has_desktop() -> bool:
    """Whether a browser that is opened would be seen."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def wait_until_up(url: str, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server answers before it ends or patience runs out."""
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    return False


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebook", nargs="?", default=str(HERE / "01_first_look.ipynb"))
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    parser.add_argument("--no-browser", action="store_true")
    asked = parser.parse_args()
    notebook = Path(asked.notebook).resolve()
    if not notebook.is_file():
        print(f"There is no notebook {asked.notebook}.", file=sys.stderr)
        return 2

    # SIGTERM as Ctrl-C: the server behind is stopped, not orphaned.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    port = asked.port or free_port(asked.ip)
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="attn-widget-") as scratch:
        overrides = Path(scratch) / "overrides.json"
        overrides.write_text(json.dumps(SETTINGS), encoding="utf-8")
        log = Path(scratch) / "jupyter.log"
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            f"--ServerApp.ip={asked.ip}",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={notebook.parent}",
            f"--IdentityProvider.token={token}",
            f"--LabApp.app_settings_dir={scratch}",
            *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        ]
        with log.open("wb") as sink:
            # Its own group: Ctrl-C reaches this script alone, which then stops it.
            server = subprocess.Popen(
                command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            base = f"http://{'127.0.0.1' if asked.ip in {'0.0.0.0', '*'} else asked.ip}:{port}"
            if not wait_until_up(f"{base}/api/status?token={token}", server):
                print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
                print("JupyterLab did not start; its log is above.", file=sys.stderr)
                return 1
            address = f"{base}/lab/tree/{notebook.name}?token={token}"
            print(
                f"\n  {address}\n\nOpen it and run all cells. Ctrl-C stops the server.", flush=True
            )
            if not asked.no_browser and has_desktop():
                webbrowser.open(address)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


if __name__ == "__main__":
    sys.exit(main())
