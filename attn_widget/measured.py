"""One example of an evaluation: what each method and each reference say of its tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .agreement import curve_area, overlap, spearman

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .attention import Attention
    from .mixing import Levels
    from .relevance import TokenRelevance

    Floats = NDArray[np.float64]
    Key = tuple[str, Levels]


class Failure(NamedTuple):
    """An example that could not be measured, and why."""

    example: int
    text: str
    error: str


@dataclass
class Measured:
    """One example: what each method and each reference say of its tokens.

    Attributes
    ----------
    text : str
    tokens : tuple of str
    special : tuple of int, positions of special tokens
    target : int or None
        The class or token whose output is explained.
    score : float
        That output.
    relevance : dict, (method, (start, stop)) to TokenRelevance
    references : dict, name to array (n,)
    curves : dict, (method, (start, stop)) to (deletion, insertion)
    attention : Attention, where it is kept
    """

    text: str
    tokens: tuple[str, ...]
    special: tuple[int, ...]
    target: int | None
    score: float
    relevance: dict[Key, TokenRelevance]
    references: dict[str, Floats]
    curves: dict[Key, tuple[Floats, Floats]] = field(default_factory=dict)
    attention: Attention | None = None

    def kept(self, *, special: bool) -> list[int]:
        """Positions of the tokens that are ranked."""
        return [i for i in range(len(self.tokens)) if special or i not in self.special]


def rows_of(one: Measured, *, special: bool, k: int) -> Iterator[dict[str, Any]]:
    """Agreement of every method and range with every reference; `_key` is the two of them."""
    kept = one.kept(special=special)
    keys = list(one.relevance)
    ranked = np.stack([one.relevance[key].values[kept] for key in keys])
    agreed = {
        name: (spearman(ranked, values[kept]), overlap(ranked, values[kept], k))
        for name, values in one.references.items()
    }
    for place, key in enumerate(keys):
        deletion, insertion = one.curves.get(key, ((), ()))
        for name in one.references:
            yield {
                "text": one.text,
                "n_tokens": len(one.tokens),
                "target": one.target,
                "score": one.score,
                "method": key[0],
                "start": key[1][0],
                "stop": key[1][1],
                "reference": name,
                "spearman": float(agreed[name][0][place]),
                "overlap": float(agreed[name][1][place]),
                "deletion": curve_area(deletion),
                "insertion": curve_area(insertion),
                "saturated": _share(one.relevance[key].saturated, kept),
                "_key": key,
            }


def _share(saturated: NDArray[np.bool_] | None, kept: Sequence[int]) -> float:
    if saturated is None or not kept:
        return float("nan")
    return float(saturated[list(kept)].mean())
