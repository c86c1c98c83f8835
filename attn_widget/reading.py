"""Everything that `Attention` accepts to checked arrays, and a sentence for all that it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .arrays import (
    ArrayError,
    FloatArray,
    SourceArray,
    as_array,
    carried_dtype,
    row_sum_tolerance,
    stack,
)
from .errors import AttentionError, brief, check_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["bidirectional", "causal"]

_WANTED = (
    "give an array (layers, heads, n, n), or a list with one (heads, n, n) or (1, heads, n, n) "
    "array a layer"
)
_EAGER = (
    'load the model with attn_implementation="eager" and call it with output_attentions=True '
    "(sdpa and flash attention return no weights)"
)


def read_weights(given: Any, batch: int | None) -> SourceArray:
    """Read anything that `Attention` takes to a fresh C-ordered (layers, heads, n, n) array."""
    given = _unwrap(given)
    try:
        if isinstance(given, (list, tuple)):
            layers = (_read_layer(item, index, batch) for index, item in _items(given))
            values, dtype = stack(layers, len(given), "layer")
        else:
            values, dtype = as_array(given)
            if values.ndim == 5:
                values = _pick_text(values, batch, axis=1)
            elif batch is not None:
                raise _no_batch(batch, values.shape)
    except ArrayError as error:
        message = f"The weights are {error}: {_WANTED}, of floats."
        raise AttentionError(message) from error
    _check_shape(values.shape)
    if _is_mapped(values):
        values = values.view()  # stays on disk; frozen as a view, the caller's own is as it was
    elif not isinstance(given, (list, tuple)):
        values = np.array(values, order="C")  # frozen: later changes to the caller's are not seen
    return SourceArray(values, dtype)


class _Streamed(list[Any]):
    """Layers out of an iterator: nobody else holds them, so each can go once it is read."""


def _items(given: list[Any] | tuple[Any, ...]) -> Iterator[tuple[int, Any]]:
    for index in range(len(given)):
        item = given[index]
        if isinstance(given, _Streamed):
            given[index] = None
        yield index, item
        del item


def _is_mapped(values: object) -> bool:
    """Whether an array lies in a file: a copy would bring all of it into memory."""
    while isinstance(values, np.ndarray):
        if isinstance(values, np.memmap):
            return True
        values = values.base
    return False


def _unwrap(given: Any) -> Any:
    """Take `.attentions` from a model output; refuse what a model returns without attention."""
    if hasattr(given, "attentions"):
        given = given.attentions
    elif isinstance(given, Mapping) and "attentions" in given:
        given = given["attentions"]
    elif hasattr(given, "encoder_attentions"):
        message = (
            "This output has encoder, decoder and cross attention: pass one of them, such as "
            "outputs.encoder_attentions."
        )
        raise AttentionError(message)
    if isinstance(given, Iterator):
        given = _Streamed(given)
    if given is None:
        message = f"The attention is None: {_EAGER}."
        raise AttentionError(message)
    if isinstance(given, (list, tuple)):
        if not given:
            message = f"The attention is an empty {type(given).__name__}: {_EAGER}."
            raise AttentionError(message)
        missing = [index for index, layer in enumerate(given) if layer is None]
        if missing:
            what = "every layer" if len(missing) == len(given) else f"layer {missing[0]}"
            message = f"The attention of {what} is None: {_EAGER}."
            raise AttentionError(message)
    return given


def _read_layer(item: Any, index: int, batch: int | None) -> SourceArray:
    try:
        values, dtype = as_array(item)
    except ArrayError as error:
        message = f"Layer {index} of the weights is {error}: {_WANTED}, of floats."
        raise AttentionError(message) from error
    if values.ndim == 4:
        values = _pick_text(values, batch, axis=0)
    elif values.ndim == 5:
        message = (
            f"Layer {index} has shape {values.shape}, which looks like the steps of generate(): "
            "pass the attention of one forward pass over the whole text instead."
        )
        raise AttentionError(message)
    elif values.ndim != 3:
        message = f"Layer {index} has shape {values.shape}: {_WANTED}."
        raise AttentionError(message)
    elif batch is not None:
        raise _no_batch(batch, values.shape)
    return SourceArray(values, dtype)


def _pick_text(values: FloatArray, batch: int | None, *, axis: int) -> FloatArray:
    size = values.shape[axis]
    if batch is None and size != 1:
        message = (
            f"The weights hold a batch of {size} texts and one is shown at a time: choose it with "
            "batch=0, batch=1, ..."
        )
        raise AttentionError(message)
    index = 0 if batch is None else check_index(batch, size, "batch")
    picked: FloatArray = values[:, index] if axis else values[index]
    return picked


def _no_batch(batch: int, shape: tuple[int, ...]) -> AttentionError:
    return AttentionError(
        f"The weights of shape {shape} hold no batch: leave out batch={brief(batch)}."
    )


def _check_shape(shape: tuple[int, ...]) -> None:
    if 0 in shape:
        message = f"The weights are empty (shape {shape}): {_WANTED}."
        raise AttentionError(message)
    if len(shape) == 3:
        message = (
            f"The weights have 3 axes, shape {shape}, and 4 are wanted (layers, heads, queries, "
            "keys): use weights[None] if it is one layer, weights[:, None] if heads were averaged."
        )
        raise AttentionError(message)
    if len(shape) != 4:
        message = f"The weights have {len(shape)} axes, shape {shape}: {_WANTED}."
        raise AttentionError(message)
    if shape[2] != shape[3]:
        message = (
            f"The maps are not square: {shape[2]} queries (rows) and {shape[3]} keys (columns), "
            "but self-attention has as many of both; pass one forward pass over the whole text, "
            "without a cache."
        )
        raise AttentionError(message)


def read_tokens(tokens: object, n_tokens: int) -> tuple[str, ...]:
    """Check that there is one string a token; None gives the positions."""
    if tokens is None:
        return tuple(str(position) for position in range(n_tokens))
    if isinstance(tokens, (str, bytes)):
        message = (
            "The tokens are one string: give a list with one string a token, such as "
            "tokenizer.convert_ids_to_tokens(input_ids[0])."
        )
        raise AttentionError(message)
    if not isinstance(tokens, Iterable):
        message = f"The tokens are a {type(tokens).__name__}: give a list of {n_tokens} strings."
        raise AttentionError(message)
    labels = tuple(tokens)
    for position, label in enumerate(labels):
        if not isinstance(label, str):
            message = (
                f"Token {position} is {brief(label)}, not a string: turn ids into text with "
                "tokenizer.convert_ids_to_tokens(input_ids[0])."
            )
            raise AttentionError(message)
    if len(labels) != n_tokens:
        message = (
            f"The weights cover {n_tokens} tokens but {len(labels)} tokens were given: give one "
            "string for each, special tokens such as [CLS] included."
        )
        raise AttentionError(message)
    return tuple(str(label) for label in labels)


def read_kind(kind: object, values: FloatArray) -> Kind:
    """Read off the weights whether a token attends to a later one, unless `kind` says it."""
    if kind not in (None, "bidirectional", "causal"):
        message = f"kind must be 'bidirectional' or 'causal', not {brief(kind)}."
        raise AttentionError(message)
    if kind == "bidirectional":
        return "bidirectional"
    later = next((b for b, layer in enumerate(values) if _looks_ahead(layer)), None)
    if later is None:
        return "causal"
    if kind == "causal":
        message = (
            f"kind is 'causal', but in layer {later} a token attends to a later one: leave kind "
            "out, or pass the attention of a causal model."
        )
        raise AttentionError(message)
    return "bidirectional"


def _looks_ahead(layer: FloatArray) -> bool:
    # The first row decides nearly always; the whole triangle is read for causal models only.
    return bool(layer[:, 0, 1:].any() or np.triu(layer.max(axis=0), 1).any())


def check_rows(values: FloatArray, dtype: str) -> None:
    """Refuse values that are not finite or negative, and rows that don't sum to 1."""
    tolerance = row_sum_tolerance(dtype)
    for index, head, wide in _few_heads(values):
        _check_values(wide, index, head)
        with np.errstate(over="ignore"):
            sums = wide @ np.ones(wide.shape[-1], wide.dtype)
        wrong = np.abs(sums - 1) > tolerance
        if not wrong.any():
            continue
        wrong = np.abs(sums - 1) > row_sum_tolerance(carried_dtype(wide, dtype))
        if wrong.any():
            raise _row_sum_error(wide, index, head, wrong, tolerance)


