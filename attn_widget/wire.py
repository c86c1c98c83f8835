"""numpy to bytes and back; the twin of `wire.ts` and the only place that makes bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# float64 is narrowed here: pixels and tooltips need seven digits, the wire needs half the bytes.
# Python keeps the float64 values: `widget.matrix`, `widget.relevance`.
_NARROW = {"f": np.float32, "u": np.uint8, "b": np.uint8}

SHORT = "float24"
"""float32 without the last byte of its mantissa: 16 significant bits."""


class WireArray(TypedDict):
    """One array on the wire: its bytes in C order, its type name, its shape."""

    view: memoryview
    dtype: str
    shape: list[int]


def pack(array: NDArray[Any], *, short: bool = False) -> WireArray:
    """Bytes of an array: float32, uint8, or the smallest of uint8, uint16 and int32 that holds it.

    Parameters
    ----------
    short : bool
        float24 instead of float32. A matrix in terms is most of what a saved notebook keeps of a
        widget, and no figure or colour shows its last byte.
    """
    if array.dtype.kind == "i":
        narrowed = np.ascontiguousarray(array, dtype=_smallest(array))
    else:
        narrowed = np.ascontiguousarray(array, dtype=_NARROW[array.dtype.kind])
    # A flat view of bytes: hosts differ in how they treat shaped memoryviews.
    data = narrowed.reshape(-1).view(np.uint8)
    if short and narrowed.dtype == np.float32:
        bits = narrowed.reshape(-1).view(np.uint32)
        rounded = (bits + 0x7F + ((bits >> 8) & 1)).astype("<u4")  # to the nearest, ties to even
        data = np.ascontiguousarray(rounded.view(np.uint8).reshape(-1, 4)[:, 1:]).reshape(-1)
        return {"view": data.data, "dtype": SHORT, "shape": list(narrowed.shape)}
    return {"view": data.data, "dtype": narrowed.dtype.name, "shape": list(narrowed.shape)}


def unpack(wire: WireArray) -> NDArray[Any]:
    """Return the array that `pack` was given, in its narrowed type."""
    if wire["dtype"] == SHORT:
        stored = np.frombuffer(wire["view"], dtype=np.uint8).reshape(-1, 3)
        widened = np.zeros((len(stored), 4), dtype=np.uint8)
        widened[:, 1:] = stored
        return widened.reshape(-1).view("<f4").reshape(wire["shape"])
    return np.frombuffer(wire["view"], dtype=wire["dtype"]).reshape(wire["shape"])


def _smallest(array: NDArray[Any]) -> type[np.generic]:
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if low < 0 or high > 0xFFFF:
        return np.int32
    return np.uint8 if high <= 0xFF else np.uint16
