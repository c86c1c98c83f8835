"""The parts of a still picture: colours on white, ribbons, an indexed PNG, labels. No attention."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

SEQ = ("f5fbff", "b8e3f8", "7ec8f2", "53a7e8", "3b83dd", "345dcb", "2f39ab", "242478")
"""The sequential scale on white; its stops are equally far apart in OKLab."""

INK, INK_2, INK_3, HAIR, PILL, CUT = (
    *("#1f1f1f", "#6b6b6b", "#9e9e9e", "#e4e4e4"),
    *("#2f50b8", "#c2410c"),
)

MOST_EDGES = 56
"""Edges drawn in a block, the strongest: the file stays small."""
MOST_CELLS = 128
"""Cells of the matrix in each direction; more tokens are averaged."""
NICE = (1, 1.5, 2, 3, 4, 5, 6, 8)
"""What ends of scales are rounded up to, times a power of ten."""

_STOPS = np.array([[int(stop[i : i + 2], 16) for i in (0, 2, 4)] for stop in SEQ], dtype=np.float64)


def _colors(t: Float) -> NDArray[np.uint8]:
    place = np.clip(t, 0, 1) * (len(_STOPS) - 1)
    known = np.arange(len(_STOPS))
    channels = [np.interp(place, known, _STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


_HEX = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in _colors(np.arange(256) / 255)]


def seq(t: float) -> str:
    """Colour of the sequential scale, 0 at the paper to 1 at the strongest contrast."""
    return _HEX[round(255 * min(1.0, max(0.0, t)))]


def ribbons(
    ends: tuple[float, float],
    shares: Float,
    cut: Float | None,
    wide: float,
    y_of: Callable[[int], float],
) -> Iterator[str]:
    """Edges of one block, weakest first; at each disc they are stacked by their far ends."""
    flat = shares.ravel()
    most = min(MOST_EDGES, flat.size - 1)
    order = np.argpartition(flat, -most)[-most:] if most else np.array([0])
    order = order[np.argsort(-flat[order], kind="stable")]
    order = order[: int(np.searchsorted(np.cumsum(flat[order]), 0.9)) + 1]
    n = shares.shape[1]
    edges = [(int(i) // n, int(i) % n, float(flat[i])) for i in order if flat[i] > 0.0008]
    left = _stacked([(key, query, share) for query, key, share in edges], wide)
    right = _stacked(edges, wide)
    x0, x1 = ends
    bend = (x1 - x0) / 2
    for query, key, share in reversed(edges):
        ya, yb = y_of(key) + left[key, query], y_of(query) + right[query, key]
        strength = min(1.0, share / 0.2) ** 0.5
        is_cut = cut is not None and cut[query, key] > 0
        color = CUT if is_cut else seq(0.52 + 0.38 * strength)
        yield (
            f'<path d="M{x0:.1f} {ya:.1f}C{x0 + bend:.1f} {ya:.1f} {x1 - bend:.1f} {yb:.1f} '
            f'{x1:.1f} {yb:.1f}" fill="none" stroke="{color}" '
            f'stroke-width="{max(0.6, share * wide):.2f}" '
            f'opacity="{min(0.95, 0.3 + 0.65 * min(1.0, 1.35 * strength)):.2f}"/>'
        )


def _stacked(ends: Sequence[tuple[int, int, float]], wide: float) -> dict[tuple[int, int], float]:
    """Where each edge meets its disc, from the disc's middle."""
    total: dict[int, float] = {}
    for near, _, share in ends:
        total[near] = total.get(near, 0.0) + share
    filled = {near: -share / 2 for near, share in total.items()}
    place = {}
    for near, far, share in sorted(ends):
        place[near, far] = (filled[near] + share / 2) * wide
        filled[near] += share
    return place


def color_scale(values: Float, special: set[int]) -> tuple[float, float]:
    """Knee and top of the colours: words are not flattened by special tokens and the diagonal."""
    n = len(values)
    words = np.array([token not in special for token in range(n)])
    inner = values[np.ix_(words, words)]
    off = inner[~np.eye(len(inner), dtype=bool)]
    top = _rounded(float(values.max()))
    knee = _rounded(float(np.percentile(off, 99))) if off.size else top
    return (knee, top) if 0 < knee < top else (0.74 * top, top)


def _rounded(value: float) -> float:
    if value <= 0:
        return 1e-9
    ten: float = 10.0 ** np.floor(np.log10(value))
    return next((step * ten for step in NICE if step * ten >= value), 10 * ten)


def pooled(values: Float) -> Float:
    """Average a large matrix down to what can be seen."""
    n = len(values)
    if n <= MOST_CELLS:
        return values
    edges = np.unique(np.linspace(0, n, MOST_CELLS + 1).astype(int))[:-1]
    sums = np.add.reduceat(np.add.reduceat(values, edges, axis=0), edges, axis=1)
    sizes = np.diff(np.append(edges, n))
    pooled: Float = sums / np.outer(sizes, sizes)
    return pooled


def codes_of(values: Float, knee: float, top: float) -> NDArray[np.uint8]:
    """Places on the scale of `color_scale`, 0 to 63."""
    low = 0.74 * values / knee
    high = 0.74 + 0.26 * (values - knee) / max(top - knee, 1e-12)
    t = np.where(values <= knee, low, high)
    codes: NDArray[np.uint8] = (np.clip(t, 0, 1) * 63).round().astype(np.uint8)
    return codes


def png(codes: NDArray[np.uint8]) -> str:
    """Write codes 0 to 63 as a PNG with the scale as its palette, in base64."""
    height, width = codes.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), codes], axis=1).tobytes()
    palette = _colors(np.arange(64) / 63).tobytes()
    parts = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", palette),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def label(
    x: float,
    y: float,
    text: str,
    fill: str,
    *,
    anchor: str = "start",
    size: float = 12,
    bold: bool = False,
) -> str:
    """One line of text, its baseline at (x, y)."""
    weight = ' font-weight="600"' if bold else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size:g}"{where}{weight}>'
        f"{plain_text(text)}</text>"
    )


_UNFIT = dict.fromkeys([*range(32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")


def plain_text(text: str) -> str:
    """Text that XML can hold: half a surrogate pair and control signs become marks."""
    kept = "".join(_UNFIT.get(ord(sign), sign) for sign in text)
    return html.escape(kept)


def level_name(level: int) -> str:
    """Name a level as on screen."""
    return "input" if level == 0 else f"layer {level}"
