"""The command line: look at an attention file, make a page of it, or repeat an experiment.

python -m attn_widget info FILE
python -m attn_widget view FILE
python -m attn_widget html FILE OUT.html [options]
python -m attn_widget paper [--small] [--jobs N] [--save FILE]

FILE is one that `aw.save` wrote, or a .npy, .npz or .safetensors file. `paper` trains networks and
prints Tables 1 and 2 of Abnar & Zuidema 2020 beside ours. A mistake is one line on stderr.
Exit codes: 0 done, 1 the file or the server would not do, 2 a wrong command, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import AttentionError
from .files import load
from .serving import ServerFailed, serve_notebook
from .writing import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .attention import Attention

_NEEDS = ("jupyterlab", "bqplot")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    # A terminal without Unicode, or a token that is half a character, must not end in a traceback.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if asked.command == "paper":
            return _paper(small=asked.small, jobs=asked.jobs, path=asked.save)
        attention = load(asked.file)
        if asked.command == "info":
            _say(_info(Path(asked.file), attention))
            return 0
        if asked.command == "html":
            try:
                return _html(attention, asked)
            except AttentionError as error:
                return _fail(_as_options(str(error)))
        return _view(Path(asked.file).resolve(), port=asked.port, browser=not asked.no_browser)
    except AttentionError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail(
            f"{asked.file} does not fit into memory: save it with aw.save, which is mapped."
        )
    except KeyboardInterrupt:
        return _fail("stopped; nothing was left half done.", code=130)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"attn_widget: {message} ({self.prog} --help lists what there is)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m attn_widget",
        description="Look at the attention in a file, or repeat an experiment.",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="info | view | html | paper"
    )
    for name, text in (
        ("info", "say in a few lines what is in a file"),
        ("view", "open a file as a dashboard, in a JupyterLab of its own"),
        ("html", "write a page that shows a file anywhere, live, without Python or a network"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("file", help="of aw.save, or .npy, .npz, .safetensors")
        if name == "view":
            command.add_argument("--port", type=_port, help="by default one that is free")
            command.add_argument(
                "--no-browser", action="store_true", help="print the address, open nothing"
            )
        if name == "html":
            _add_page_options(command)
    text = "train networks and lay the paper's Tables 1 and 2 beside ours, in about a quarter hour"
    paper = commands.add_parser("paper", help=text, description=text)
    paper.add_argument("--small", action="store_true", help="the same in seconds; means nothing")
    paper.add_argument("--jobs", type=int, help="networks at a time; by default one a processor")
    paper.add_argument("--save", metavar="FILE", help="write all numbers as JSON, too")
    return parser


def _add_page_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("out", metavar="OUT.html", help="where to")
    add("--method", default="rollout", help="what it opens with: attention, rollout or flow")
    add("--levels", type=_numbers, metavar="START,STOP", help="by default all")
    add("--heads", type=_heads, default="mean", help="mean, max, min, one head or a list: 0,3,8")
    add("--residual", type=float, default=0.5, help="from 0 to 1")
    add("--flow", help="which flow to compute for it: none, current, all_levels, all_heads")
    add("--keep-heads", default="all", help='"shown" keeps the fusion alone: a smaller page')
    add("--title", help="by default the text")
    add("--budget", type=float, default=20.0, help="most megabytes of the page")
    add("--patience", type=float, default=120.0, help="most seconds of computing flow")
    add("--overwrite", action="store_true", help="replace a file of this name")
    add("--size", action="store_true", help="tell the size and the time, and write nothing")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        message = f"{text!r} is no list of whole numbers, such as 0,4"
        raise argparse.ArgumentTypeError(message) from None


def _heads(text: str) -> str | int | list[int]:
    if text.isalpha():
        return text
    numbers = _numbers(text)
    return numbers[0] if len(numbers) == 1 else numbers


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        message = f"{text!r} is no port, a whole number from 1 to {2**16 - 1}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _as_options(text: str) -> str:
    """Say a setting as this command has it: `budget=3` in Python is `--budget 3` here."""
    text = text.replace("overwrite=True", "--overwrite").replace('heads="', 'keep-heads="')
    return re.sub(r'\b([a-z-]+)="?([\w.]+\b)"?', r"--\1 \2", text)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what a command line is for


def _fail(text: str, *, code: int = 1) -> int:
    print(f"attn_widget: {' '.join(text.split())}", file=sys.stderr)  # noqa: T201
    return code


def _info(path: Path, attention: Attention) -> str:
    size = path.stat().st_size
    text = " ".join(" ".join(attention.tokens).split())
    lines = [
        ("file", f"{path} ({_bytes(size)})"),
        ("layers", str(attention.n_layers)),
        ("heads", f"{attention.n_heads} a layer"),
        ("tokens", str(attention.n_tokens)),
        ("kind", attention.kind),
        ("type", attention.dtype),
        ("text", text if len(text) <= 300 else text[:299] + "\u2026"),
    ]
    if attention.special:
        lines.append(("special", ", ".join(map(str, attention.special))))
    if attention.network is not None:
        lines.append(("blocks", ", ".join(attention.blocks)))
    if attention.picture is not None:
        rows, columns = attention.picture.grid
        lines.append(("patches", f"{rows} x {columns}"))
    lines.extend(("note", note) for note in attention.notes)
    return "\n".join(f"{name:8} {value}" for name, value in lines)


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _paper(*, small: bool, jobs: int | None, path: str | None) -> int:
    from .experiments.paper import run

    if jobs is not None and jobs < 1:
        return _fail(f"--jobs must be 1 or more, not {jobs}.")
    if path is not None:
        # Now, and not after a quarter of an hour.
        check_target(Path(path), overwrite=True)
        if not Path(path).absolute().parent.is_dir():
            return _fail(f"{path} cannot be written: there is no folder for it, so make it first.")
    report = run("small" if small else "full", jobs=jobs, say=_note)
    _say(report.text())
    if path is not None:
        report.save(path)
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, apart from the result


# --- html ----------------------------------------------------------------------------------------


def _html(attention: Attention, asked: argparse.Namespace) -> int:
    from .widget import AttentionWidget

    widget = AttentionWidget(
        attention,
        method=asked.method,
        levels=asked.levels,
        heads=asked.heads,
        residual=asked.residual,
    )
    kept: dict[str, Any] = {"flow": asked.flow, "heads": asked.keep_heads}
    if asked.size:
        _say(str(widget.html_size(**kept)))
        return 0
    path = widget.save_html(
        asked.out,
        **kept,
        title=asked.title,
        budget=asked.budget,
        patience=asked.patience,
        overwrite=asked.overwrite,
    )
    _say(f"{path} ({_bytes(path.stat().st_size)})")
    return 0


# --- view ----------------------------------------------------------------------------------------


def _view(path: Path, *, port: int | None, browser: bool) -> int:
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(
            f"view opens the file in JupyterLab, and {' and '.join(missing)} cannot be found: "
            f"pip install {' '.join(missing)}."
        )
    with tempfile.TemporaryDirectory(prefix="attn-widget-") as folder:
        notebook = Path(folder) / "explore.ipynb"
        notebook.write_text(json.dumps(_notebook(path)), encoding="utf-8")
        try:
            ended = serve_notebook(notebook, _announce, port=port, browser=browser)
        except ServerFailed as error:
            return _fail(f"JupyterLab did not start: {error.last_line}")
    return 0 if ended == 0 else _fail(f"JupyterLab ended with code {ended}.")


def _announce(address: str) -> None:
    _say(f"{address}\nRun the cell there. Ctrl-C ends it.")


def _notebook(path: Path) -> dict[str, Any]:
    """One cell to run: the file as a dashboard."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "markdown",
            "id": "what",
            "metadata": {},
            "source": "Run the cell below (Shift+Enter), then click a token or drag the residual. "
            "This notebook is gone when the command ends; save a copy to keep it.",
        },
        {
            "cell_type": "code",
            "id": "show",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": "import attn_widget as aw\n\n"
            f"board = aw.dashboard(aw.load({str(path)!r}))\nboard",
        },
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
