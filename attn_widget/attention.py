"""`Attention`: a model's attention over one text, checked once so that nothing after it has to."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

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

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["bidirectional", "causal"]

P = ParamSpec("P")
R = TypeVar("R")

_WANTED = (
    "give an array (layers, heads, n, n), or a list with one (heads, n, n) or (1, heads, n, n) "
    "array a layer"
)
_EAGER = (
    'load the model with attn_implementation="eager" and call it with output_attentions=True '
    "(sdpa and flash attention return no weights)"
)

# Tokens that carry no text of their own. [MASK] and [UNK] stand for a word, so they are not here.
_SPECIAL = re.compile(
    r"\[(cls|sep|pad|bos|eos)\]|</?(s|pad|bos|eos|cls|sep)>|<\|.*\|>|<\uff5c.*\uff5c>|<(start|end)_of_\w+>",
    re.IGNORECASE | re.DOTALL,
)


class AttentionError(ValueError):
    """Something given to this package cannot be used: what it was, what is wanted, what to do."""


class UnknownSettingError(AttentionError, TypeError):
    """A keyword that the function does not have (a `TypeError` too, as Python has it)."""


def named_settings(function: Callable[P, R]) -> Callable[P, R]:
    """Answer a misspelt keyword with the name that was meant, instead of a bare `TypeError`."""
    parameters = inspect.signature(function).parameters
    names = [name for name in parameters if name != "self"]

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in parameters:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"choose from {_listed(names)}."
                what = function.__qualname__.removesuffix(".__init__")
                message = f"{what}() has no setting named {name!r}: {hint}"
                raise UnknownSettingError(message)
        return function(*args, **kwargs)

    return wrapper


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class Attention:
    """Attention weights of one text and its tokens; frozen and validated.

    Parameters
    ----------
    weights : array, shape (layers, heads, queries, keys)
        A row is the query, the token that reads; a column is the key, the token that is read;
        rows sum to 1. numpy, torch (any float type, device, gradient), anything with `__array__`
        or DLPack, nested lists; one array, or a list with one (heads, n, n) or (1, heads, n, n) a
        layer; or a model output with `.attentions`. The data is copied.
    tokens : sequence of str, optional
        One label a token. By default the positions: "0", "1", ...
    normalise : bool
        True accepts contributions that don't sum to 1 and rescales each row to 1. A row without
        any mass becomes the identity row, and `notes` says so.
    special : iterable of int, optional
        Positions of tokens without text of their own, such as [CLS]. By default they are
        recognised by their spelling.
    kind : {"bidirectional", "causal"}, optional
        By default read off the weights: causal when no token attends to a later one.
    batch : int, optional
        Which text to take where `weights` hold a batch of several.

    Attributes
    ----------
    weights : array, shape (layers, heads, queries, keys), read-only
        float16, float32 or float64, as given (bfloat16 is widened to float32).
    tokens : tuple of str
    special : tuple of int
    kind : {"bidirectional", "causal"}
    dtype : str
        The type that the weights were given in, for instance "bfloat16".
    notes : tuple of str
        What was changed on the way in, in words.

    Raises
    ------
    AttentionError
        In one sentence: what was given, what is wanted, how to mend it.

    Examples
    --------
    >>> attention = Attention([[[[1.0, 0.0], [0.5, 0.5]]]], ["the", "cat"])
    >>> attention
    Attention(1 layer, 1 head, 2 tokens, causal, float64: 'the cat')
    """

    weights: FloatArray
    tokens: tuple[str, ...]
    special: tuple[int, ...]
    kind: Kind
    dtype: str
    notes: tuple[str, ...]

    @named_settings
    def __init__(
        self,
        weights: Any,
        tokens: Iterable[str] | None = None,
        *,
        normalise: bool = False,
        special: Iterable[int] | None = None,
        kind: Kind | None = None,
        batch: int | None = None,
    ) -> None:
        values, dtype = _read_weights(weights, batch)
        n_tokens = values.shape[-1]
        labels = _read_tokens(tokens, n_tokens)
        if normalise:
            values, empty = _normalised(values)
            notes = (_empty_note(empty),) if empty else ()
        else:
            notes = ()
            _check_rows(values, dtype)
        values.flags.writeable = False
        if special is None:
            marked = tuple(i for i, text in enumerate(labels) if _SPECIAL.fullmatch(text.strip()))
        else:
            marked = check_tokens(special, n_tokens, "special")
        put = functools.partial(object.__setattr__, self)
        put("weights", values)
        put("tokens", labels)
        put("special", marked)
        put("kind", _read_kind(kind, values))
        put("dtype", dtype)
        put("notes", notes)

    @property
    def n_layers(self) -> int:
        """Number of layers; levels run from 0 (the embeddings) to this (the output)."""
        return int(self.weights.shape[0])

    @property
    def n_heads(self) -> int:
        """Number of heads in each layer."""
        return int(self.weights.shape[1])

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return int(self.weights.shape[2])

    @property
    def causal(self) -> bool:
        """Whether no token attends to a later one."""
        return self.kind == "causal"

    def __repr__(self) -> str:
        text = " ".join(self.tokens)
        if len(text) > 40:
            text = text[:39] + "…"
        sizes = ", ".join(
            f"{count} {name}{'' if count == 1 else 's'}"
            for count, name in (
                (self.n_layers, "layer"),
                (self.n_heads, "head"),
                (self.n_tokens, "token"),
            )
        )
        return f"Attention({sizes}, {self.kind}, {self.dtype}: {text!r})"


def as_attention(given: Any) -> Attention:
    """Return `given` itself if it is an `Attention`, else `Attention(given)`."""
    return given if isinstance(given, Attention) else Attention(given)


def brief(value: object) -> str:
    """Show a value in an error message: on one line, and shortened where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:59] + "…"


