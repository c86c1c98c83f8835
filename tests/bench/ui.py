"""The widget timed beside the viewers that people use, in one JupyterLab, on the same tensors.

    python tests/bench/ui.py [--tokens 64 128] [--large 512] [--viewers attn_widget] [--out FOLDER]

For each viewer: milliseconds from the start of the cell to the picture, bytes that reached the
browser for it, and what the browser's processes take above the same page without it. For the
widget also frames a second, and milliseconds of the main thread a frame (of its own time, which a
busy machine lengthens little), of a dragged residual, of a zoom at the pointer, and of one head
picked after another.
Prints tables and writes them to `FOLDER/bench-ui.md` and `FOLDER/bench-ui.json`.

bertviz loads require.js, d3 and jQuery from a CDN. They are put in its way from npm packages, so
that its time holds no download.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minilm
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
import lab as lab_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page, Route

GIVE_UP = 120_000  # ms

SETUP = """
import numpy as np
weights = np.load({path!r})
tokens = {tokens!r}
"""

# Viewer -> (code before the clock starts, the cell, what says that the picture is there).
VIEWERS: dict[str, tuple[str, str, str]] = {
    "attn_widget": (
        "import attn_widget as aw",
        "aw.AttentionWidget(weights, tokens)",
        "() => document.querySelector('.aw-stage[data-pitch]') !== null",
    ),
    "attn_widget, heads open": (
        "import attn_widget as aw",
        "aw.AttentionWidget(weights, tokens, heads_open=True)",
        (
            "() => document.querySelector('.aw-stage[data-pitch]') !== null"
            " && document.querySelector('.aw-heads canvas')?.height > 0"
        ),
    ),
    "bertviz model_view": (
        "import torch, bertviz; stack = [torch.tensor(w)[None] for w in weights]",
        "bertviz.model_view(stack, tokens)",
        "() => document.querySelectorAll('#vis svg > *').length >= {maps}",
    ),
    "bertviz head_view": (
        "import torch, bertviz; stack = [torch.tensor(w)[None] for w in weights]",
        "bertviz.head_view(stack, tokens)",
        "() => document.querySelectorAll('#vis svg line').length >= {n}",
    ),
    "CircuitsVis attention_heads": (
        "import circuitsvis; flat = weights.reshape(-1, *weights.shape[2:])",
        (
            "from IPython.display import HTML\n"
            "HTML(circuitsvis.attention.attention_heads(flat, tokens).local_src)"
        ),
        (
            "() => document.querySelectorAll('[id^=circuits-vis] canvas, [id^=circuits-vis] img')"
            ".length >= {maps}"
        ),
    ),
}

RUN = """async ([ready, patience]) => {
  const there = eval(ready);
  const start = performance.now();
  window.jupyterapp.commands.execute("notebook:run-all-cells");
  for (;;) {
    // Two frames: what the first one scheduled is on the screen after the second.
    await new Promise(requestAnimationFrame);
    if (there()) break;
    if (performance.now() - start > patience) return null;
  }
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""

# One step a frame, and the time from frame to frame: what a person sees of a drag. The kernel
# answers in its own time; what is drawn meanwhile comes from the browser alone.
DRAG = """async (frames) => {
  const slider = document.querySelector("[data-control=residual]");
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < frames; i++) {
    slider.value = String(0.2 + 0.6 * Math.abs(Math.sin(i / 20)));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return { fps: 1000 / (gaps.reduce((a, b) => a + b) / frames) };
}"""

ZOOM = """async (frames) => {
  const stage = document.querySelector(".aw-stage");
  const { left, top } = stage.getBoundingClientRect();
  const { matrixX, matrixY } = stage.dataset;
  const at = { clientX: left + Number(matrixX) + 100, clientY: top + Number(matrixY) + 120 };
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < frames; i++) {
    const deltaY = i % 40 < 20 ? -25 : 25;
    const turn = { ...at, deltaY, ctrlKey: true, bubbles: true, cancelable: true };
    stage.dispatchEvent(new WheelEvent("wheel", turn));
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return { fps: 1000 / (gaps.reduce((a, b) => a + b) / frames) };
}"""

HEADS = """async (frames) => {
  const slider = document.querySelector("[data-control=heads]");
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < frames; i++) {
    slider.value = String(1 + (i % 12));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return { fps: 1000 / (gaps.reduce((a, b) => a + b) / frames) };
}"""

SELECT = """async () => {
  // A click on the twentieth output, as a reader makes it.
  const stage = document.querySelector(".aw-stage");
  const { left, top } = stage.getBoundingClientRect();
  const { x1, y0, pitch } = stage.dataset;
  const y = top + Number(y0) + 20 * Number(pitch);
  const init = { bubbles: true, clientX: left + Number(x1), clientY: y };
  stage.dispatchEvent(new MouseEvent("click", init));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--large", type=int, nargs="*", default=[512], help="the widget alone")
    parser.add_argument("--viewers", nargs="+", choices=VIEWERS, default=list(VIEWERS))
    parser.add_argument("--out", type=Path, default=Path("build"))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        cdn = _peers_libraries(home / "cdn")
        server = lab_module.Lab(home / "jupyter")
        server.start()
        try:
            for browser in lab_module.chromium():
                for n in asked.tokens:
                    for viewer in asked.viewers:
                        rows.append(_measure(server, browser, home, cdn, viewer, n, 6))
                        print(_line(rows[-1]), flush=True)
                for n in asked.large:
                    for viewer in ("attn_widget", "attn_widget, heads open"):
                        rows.append(_measure(server, browser, home, cdn, viewer, n, 12))
                        print(_line(rows[-1]), flush=True)
        finally:
            server.stop()
    report = {
        "load": load,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle_bytes": {
            path.name: path.stat().st_size
            for path in sorted((Path(lab_module.__file__).parents[2]).glob("attn_widget/static/*"))
        },
        "rows": rows,
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench-ui.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    (asked.out / "bench-ui.md").write_text(_table(report), encoding="utf-8")
    print("\n" + _table(report))


def _measure(
    server: lab_module.Lab,
    browser: Browser,
    home: Path,
    cdn: dict[str, Path],
    viewer: str,
    n: int,
    layers: int,
) -> dict[str, Any]:
    setup, cell, ready = VIEWERS[viewer]
    weights, tokens = minilm.attention(n), minilm.labels(n)
    weights = np.concatenate([weights] * (layers // len(weights)))
    path = home / f"{layers}-{n}.npy"
    np.save(path, weights)
    name = f"{viewer.replace(' ', '-').replace(',', '')}-{layers}-{n}.ipynb"
    lab_module.write_notebook(server.root / name, (cell,))
    context = lab_module.new_context(browser, width=1440, height=1200)
    for address, file in cdn.items():
        context.route(f"**/{address}*", _answer_with(file))
    book = lab_module.Notebook(server, context, name, home)
    book.open()
    book.kernel(SETUP.format(path=str(path), tokens=list(tokens)) + setup)
    received = _count_bytes(book.page)
    empty = _browser_memory()
    maps = layers * weights.shape[1]
    milliseconds = book.page.evaluate(RUN, [ready.format(maps=maps, n=n), GIVE_UP])
    row: dict[str, Any] = {
        "viewer": viewer,
        "layers": layers,
        "tokens": n,
        "ms": milliseconds,
        "bytes": sum(received),
        "memory": _browser_memory() - empty,
    }
    if milliseconds is not None and viewer == "attn_widget":
        book.page.evaluate(SELECT)
        book.page.wait_for_timeout(1500)
        row |= _frames(book.page, DRAG, "drag")
        row |= _frames(book.page, ZOOM, "zoom")
        row |= _frames(book.page, HEADS, "heads")
    book.close()
    return row


def _frames(page: Page, script: str, name: str, frames: int = 120) -> dict[str, float]:
    """Frames a second, and milliseconds of the page's main thread in each of them."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration")

    before = busy()
    found = page.evaluate(script, frames)
    return {name: found["fps"], f"{name}_busy_ms": 1000 * (busy() - before) / frames}


def _answer_with(file: Path) -> Callable[[Route], None]:
    return lambda route: route.fulfill(path=file)


def _count_bytes(page: Page) -> list[int]:
    """Sizes of all that arrives from here on: requests and messages of the kernel's socket."""
    received: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.webSocketFrameReceived",
        # A binary frame comes in base64.
        lambda event: received.append(
            len(event["response"]["payloadData"])
            if event["response"]["opcode"] == 1
            else len(event["response"]["payloadData"]) * 3 // 4
        ),
    )
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    return received