def check_values(values: FloatArray) -> None:
    """Refuse values that are not finite or negative; rows may sum to anything."""
    for index, head, wide in _few_heads(values):
        _check_values(wide, index, head)


_TOGETHER = 2**22  # weights looked at in one go: heads of short texts together, of long ones singly


def _few_heads(values: FloatArray) -> Iterator[tuple[int, int, FloatArray]]:
    """Yield layer, first head, and (heads, n, n) of a few heads; float16 is widened to float32."""
    many = max(1, _TOGETHER // values[0, 0].size)
    for index, layer in enumerate(values):
        for head in range(0, len(layer), many):
            some = np.asarray(layer[head : head + many])
            yield index, head, some.astype(np.float32) if some.dtype == np.float16 else some


def _check_values(layer: FloatArray, index: int, first: int = 0) -> None:
    low, high = layer.min(), layer.max()
    if low >= 0 and high < np.inf:  # false for NaN as well
        return
    for bad, reason in (
        (
            np.isnan(layer),
            "attention must be finite; rows of padding are the usual cause, so crop the padding",
        ),
        (np.isinf(layer), "attention must be finite; pass the weights after the softmax"),
        (layer < 0, "attention must not be negative; pass the weights after the softmax"),
    ):
        if bad.any():
            head, query, key = (int(i) for i in np.argwhere(bad)[0])
            message = (
                f"The weight at layer {index}, head {first + head}, row {query}, column {key} is "
                f"{float(layer[head, query, key]):.6g}: {reason}."
            )
            raise AttentionError(message)


def _row_sum_error(
    layer: FloatArray, index: int, first: int, wrong: NDArray[np.bool_], tolerance: float
) -> AttentionError:
    head, row = (int(i) for i in np.argwhere(wrong)[0])
    total = float(layer[head, row].sum(dtype=np.float64))
    columns = layer.sum(axis=-2, dtype=np.float64)
    if layer.shape[-1] > 1 and (np.abs(columns - 1) <= tolerance).all():
        mend = "its columns do, so swap the last two axes (rows are queries, columns are keys)"
    else:
        mend = (
            "pass the weights after the softmax, without dropout and with padding cropped, or "
            "normalise=True if these are unnormalised contributions on purpose"
        )
    return AttentionError(
        f"Layer {index}, head {first + head}, row {row} sums to {total:.6g} and must sum to 1: "
        f"{mend}."
    )


def normalised(values: FloatArray) -> tuple[FloatArray, list[tuple[int, int, int]]]:
    """Rescale every row to 1; rows without mass become identity rows and are returned."""
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    elif _is_mapped(values):
        values = np.array(values)
    empty: list[tuple[int, int, int]] = []
    for index, layer in enumerate(values):
        _check_values(layer, index)
        peak = layer.max(axis=-1, keepdims=True)
        for head, row in np.argwhere(peak[..., 0] == 0):
            layer[head, row, row] = 1
            peak[head, row] = 1
            empty.append((index, int(head), int(row)))
        np.divide(layer, peak, out=layer)  # first by the largest, so that no sum overflows
        np.divide(layer, layer.sum(axis=-1, keepdims=True), out=layer)
    return values, empty
