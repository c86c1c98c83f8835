"""Where nodes and cells of a view are: the stage itself says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator


def geometry(view: Locator) -> dict[str, float]:
    """Where the stage says that its nodes and cells are."""
    stage: dict[str, Any] = view.locator(".aw-stage").evaluate("(el) => ({ ...el.dataset })")
    return {name: float(value) for name, value in stage.items() if _is_number(value)}


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def node_at(view: Locator, level: int, token: int, levels: tuple[int, int]) -> dict[str, float]:
    """Middle of a node, in the stage."""
    g = geometry(view)
    start, stop = levels
    x = g["x0"] + (g["x1"] - g["x0"]) * (level - start) / (stop - start)
    return {"x": x, "y": g["y0"] + g["pitch"] * token}


def cell_at(view: Locator, query: int, key: int) -> dict[str, float]:
    """Middle of a cell of the matrix, in the stage."""
    g = geometry(view)
    return {
        "x": g["matrixX"] + g["cellW"] * (key + 0.5),
        "y": g["matrixY"] + g["cellH"] * (query + 0.5),
    }
