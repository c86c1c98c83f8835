"""Start JupyterLab on a notebook, print its address, open a browser where there is one.

    python notebooks/serve.py [notebook] [--ip ADDRESS] [--port PORT] [--no-browser]

Quieter than `jupyter lab`: one line to read, its log only when it fails.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attn_widget.serving import ServerFailed, serve_notebook

HERE = Path(__file__).resolve().parent


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
    try:
        return serve_notebook(
            notebook, announce, ip=asked.ip, port=asked.port, browser=not asked.no_browser
        )
    except ServerFailed as error:
        print(f"{error.log}\nJupyterLab did not start; its log is above.", file=sys.stderr)
        return 1


def announce(address: str) -> None:
    """Print where it is."""
    print(f"\n  {address}\n\nOpen it and run all cells. Ctrl-C stops the server.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
