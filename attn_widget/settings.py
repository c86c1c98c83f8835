"""What decides the numbers of a picture, in one frozen value, and how each part is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .baseline import check_baseline
from .errors import AttentionError, brief, check_index, check_tokens
from .mixing import HeadFusion, check_heads, check_levels, check_residual
from .selection import check_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .attention import Attention

METHODS = ("attention", "rollout", "flow")


@dataclass(frozen=True)
class Settings:
    """What decides the numbers; the same names and meanings as everywhere."""

    method: str
    levels: tuple[int, int]
    heads: HeadFusion = "mean"
    top_head: int | None = None
    residual: float | tuple[float, ...] = 0.5
    drop: tuple[int, ...] = ()
    baseline: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Settings from checked values, lists made hashable."""
        heads, residual = given["heads"], given["residual"]
        start, stop = given["levels"]
        return cls(
            method=given["method"],
            levels=(start, stop),
            heads=tuple(heads) if isinstance(heads, list) else heads,
            top_head=given["top_head"],
            residual=tuple(residual) if isinstance(residual, list) else residual,
            drop=tuple(given["drop"]),
            # A flow is no share: with it the baseline changes nothing.
            baseline=None if given["method"] == "flow" else given["baseline"],
        )

    @property
    def polynomial(self) -> bool:
        """Whether the numbers are polynomials in one residual that all layers share."""
        return self.method != "attention" and not isinstance(self.residual, tuple)

    @property
    def compared(self) -> bool:
        """Whether shares are divided by those of even attention; a flow is no share."""
        return self.baseline is not None and self.method != "flow"

    @property
    def fusion(self) -> tuple[Any, ...]:
        """What decides the layer maps before the residual: a key to remember them by."""
        return (self.levels, self.heads, self.top_head, self.drop)


def check_method(method: object) -> str:
    """Check the name of a method."""
    if not isinstance(method, str) or method not in METHODS:
        message = f"method is {brief(method)}: choose one of {', '.join(map(repr, METHODS))}."
        raise AttentionError(message)
    return method


def plain_heads(heads: object, n_heads: int) -> str | int | list[int]:
    """Check a head fusion that travels as JSON: no weights per head."""
    checked = check_heads(heads, n_heads)
    if isinstance(checked, str | int):
        return checked
    if isinstance(checked, dict):
        message = "weights per head cannot be shown by the widget: give a list of heads."
        raise AttentionError(message)
    return list(checked)


def plain_residual(residual: Any, n_blocks: int) -> float | list[float]:
    """Check a residual that travels as JSON: one number, or a list with one a layer."""
    shares = check_residual(residual, n_blocks)
    return [float(share) for share in shares] if np.ndim(residual) else float(shares[0])


def plain_baseline(baseline: object) -> str | None:
    """Check what shares are divided by: nothing, or even attention under the same mask."""
    return "uniform" if check_baseline(baseline) else None


def check_settings(given: Mapping[str, Any], attention: Attention) -> dict[str, Any]:
    """Check all settings and the selection at once; what is missing gets its default."""
    levels = check_levels(given.get("levels"), attention.n_layers)
    top_head = given.get("top_head")
    nodes = check_nodes(given.get("selected", []), attention.n_layers, attention.n_tokens)
    for level, _ in nodes:
        if not levels[0] <= level <= levels[1]:
            message = f"selected names level {level}, outside of levels {levels}."
            raise AttentionError(message)
    return {
        "method": check_method(given.get("method", "rollout")),
        "levels": list(levels),
        "heads": plain_heads(given.get("heads", "mean"), attention.n_heads),
        "top_head": None
        if top_head is None
        else check_index(top_head, attention.n_heads, "top_head"),
        "residual": plain_residual(given.get("residual", 0.5), levels[1] - levels[0]),
        "drop": list(check_tokens(given.get("drop", ()), attention.n_tokens, "drop")),
        "baseline": plain_baseline(given.get("baseline")),
        "selected": [list(node) for node in nodes],
    }
