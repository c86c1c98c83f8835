"""Take the README's pictures: widgets of two notebooks and of three cells, in a real JupyterLab.

    make pictures
    python tests/browser/pictures.py [--into FOLDER] [--width PX]

Without the options the pictures go to notebooks/pictures, which git keeps.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab import Lab, Notebook, chromium, new_context, write_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
# What the widgets of a notebook show, from top to bottom.
SHOWN = {"01_first_look.ipynb": ("rollout", "flow"), "04_vision.ipynb": ("vision",)}
# What no notebook shows: name -> cell. `long` is the benchmark's text, read by the packaged MiniLM.
SCENES = {
    "heads": """
import attn_widget as aw
aw.AttentionWidget(
    aw.load_sample(), levels=(0, 4), heads=3, residual=0.65, selected=[(4, 10)], heads_open=True
)
""",
    "difference": """
import attn_widget as aw
widget = aw.AttentionWidget(
    aw.load_sample(), levels=(0, 4), heads=3, residual=0.65, selected=[(4, 10)]
)
widget.pin()
widget.heads = "mean"
widget.pin()
widget.heads = 3
widget.compared = [0, 1]
widget
""",
    "long": f"""
import sys
sys.path.append({str(Path(__file__).resolve().parents[1] / "bench")!r})
import attn_widget as aw, minilm
text = minilm.labels(512)
aw.AttentionWidget(
    aw.Attention(minilm.attention(512), text),
    levels=(0, 3), heads=1, residual=0.6, selected=[(3, 327)],  # the sixth 'rabbit'
)
""",
}
PICTURES = SHOWN | {f"{name}.ipynb": (name,) for name in SCENES}
WIDTH = 1200  # CSS px; the layout's full width
SCALE = 2

# Everything that was asked of the browser is on the screen two frames later.
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def served() -> Iterator[Lab]:
    """Run a JupyterLab with the notebooks in it, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="attn-widget-pictures-") as home:
        lab = Lab(Path(home))
        lab.start()
        try:
            for name in SHOWN:
                shutil.copy(NOTEBOOKS / name, lab.root)
            for name, cell in SCENES.items():
                write_notebook(lab.root / f"{name}.ipynb", (cell,))
            yield lab
        finally:
            lab.stop()


def fit_width(book: Notebook, view: Locator, width: int) -> None:
    """Make the page as wide as it takes for the widget to be `width` wide."""
    box, viewport = view.bounding_box(), book.page.viewport_size
    if box is None or viewport is None:
        message = "the widget has no place on the page"
        raise RuntimeError(message)
    wanted = round(viewport["width"] + width - box["width"])
    book.page.set_viewport_size({"width": wanted, "height": viewport["height"]})
    handle = view.element_handle()
    book.page.wait_for_function(
        "([element, width]) => Math.abs(element.getBoundingClientRect().width - width) < 1",
        arg=[handle, width],
    )


def take(
    lab: Lab, browser: Browser, notebook: str, theme: str, into: Path, width: int
) -> list[Path]:
    """Run a notebook under one theme and take a picture of each widget."""
    context = new_context(browser, width=1600, height=1100, scale=SCALE)
    book = Notebook(lab, context, notebook, into)
    try:
        book.open(theme=theme)
        # Files and properties beside the notebook leave the widget no room.
        book.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        book.page.evaluate("() => window.jupyterapp.shell.collapseRight()")
        book.run_all()
        book.wait_for_kernel("getattr(globals().get('flow'), 'progress', {})", "{}")
        taken = []
        for place, name in enumerate(PICTURES[notebook]):
            view = book.views().nth(place)
            view.scroll_into_view_if_needed()
            fit_width(book, view, width)
            book.page.mouse.move(0, 0)
            book.page.evaluate(TWO_FRAMES)
            taken.append(book.screenshot(f"{name}-{theme}", view))
        if book.errors or book.outside:
            message = f"the page complained: {book.errors + book.outside}"
            raise RuntimeError(message)
        return taken
    finally:
        book.close()


def main() -> int:
    """Take the pictures and name them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=NOTEBOOKS / "pictures")
    parser.add_argument("--width", type=int, default=WIDTH, help="of the widget, in CSS px")
    asked = parser.parse_args()
    with contextmanager(chromium)() as browser, served() as lab:
        for notebook in PICTURES:
            for theme in ("light", "dark"):
                for path in take(lab, browser, notebook, theme, asked.into, asked.width):
                    print(f"{path} ({path.stat().st_size // 1024} KiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