def _browser_memory() -> int:
    """Bytes that the browser's processes hold for themselves (proportional set size)."""
    total = 0
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if "chrom" in process.name():
                total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def _peers_libraries(folder: Path) -> dict[str, Path]:
    """Part of a CDN's address -> the same file from an npm package."""
    folder.mkdir()
    packages = ["requirejs@2.3.6", "d3@5.7.0", "jquery@2.2.4"]
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", *packages],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    modules = folder / "node_modules"
    return {
        "require.js/2.3.6/require.min.js": modules / "requirejs" / "require.js",
        "d3/5.7.0/d3.min": modules / "d3" / "dist" / "d3.min.js",
        "d3/5.8.0/d3.min": modules / "d3" / "dist" / "d3.min.js",
        "jquery/2.0.0/jquery.min": modules / "jquery" / "dist" / "jquery.min.js",
    }


def _line(row: dict[str, Any]) -> str:
    took = "not drawn" if row["ms"] is None else f"{row['ms']:.0f} ms"
    return (
        f"{row['viewer']}, {row['layers']} layers, n={row['tokens']}: {took}, "
        f"{row['bytes'] / 1e6:.2f} MB, memory {row['memory'] / 1e6:.0f} MB"
        + "".join(
            f", {name} {row[name]:.0f} fps ({row[f'{name}_busy_ms']:.1f} ms)"
            for name in ("drag", "zoom", "heads")
            if name in row
        )
    )


def _table(report: dict[str, Any]) -> str:
    lines = [
        (
            f"Measured {report['date']} in JupyterLab, headless Chromium, software rendering, "
            f"{os.cpu_count()} cores, load average {report['load']:.1f} at the start."
        ),
        "",
        "| viewer | layers x heads x n | first picture | bytes | memory | drag | zoom | heads |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        took = "not in 120 s" if row["ms"] is None else f"{row['ms'] / 1000:.2f} s"
        drag, zoom, heads = (
            f"{row[name]:.0f} fps, {row[f'{name}_busy_ms']:.0f} ms" if name in row else ""
            for name in ("drag", "zoom", "heads")
        )
        lines.append(
            f"| {row['viewer']} | {row['layers']} x 12 x {row['tokens']} | {took} "
            f"| {row['bytes'] / 1e6:.2f} MB | {row['memory'] / 1e6:.0f} MB "
            f"| {drag} | {zoom} | {heads} |"
        )
    sizes = ", ".join(
        f"{name} {size / 1000:.1f} kB" for name, size in report["bundle_bytes"].items()
    )
    return "\n".join([*lines, "", f"Bundle: {sizes}.", ""])


if __name__ == "__main__":
    main()
