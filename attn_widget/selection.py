"""What is selected: nodes of one level, or of two, as the two ends of a trace."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

from .errors import AttentionError

Node = tuple[int, int]
"""(level, token)."""


@dataclass(frozen=True)
class Selection:
    """The ends of a trace, between two levels.

    `sources` are tokens at the upper level `stop`, `sinks` at the lower level `start`; None is
    every token there, and None at both ends means that nothing is selected.
    """

    start: int
    stop: int
    sources: tuple[int, ...] | None
    sinks: tuple[int, ...] | None

    @property
    def empty(self) -> bool:
        """Whether nothing is selected."""
        return self.sources is None and self.sinks is None

    @property
    def forward(self) -> bool:
        """Whether only sinks are selected: the question is where their input goes."""
        return self.sources is None and self.sinks is not None


def check_nodes(nodes: object, n_layers: int, n_tokens: int) -> list[Node]:
    """Normalise a selection to a list of (level, token), without doubles, in the order given."""
    if not isinstance(nodes, Sequence) or isinstance(nodes, str):
        message = f"selected is {nodes!r}: give a list of (level, token) pairs, e.g. [(4, 10)]."
        raise AttentionError(message)
    checked: list[Node] = []
    for node in nodes:
        level, token = _check_node(node)
        if not 0 <= level <= n_layers:
            message = (
                f"selected names level {level}: levels run from 0, the input, to {n_layers}, "
                "the output of the last layer."
            )
            raise AttentionError(message)
        if not 0 <= token < n_tokens:
            message = f"selected names token {token}: there are {n_tokens}, numbered from 0."
            raise AttentionError(message)
        if (level, token) not in checked:
            checked.append((level, token))
    levels = sorted({level for level, _ in checked})
    if len(levels) > 2:
        message = f"selected spans levels {levels}: a trace has two ends, so name at most two."
        raise AttentionError(message)
    return checked


def _check_node(node: Any) -> Node:
    try:
        level, token = node
        pair = (_index(level), _index(token))
    except (TypeError, ValueError):
        message = f"selected holds {node!r}: each entry is a pair of whole numbers (level, token)."
        raise AttentionError(message) from None
    return pair


def _index(value: SupportsIndex) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def ends(nodes: Sequence[Node], levels: tuple[int, int]) -> Selection:
    """Read a selection as the ends of a trace within the shown levels.

    One level: sources, traced down to the lowest shown level; at that level itself they are
    sinks, traced up to the highest. Two levels: the upper ones are sources, the lower ones sinks.
    """
    start, stop = levels
    chosen = sorted({level for level, _ in nodes}, reverse=True)
    tokens = {level: tuple(t for at, t in nodes if at == level) for level in chosen}
    if not chosen:
        return Selection(start, stop, None, None)
    if len(chosen) == 2:
        upper, lower = chosen
        return Selection(lower, upper, tokens[upper], tokens[lower])
    (level,) = chosen
    if level <= start:
        return Selection(level, stop, None, tokens[level])
    return Selection(start, level, tokens[level], None)


def follow(nodes: Sequence[Node], old: tuple[int, int], new: tuple[int, int]) -> list[Node]:
    """Move a selection along with the shown levels.

    What sat at an end of the old range stays at that end; what falls outside the new range is
    dropped, since nothing shows it.
    """
    moved: list[Node] = []
    for level, token in nodes:
        # The lower end is looked at first: at a range of one layer both could claim a node.
        at = new[0] if level == old[0] else new[1] if level == old[1] else level
        if new[0] <= at <= new[1] and (at, token) not in moved:
            moved.append((at, token))
    return moved
