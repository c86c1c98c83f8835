"""numpy to bytes and back; the twin of `wire.ts` and the only place that makes bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# float64 is narrowed here: pixels and tooltips need seven digits, the wire needs half the bytes.
# Python keeps the float64 values: `widget.matrix`, `widget.relevance`.
_NARROW = {"f": np.float32, "i": np.int32, "u": np.uint8, "b": np.uint8}


class WireArray(TypedDict):
    """One array on the wire: its bytes in C order, its type name, its shape."""

    view: memoryview
    dtype: str
    shape: list[int]


def pack(array: NDArray[Any]) -> WireArray:
    """Bytes of an array, as float32, int32 or uint8."""
    narrowed = np.ascontiguousarray(array, dtype=_NARROW[array.dtype.kind])
    return {
        # A flat view of bytes: hosts differ in how they treat shaped memoryviews.
        "view": narrowed.reshape(-1).view(np.uint8).data,
        "dtype": narrowed.dtype.name,
        "shape": list(narrowed.shape),
    }


def unpack(wire: WireArray) -> NDArray[Any]:
    """Return the array that `pack` was given, in its narrowed type."""
    return np.frombuffer(wire["view"], dtype=wire["dtype"]).reshape(wire["shape"])
