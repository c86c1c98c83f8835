"""What a saved page holds as data: the state as JSON, arrays deflated; the twin of `payload.ts`."""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .mixing import fuse_heads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .attention import Attention
    from .mixing import HeadFusion

# A code is a float32 without its sign, with 10 bits of mantissa and exponents from 2^-63 on:
# (bits >> 13) - (64 << 10), rounded to nearest; 0 is exactly 0. float16 loses nothing by it.
_SHIFT = 13
_BASE = 64 << 10

ROUNDING = 2.0**-11
"""Largest relative rounding of a weight."""

_LEVEL = 6  # of deflate: more takes longer and saves nothing on such numbers


def scale_of(attention: Attention) -> float:
    """A power of two that no weight exceeds."""
    largest = max(float(layer.max()) for layer in attention.weights)
    return 2.0 ** max(-60, math.ceil(math.log2(largest))) if largest > 0 else 1.0


def encode(weights: NDArray[Any], scale: float) -> NDArray[np.uint16]:
    """Codes of 16 bits for numbers from 0 to `scale`; relative rounding at most `ROUNDING`."""
    bits = np.ascontiguousarray(weights / scale, dtype=np.float32).view(np.uint32)
    # To nearest, ties to even: exactly what a mantissa of 10 bits would hold.
    rounded = (bits + 0xFFF + ((bits >> _SHIFT) & 1)) >> _SHIFT
    return np.where(rounded > _BASE, rounded - _BASE, 0).astype(np.uint16)


def decode(codes: NDArray[np.uint16], scale: float) -> NDArray[np.float32]:
    """Return the numbers that the page computes with."""
    bits = np.where(codes > 0, (codes.astype(np.uint32) + _BASE) << _SHIFT, 0).astype(np.uint32)
    numbers: NDArray[np.float32] = bits.view(np.float32) * np.float32(scale)
    return numbers


def layer_codes(
    attention: Attention, layer: int, scale: float, heads: HeadFusion | None
) -> tuple[NDArray[np.uint16], bool]:
    """Codes of one layer, (heads, n, n), fused into one if asked; and whether all are exact."""
    weights = np.asarray(attention.weights[layer])
    kept = weights if heads is None else fuse_heads(weights, heads)[None]
    codes = encode(kept, scale)
    return codes, bool(np.array_equal(decode(codes, scale), kept))


class Arrays:
    """Arrays one after the other, each with alike bytes side by side, to be deflated together."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.places: list[tuple[int, int, int]] = []
        self._size = 0

    def add(self, raw: bytes | memoryview, item: int) -> int:
        """Add the bytes of an array of items of so many bytes; returns its number."""
        shuffled = shuffle(raw, item)
        self.places.append((self._size, len(shuffled), item))
        self._size += len(shuffled)
        self._parts.append(shuffled)
        return len(self.places) - 1

    def packed(self) -> str:
        """All of them, deflated, in base64."""
        squeeze = zlib.compressobj(_LEVEL)
        deflated = [squeeze.compress(part) for part in self._parts] + [squeeze.flush()]
        return base64.b64encode(b"".join(deflated)).decode("ascii")


def shuffle(raw: bytes | memoryview, item: int) -> bytes:
    """First bytes of all items, then their second bytes, and so on."""
    table = np.frombuffer(raw, np.uint8).reshape(-1, item)
    return np.ascontiguousarray(table.T).tobytes()


def size_of(codes: NDArray[np.uint16]) -> int:
    """Characters that codes take in a page."""
    return -(-len(zlib.compress(shuffle(codes.tobytes(), 2), 1)) // 3) * 4


def plain(value: Any, arrays: Arrays) -> Any:
    """JSON's own types; arrays on the wire leave their bytes in `arrays`."""
    if isinstance(value, dict):
        if isinstance(value.get("view"), memoryview | bytes):
            item = np.dtype(value["dtype"]).itemsize
            return {**value, "view": arrays.add(value["view"], item)}
        return {name: plain(entry, arrays) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry, arrays) for entry in value]
    return value


def script_json(value: Any) -> str:
    """JSON that may stand in a script element: no tag and no comment begins in it."""
    # ASCII with escapes: half of a surrogate pair survives, too.
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
