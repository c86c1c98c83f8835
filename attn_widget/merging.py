"""Tokens merged into fewer: words after the fact, windows and spans before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import Attention, as_attention
from .errors import AttentionError, brief, is_index, named_settings
from .words import Words, split_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrays import FloatArray

Span = tuple[int, int]

VIEW_TOKENS = 2048
"""Up to this many tokens a view is drawn: its matrices still fit into a message and a canvas."""


def check_view(attention: Attention) -> Attention:
    """Refuse a text too long to be drawn as a whole, and say what to draw instead."""
    n = attention.n_tokens
    if n > VIEW_TOKENS:
        message = (
            f"A view of {n} tokens would not fit, and {VIEW_TOKENS} do: show a stretch, such as "
            "attn_widget.window(attention, slice(0, 256)), or merge spans, such as "
            "attn_widget.window(attention, [(0, 100), (100, 200)])."
        )
        raise AttentionError(message)
    return attention


@named_settings
def merge_words(values: Any, words: Any, *, rows: bool = True, columns: bool = True) -> FloatArray:
    """Merge the pieces of words in a result: columns are summed, rows averaged.

    For matrices that are there already, from rollout or flow; rows of a rollout still sum to 1.

    Parameters
    ----------
    values : array, shape (n, n), or (n,) for one row of a matrix, which is summed
    words : Attention or Words
        Of an Attention without words of its own they are read off the spelling of its tokens.
    rows, columns : bool
        What to merge.

    Returns
    -------
    array, float64, shape (words, words), or fewer axes merged as asked

    Examples
    --------
    >>> words = split_words(["un", "##read", "the"])
    >>> merge_words([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.2, 0.6]], words)
    array([[0.75, 0.25],
           [0.4 , 0.6 ]])
    """
    if isinstance(words, Attention):
        words = words_of(words)
    if not isinstance(words, Words):
        message = f"words must be an Attention or Words, not {brief(words)}."
        raise AttentionError(message)
    matrix = np.asarray(values, dtype=np.float64)
    n = len(words.of_token)
    if matrix.ndim not in (1, 2) or any(size != n for size in matrix.shape):
        message = (
            f"The values have shape {matrix.shape} and the words are of {n} tokens: give a matrix "
            f"({n}, {n}), or one row of it."
        )
        raise AttentionError(message)
    starts = [start for start, _ in words.spans]
    if columns:
        matrix = np.add.reduceat(matrix, starts, axis=-1)
    if rows and matrix.ndim == 2:
        matrix = np.add.reduceat(matrix, starts, axis=0) / _sizes(words.spans)[:, None]
    return matrix


def words_of(attention: Any) -> Words:
    """The words of an Attention: its own, or those that the spelling of its tokens tells."""
    attention = as_attention(attention)
    known: Words | None = attention.words
    if known is not None:
        return known
    return split_words(attention.tokens, special=attention.special)


@named_settings
def window(attention: Any, tokens: slice | Sequence[Span | slice]) -> Attention:
    """Merge tokens into nodes, so that a long text fits into a view; no mass is lost.

    Each layer is merged before rollout or flow: columns of a node are summed, rows averaged, so
    rows still sum to 1. It is a coarser network, in which all tokens of a node are one, not the
    merged result of the fine one (for that see `merge_words`).

    Parameters
    ----------
    attention : Attention, or whatever `Attention(...)` takes
    tokens : slice, or list of (start, stop)
        A slice: its tokens stay as they are, all before it become one node, and all after it
        another. A list: each span becomes one node, and so does each stretch between them.

    Returns
    -------
    Attention
        In memory, float32 (float64 if the weights are); the tokens of a node are joined in its
        label, and stretches that were not asked for are labelled "… 12 tokens …".

    Raises
    ------
    AttentionError
        Spans that overlap, are empty or out of range.

    Examples
    --------
    >>> window([[[[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]], [(0, 2)]).weights
    array([[[[1. , 0. ],
             [0.4, 0.6]]]])
    """
    attention = as_attention(attention)
    n = attention.n_tokens
    wanted = _window_spans(tokens, n) if isinstance(tokens, slice) else _spans(tokens, n)
    nodes = _cover(wanted, n, 0 if attention.network is None else attention.network.n_encoder)
    starts = [start for start, _ in nodes]
    sizes = _sizes(nodes)
    shape = (attention.n_layers, attention.n_heads, len(nodes), len(nodes))
    weights = np.empty(shape, np.float64 if attention.weights.dtype == np.float64 else np.float32)
    for layer in range(attention.n_layers):
        for head in range(attention.n_heads):  # one map at a time: the weights may be on disk
            one = np.asarray(attention.weights[layer, head], dtype=np.float64)
            merged = np.add.reduceat(np.add.reduceat(one, starts, axis=1), starts, axis=0)
            weights[layer, head] = merged / sizes[:, None]
    special = [i for i, span in enumerate(nodes) if set(range(*span)) <= set(attention.special)]
    network = attention.network
    if network is not None:
        network = replace(network, n_encoder=starts.index(network.n_encoder))
    fused = any("once the heads are fused" in note for note in attention.notes)
    return Attention(
        weights,
        [_label(attention.tokens, span, asked=span in wanted) for span in nodes],
        special=special,
        kind=attention.kind,
        network=network,
        normalise="fused" if fused else False,
    )


def _sizes(spans: Sequence[Span]) -> NDArray[np.float64]:
    return np.array([stop - start for start, stop in spans], dtype=np.float64)


def _window_spans(window: slice, n: int) -> list[Span]:
    if window.step not in (None, 1):
        message = f"tokens is {brief(window)}: a window has step 1, or give a list of spans."
        raise AttentionError(message)
    start, stop, _ = window.indices(n)
    if start >= stop:
        message = f"tokens is {brief(window)}, which holds none of the {n} tokens."
        raise AttentionError(message)
    return [(token, token + 1) for token in range(start, stop)]


def _spans(tokens: Any, n: int) -> list[Span]:
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Sequence) or not tokens:
        message = (
            f"tokens must be a slice or a list of (start, stop) such as [(0, 12)], not "
            f"{brief(tokens)}."
        )
        raise AttentionError(message)
    spans: list[Span] = []
    for given in tokens:
        pair = (
            (given.start or 0, n if given.stop is None else given.stop)
            if isinstance(given, slice)
            else given
        )
        if (
            not isinstance(pair, Sequence)
            or len(pair) != 2
            or not all(is_index(end) for end in pair)
            or not 0 <= pair[0] < pair[1] <= n
        ):
            message = (
                f"The span {brief(given)} must be (start, stop) with 0 <= start < stop <= {n}."
            )
            raise AttentionError(message)
        spans.append((int(pair[0]), int(pair[1])))
    spans.sort()
    for before, after in itertools.pairwise(spans):
        if after[0] < before[1]:
            message = f"The spans {before} and {after} overlap: a token belongs to one node."
            raise AttentionError(message)
    return spans


def _cover(wanted: list[Span], n: int, border: int) -> list[Span]:
    """Add a span for each stretch between the wanted ones; none crosses `border`."""
    for start, stop in wanted:
        if start < border < stop:
            message = (
                f"The span ({start}, {stop}) holds tokens of the encoder and of the decoder, which "
                f"begins at {border}: give a span for each side."
            )
            raise AttentionError(message)
    nodes: list[Span] = []
    at = 0
    for start, stop in [*wanted, (n, n)]:
        if at < start:
            nodes += [(at, border), (border, start)] if at < border < start else [(at, start)]
        if start < stop:
            nodes.append((start, stop))
        at = stop
    return nodes


def _label(tokens: tuple[str, ...], span: Span, *, asked: bool) -> str:
    start, stop = span
    if stop - start == 1:
        return tokens[start]
    if not asked:
        return f"\u2026 {stop - start} tokens \u2026"
    text = " ".join(tokens[start:stop]).replace(" ##", "")
    return text if len(text) <= 24 else f"{text[:11].rstrip()} \u2026 {text[-11:].lstrip()}"