def is_index(value: object) -> bool:
    """Whether `value` is a whole number, Python's or numpy's, and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_index(value: object, count: int, name: str) -> int:
    """Check one 0-based index below `count`; `name` says of what, for instance "head"."""
    if not is_index(value):
        message = f"{name} must be a whole number from 0 to {count - 1}, not {brief(value)}."
        raise AttentionError(message)
    index = int(value)  # type: ignore[call-overload]
    if not 0 <= index < count:
        message = f"{name} {index} is out of range: choose one from 0 to {count - 1}."
        raise AttentionError(message)
    return int(index)


def check_tokens(tokens: object, n_tokens: int, name: str) -> tuple[int, ...]:
    """Check a collection of token positions; sorted, each once. `name` is the setting's name."""
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Iterable):
        message = f"{name} must be a list of token positions such as [0], not {brief(tokens)}."
        raise AttentionError(message)
    return tuple(sorted({check_index(token, n_tokens, f"{name}: token") for token in tokens}))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


# --- reading -------------------------------------------------------------------------------------


def _read_weights(given: Any, batch: int | None) -> SourceArray:
    """Read anything that `Attention` takes to a fresh C-ordered (layers, heads, n, n) array."""
    given = _unwrap(given)
    try:
        if isinstance(given, (list, tuple)):
            layers = (_read_layer(item, index, batch) for index, item in enumerate(given))
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
    if not isinstance(given, (list, tuple)):
        values = np.array(values, order="C")  # frozen: later changes to the caller's are not seen
    return SourceArray(values, dtype)


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
        given = list(given)
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


def _read_tokens(tokens: object, n_tokens: int) -> tuple[str, ...]:
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


def _read_kind(kind: object, values: FloatArray) -> Kind:
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


# --- checking ------------------------------------------------------------------------------------


def _check_rows(values: FloatArray, dtype: str) -> None:
    """Refuse values that are not finite or negative, and rows that don't sum to 1."""
    tolerance = row_sum_tolerance(dtype)
    for index, layer in enumerate(values):
        wide = layer.astype(np.float32) if layer.dtype == np.float16 else layer
        _check_values(wide, index)
        with np.errstate(over="ignore"):
            sums = wide @ np.ones(wide.shape[-1], wide.dtype)
        wrong = np.abs(sums - 1) > tolerance
        if not wrong.any():
            continue
        wrong = np.abs(sums - 1) > row_sum_tolerance(carried_dtype(wide, dtype))
        if wrong.any():
            raise _row_sum_error(wide, index, wrong, tolerance)


def _check_values(layer: FloatArray, index: int) -> None:
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
                f"The weight at layer {index}, head {head}, row {query}, column {key} is "
                f"{float(layer[head, query, key]):.6g}: {reason}."
            )
            raise AttentionError(message)


def _row_sum_error(
    layer: FloatArray, index: int, wrong: NDArray[np.bool_], tolerance: float
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
        f"Layer {index}, head {head}, row {row} sums to {total:.6g} and must sum to 1: {mend}."
    )


def _normalised(values: FloatArray) -> tuple[FloatArray, list[tuple[int, int, int]]]:
    """Rescale every row to 1; rows without mass become identity rows and are returned."""
    if values.dtype == np.float16:
        values = values.astype(np.float32)
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


def _empty_note(empty: list[tuple[int, int, int]]) -> str:
    layer, head, row = empty[0]
    more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
    return (
        f"Layer {layer}, head {head}, row {row}{more} had no mass and became the identity row: "
        "the token keeps to itself."
    )
