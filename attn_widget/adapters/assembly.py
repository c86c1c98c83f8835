"""Pieces of attention to whole maps: crop padding, stitch steps, join encoder and decoder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.arrays import ArrayError, FloatArray, SourceArray, as_array, row_sum_tolerance
from attn_widget.errors import AttentionError
from attn_widget.layout import Network, Step

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_layer(layer: Any, row: int, place: str) -> SourceArray:
    """Read one text's (heads, queries, keys) out of a layer's (batch, heads, queries, keys)."""
    shape = tuple(getattr(layer, "shape", ()))
    if len(shape) != 4:
        what = f"has shape {shape}" if shape else f"is a {type(layer).__name__}"
        message = (
            f"{place} {what} and (batch, heads, queries, keys) is wanted: flash attention returns "
            'other tensors, so load the model with attn_implementation="eager", or run it in '
            "attn_widget.capture(model)."
        )
        raise AttentionError(message)
    try:
        return as_array(layer[row])  # one text alone leaves the device
    except ArrayError as error:
        message = f"{place} is {error}: attention weights are floats."
        raise AttentionError(message) from error


def stitch(steps: Sequence[Sequence[Any]], rows: Sequence[int], what: str) -> list[SourceArray]:
    """Join the steps of a generation to one square causal map a layer.

    Parameters
    ----------
    steps : a list a step, with (batch, heads, queries, keys) a layer. A step holds the rows of
        the tokens that it was fed (the rest came from the cache), or, without a cache, all rows.
    rows : which text of the batch each step has (beam search moves texts about)
    what : what the steps are called in an error

    Returns
    -------
    list of (heads, n, n), one a layer
    """
    counts = {len(step) for step in steps}
    if len(counts) != 1:
        message = f"The steps of {what} have {sorted(counts)} layers: all must have the same."
        raise AttentionError(message)
    whole: list[SourceArray] = []
    for layer in range(counts.pop()):
        read = [
            read_layer(step[layer], row, f"{what.capitalize()}, step {index}, layer {layer},")
            for index, (step, row) in enumerate(zip(steps, rows, strict=True))
        ]
        whole.append(_stitch_layer(read, f"{what}, layer {layer}"))
    return whole


def prompt_length(steps: Sequence[Sequence[Any]]) -> int:
    """How many tokens were read before the first was written; they may have come in pieces."""
    n = int(steps[0][0].shape[-2])
    for step in steps[1:]:
        queries, keys = step[0].shape[-2:]
        if queries == 1 or keys != n + queries:  # one token a step is written, not read
            break
        n = int(keys)
    return n


def _stitch_layer(read: list[SourceArray], place: str) -> SourceArray:
    n = 0
    spans: list[tuple[int, int]] = []  # first and last row of each step
    for index, (values, _) in enumerate(read):
        queries, keys = values.shape[1:]
        fresh = index > 0 and queries == keys and queries > n  # no cache: every row, once more
        spans.append((0, queries) if fresh else (n, n + queries))
        n = spans[-1][1]
    heads = read[0].values.shape[0]
    dtype = max((one.dtype for one in read), key=row_sum_tolerance)
    out = np.zeros((heads, n, n), np.result_type(*(one.values.dtype for one in read)))
    for index, ((values, _), (first, last)) in enumerate(zip(read, spans, strict=True)):
        keys = values.shape[2]
        if values.shape[0] != heads:
            message = (
                f"{place.capitalize()}: step {index} has {values.shape[0]} heads and step 0 has "
                f"{heads}: pass the steps of one model."
            )
            raise AttentionError(message)
        if keys > last:  # a cache of fixed length, empty beyond the text
            if values[:, :, last:].any():
                message = (
                    f"{place.capitalize()}: step {index} reads {keys} keys where {last} tokens "
                    "are known: pass all steps from the prompt on."
                )
                raise AttentionError(message)
            out[:, first:last, :last] = values[:, :, :last]
        else:  # fewer keys: a sliding window's cache has dropped the first tokens
            out[:, first:last, last - keys : last] = values
    return SourceArray(out, dtype)


def plain(layers: Sequence[Any], row: int, what: str) -> list[SourceArray]:
    """Read one forward pass: (heads, queries, keys) a layer, all of one size."""
    read = [
        read_layer(layer, row, f"{what.capitalize()}, layer {index},")
        for index, layer in enumerate(layers)
    ]
    sizes = {one.values.shape[1:] for one in read}
    if len(sizes) > 1:
        odd = next(i for i, one in enumerate(read) if one.values.shape != read[0].values.shape)
        message = (
            f"{what.capitalize()}: layer {odd} has shape {read[odd].values.shape} and layer 0 "
            f"{read[0].values.shape}: rollout and flow need the same tokens in every layer "
            "(models that merge tokens or attend within windows of an image have no such map)."
        )
        raise AttentionError(message)
    return read


def crop(
    layers: Sequence[SourceArray], queries: Any, keys: Any, what: str, mask: str
) -> list[SourceArray]:
    """Keep the given rows and columns, and refuse a mask that hides what was read.

    Nothing is renormalised: padding that the model did not see has no weight.
    """
    kept = []
    for index, (values, dtype) in enumerate(layers):
        rows = values[:, queries]
        hidden = np.ones(values.shape[2], dtype=bool)
        hidden[keys] = False
        if hidden.any():
            lost = rows[:, :, hidden].sum(axis=-1, dtype=np.float64)
            if lost.max() > row_sum_tolerance(dtype):
                head, row = np.unravel_index(int(lost.argmax()), lost.shape)
                message = (
                    f"{what.capitalize()}, layer {index}, head {head}: row {row} puts "
                    f"{lost.max():.3g} on tokens that {mask} calls padding: call the model with "
                    "that same mask."
                )
                raise AttentionError(message)
            rows = rows[:, :, keys]
        kept.append(SourceArray(rows, dtype))
    return kept


def joint(
    encoder: Sequence[SourceArray], decoder: Sequence[SourceArray], cross: Sequence[SourceArray]
) -> tuple[FloatArray, str, Network]:
    """Join an encoder and a decoder to one network over [encoder tokens | decoder tokens].

    Returns
    -------
    weights, shape (blocks, heads, n, n); the name of their type; the network
        Encoder blocks first, then self-attention and cross-attention of each decoder layer.
        Tokens that a block does not concern have identity rows, which no residual changes.
    """
    if len(decoder) != len(cross):
        message = (
            f"The decoder has {len(decoder)} layers of self-attention and {len(cross)} of cross-"
            "attention: pass one of each a layer."
        )
        raise AttentionError(message)
    n_encoder, n_decoder = cross[0].values.shape[2], decoder[0].values.shape[1]
    n = n_encoder + n_decoder
    heads = math.lcm(*(one.values.shape[0] for one in (*encoder, *decoder, *cross)))
    steps: list[Step] = ["encoder"] * len(encoder)
    sources = list(encoder)
    for own, other in zip(decoder, cross, strict=True):
        steps += ["decoder", "cross"]
        sources += [own, other]
    network = Network(n_encoder, tuple(steps))
    dtype = max((one.dtype for one in sources), key=row_sum_tolerance)
    weights = np.zeros(
        (len(steps), heads, n, n), np.result_type(*(one.values.dtype for one in sources))
    )
    everyone = np.arange(n)
    for block, (values, _) in enumerate(sources):
        queries, keys = network.queries(block), network.keys(block)
        idle = np.delete(everyone, queries)
        weights[block][:, idle, idle] = 1
        # Different numbers of heads: each is repeated, so that means stay what they are.
        weights[block][:, queries, keys] = np.repeat(values, heads // len(values), axis=0)
    return weights, dtype, network


def stack_layers(layers: Sequence[SourceArray], what: str) -> SourceArray:
    """Stack layers, or say which one is of another size."""
    shapes = {one.values.shape for one in layers}
    heads = math.lcm(*(shape[0] for shape in shapes))
    if len({shape[1:] for shape in shapes}) > 1:
        message = f"The layers of {what} have shapes {sorted(shapes)}: all must cover one text."
        raise AttentionError(message)
    dtype = max((one.dtype for one in layers), key=row_sum_tolerance)
    out = np.empty(
        (len(layers), heads, *layers[0].values.shape[1:]),
        np.result_type(*(one.values.dtype for one in layers)),
    )
    for index, (values, _) in enumerate(layers):
        out[index] = np.repeat(values, heads // len(values), axis=0)
    return SourceArray(out, dtype)


def leaks(values: FloatArray, dtype: str) -> bool:
    """Whether rows sum to less than 1 and none to more, as with a learned sink beside the keys."""
    tolerance = row_sum_tolerance(dtype)
    low, high = math.inf, -math.inf
    for layer in values:
        for head in layer:
            sums = head.sum(axis=-1, dtype=np.float64 if head.dtype == np.float64 else np.float32)
            low, high = min(low, float(sums.min())), max(high, float(sums.max()))
    return low < 1 - tolerance and high <= 1 + tolerance and low >= 0


def with_sink(values: FloatArray) -> FloatArray:
    """Put a token in front that takes the mass missing from each row, and reads itself alone."""
    layers, heads, n, _ = values.shape
    out = np.zeros((layers, heads, n + 1, n + 1), np.result_type(values.dtype, np.float32))
    out[:, :, 1:, 1:] = values
    out[:, :, 0, 0] = 1
    out[:, :, 1:, 0] = np.maximum(0, 1 - values.sum(axis=-1, dtype=np.float64))
    return out
