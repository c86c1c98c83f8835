"""Arrays of any origin to numpy: the one place that knows devices, gradients and bfloat16.

torch is recognised through `sys.modules`, never imported here: who passes a tensor has it loaded.
"""

from __future__ import annotations

import sys
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

FloatArray = NDArray[np.floating[Any]]

_NATIVE = ("float16", "float32", "float64")


class ArrayError(ValueError):
    """What was given cannot be read as an array of floats; the message is a noun phrase for it."""


class SourceArray(NamedTuple):
    """A numpy array and the name of the type that its numbers came in.

    The two differ for types that numpy lacks: bfloat16 and float8 are widened to float32, but only
    their own name says how far a row may be from a sum of 1.
    """

    values: FloatArray
    dtype: str


def as_array(given: object) -> SourceArray:
    """Read `given` as a numpy array of floats, without a copy where that is possible.

    Parameters
    ----------
    given : numpy array, torch tensor (any float type, any device, with or without gradient), any
        object with `__array__` or DLPack, or nested lists of these or of Python numbers. Whole
        numbers in lists are read as floats, so `[[1, 0], [0, 1]]` is an identity; *arrays* of
        integers are refused, since they are token ids or masks far more often than attention.

    Returns
    -------
    SourceArray
        `values` is float16, float32 or float64; `dtype` names the type that was given.

    Raises
    ------
    ArrayError
        Integer, boolean, complex or object arrays, strings, ragged lists, and anything else.
    """
    if _is_torch(given):
        return _from_torch(given)
    if isinstance(given, np.ndarray):
        return _from_numpy(given)
    if isinstance(given, (list, tuple)):
        return _from_nested(given)
    if isinstance(given, (str, bytes)):
        message = "a string"
        raise ArrayError(message)
    if hasattr(given, "__array__") or hasattr(given, "__dlpack__"):
        return _from_protocol(given)
    message = f"an object of type {type(given).__name__}"
    raise ArrayError(message)


def _is_torch(given: object) -> bool:
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return tensor is not None and isinstance(given, tensor)


def _from_torch(tensor: Any) -> SourceArray:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if not tensor.is_floating_point():
        message = f"a torch tensor of {dtype}"
        raise ArrayError(message)
    if tensor.is_meta:
        message = "a torch tensor without data (device 'meta')"
        raise ArrayError(message)
    tensor = tensor.detach()
    if "strided" not in str(tensor.layout):
        tensor = tensor.to_dense()
    tensor = tensor.cpu()
    if dtype not in _NATIVE:
        tensor = tensor.float()
    return SourceArray(tensor.numpy(force=True), dtype)


def _from_numpy(array: NDArray[Any]) -> SourceArray:
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        message = "a masked array with masked entries"
        raise ArrayError(message)
    values = np.asarray(array)
    dtype = values.dtype.name
    if dtype in _NATIVE:
        return SourceArray(values, dtype)
    # ml_dtypes registers bfloat16 and float8 with numpy (jax arrays arrive so).
    if dtype.startswith(("bfloat", "float8")):
        return SourceArray(values.astype(np.float32), dtype)
    if values.dtype.kind == "f":
        return SourceArray(values.astype(np.float64), "float64")
    message = f"an array of {dtype}" if dtype != "object" else "an array of Python objects"
    raise ArrayError(message)


def _from_protocol(given: Any) -> SourceArray:
    try:
        array = np.asarray(given) if hasattr(given, "__array__") else np.from_dlpack(given)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        message = f"a {type(given).__name__} that numpy cannot read ({error})"
        raise ArrayError(message) from error
    return _from_numpy(array)


def _from_nested(items: list[Any] | tuple[Any, ...]) -> SourceArray:
    if not items:
        return SourceArray(np.empty(0), "float64")
    kinds = set(map(type, items))  # one pass at C speed: these lists hold millions of numbers
    if not any(issubclass(kind, (list, tuple)) or _is_arraylike(kind) for kind in kinds):
        _check_numbers(kinds)
        try:
            return SourceArray(np.array(items, dtype=np.float64), "float64")
        except OverflowError as error:
            message = "a list with a number too large for a float"
            raise ArrayError(message) from error
    return stack(map(as_array, items), len(items), "item")


def _is_arraylike(kind: type) -> bool:
    # numpy scalars have __array__ too, yet a list of them is a list of numbers.
    return hasattr(kind, "__array__") and not issubclass(kind, np.generic)


def _check_numbers(kinds: set[type]) -> None:
    for kind in kinds:
        if issubclass(kind, (bool, np.bool_)):
            message = "a list of booleans"
        elif issubclass(kind, (str, bytes)):
            message = "a list of strings"
        elif kind is type(None):
            message = "a list with None in it"
        elif not issubclass(kind, Real):
            message = f"a list of {kind.__name__} objects"
        else:
            continue
        raise ArrayError(message)


def stack(arrays: Iterable[SourceArray], count: int, name: str) -> SourceArray:
    """Stack arrays of one shape along a new first axis, holding one converted array at a time.

    The result is a fresh array; `name` is what the error calls an entry of another shape.
    """
    out: FloatArray | None = None
    dtypes: list[str] = []
    for index, (values, dtype) in enumerate(arrays):
        if out is None:
            out = np.empty((count, *values.shape), values.dtype)
        if values.shape != out.shape[1:]:
            message = (
                f"ragged: {name} {index} has shape {values.shape}, {name} 0 has shape "
                f"{out.shape[1:]}"
            )
            raise ArrayError(message)
        if not np.can_cast(values.dtype, out.dtype):
            out = out.astype(np.result_type(values.dtype, out.dtype))
        out[index] = values
        dtypes.append(dtype)
    if out is None:
        return SourceArray(np.empty(0), "float64")
    return SourceArray(out, max(dtypes, key=row_sum_tolerance))


# A softmax is exact to a few units in the last place of its type, and rounding every weight of a
# row to it moves the sum by at most half a unit: these leave room for both.
_TOLERANCES = {"float64": 1e-6, "float32": 1e-4, "float16": 2e-3, "bfloat16": 1e-2}


def row_sum_tolerance(dtype: str) -> float:
    """How far from 1 a row of attention of this type may sum (float8 types get 0.1)."""
    return _TOLERANCES.get(dtype, 0.1)


def carried_dtype(values: FloatArray, dtype: str) -> str:
    """Name the coarsest type that holds every one of `values` exactly.

    bfloat16 attention often arrives as float32, because numpy has no bfloat16: its rows are still
    only as close to a sum of 1 as bfloat16 is.
    """
    narrow = values.astype(np.float32)
    if not np.array_equal(narrow, values):
        return dtype
    if not (np.ascontiguousarray(narrow).view(np.uint32) & 0xFFFF).any():
        carried = "bfloat16"
    elif np.array_equal(narrow.astype(np.float16), narrow):
        carried = "float16"
    else:
        carried = "float32"
    return max(dtype, carried, key=row_sum_tolerance)
