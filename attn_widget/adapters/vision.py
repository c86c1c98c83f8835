"""A vision model's attention to an `Attention` that knows its patches and its image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.arrays import as_array
from attn_widget.attention import Attention
from attn_widget.errors import AttentionError, brief, named_settings
from attn_widget.layout import Picture

from .assembly import plain, stack_layers
from .parts import take_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray


@named_settings
def from_vision(
    outputs: Any,
    *,
    image: Any = None,
    grid: tuple[int, int] | None = None,
    before: int | None = None,
    names: tuple[str, ...] | None = None,
    batch: int | None = None,
) -> Attention:
    """Turn a vision transformer's attention into an `Attention` with a patch grid and an image.

    Parameters
    ----------
    outputs : model output, tuple with one (batch, heads, n, n) tensor a layer, or a capture
    image : array, tensor or PIL image, optional
        What the model saw: (height, width), (height, width, 3) or (3, height, width); a batch of
        them with `batch`. Floats outside [0, 1] (a normalised input) are stretched to it.
    grid : (rows, columns), optional
        Patches; by default a square, or of the image's shape, that leaves the fewest other tokens.
    before : int, optional
        Tokens before the first patch (CLS, distillation, registers); by default all that are no
        patches. Tokens after the last patch are taken as further registers.
    names : tuple of str, optional
        What the tokens that are no patches are called. By default "[CLS]", for a second one
        "[DIST]", and "[REG 1]", "[REG 2]", ... where there are more.
    batch : int, optional
        Which image, where there are several.

    Returns
    -------
    Attention
        Tokens are named "row,column" from "0,0" in the upper left corner, `special` are those
        that are no patches, and `picture` holds grid and image.

    Raises
    ------
    AttentionError
        A grid that doesn't fit the tokens, an image that is none.
    """
    parts = outputs._as_parts()[0] if hasattr(outputs, "_as_parts") else take_apart(outputs)  # noqa: SLF001
    row = parts.pick(batch)
    layers = plain(parts.steps[0], row, "attention")
    n_tokens = layers[0].values.shape[1]
    pixels = None if image is None else _pixels(image, row)
    rows, columns = _grid(grid, n_tokens, before, pixels)
    extra = n_tokens - rows * columns
    first = extra if before is None else before
    if not 0 <= first <= extra:
        message = (
            f"before={brief(before)} and a grid of {rows} x {columns} patches do not fit "
            f"{n_tokens} tokens: {max(0, extra)} are no patches."
        )
        raise AttentionError(message)
    if names is None:
        names = _names(extra)
    if len(names) != extra:
        message = f"names has {len(names)} entries for the {extra} tokens that are no patches."
        raise AttentionError(message)
    patches = [f"{r},{c}" for r in range(rows) for c in range(columns)]
    tokens = [*names[:first], *patches, *names[first:]]
    others = [*range(first), *range(first + rows * columns, n_tokens)]
    values, _ = stack_layers(layers, "attention")
    return Attention(
        values,
        tokens,
        normalise="fused" if parts.rescale else False,
        special=others,
        kind="bidirectional",
        picture=Picture((rows, columns), first, pixels),
    )


def _names(extra: int) -> tuple[str, ...]:
    """CLS alone, CLS and distillation (DeiT), CLS and registers (DINOv2), or none."""
    if extra <= 2:
        return ("[CLS]", "[DIST]")[:extra]
    return ("[CLS]", *(f"[REG {i}]" for i in range(1, extra)))


def _grid(
    grid: Any, n_tokens: int, before: int | None, pixels: NDArray[Any] | None
) -> tuple[int, int]:
    if grid is not None:
        try:
            rows, columns = (int(side) for side in grid)
        except (TypeError, ValueError):
            rows = columns = 0
        if rows < 1 or columns < 1:
            message = f"grid must be (rows, columns) of patches, not {brief(grid)}."
            raise AttentionError(message)
        if rows * columns > n_tokens:
            message = (
                f"A grid of {rows} x {columns} patches needs {rows * columns} tokens and the "
                f"attention covers {n_tokens}: divide the image's size as the model saw it by "
                "the patch size."
            )
            raise AttentionError(message)
        return rows, columns
    height, width = (1, 1) if pixels is None else pixels.shape[:2]
    # CLS, nothing, CLS and distillation; then CLS and up to 8 registers.
    likely = ((1, 0, 2), range(3, 10)) if before is None else ((before,),)
    for extras in likely:
        # Patches are square, so the grid has the image's shape, unless the model squeezed it.
        for high, wide in ((height, width), (1, 1)):
            for patches in (n_tokens - extra for extra in extras):
                rows = round(math.sqrt(max(0, patches) * high / wide))
                if rows and patches % rows == 0 and rows * wide == patches // rows * high:
                    return rows, patches // rows
    what = "" if pixels is None else f" nor one of the shape of the {height} x {width} image"
    message = (
        f"No square grid{what} fits {n_tokens} tokens: give grid=(rows, columns), the image's "
        "size as the model saw it divided by the patch size."
    )
    raise AttentionError(message)


def _pixels(image: Any, row: int) -> NDArray[Any]:
    """Read an image to (height, width, 3) or (height, width), uint8 or floats from 0 to 1."""
    if hasattr(image, "convert") and hasattr(image, "size"):  # PIL
        return np.asarray(image.convert("RGB"))
    given = image.detach().cpu() if hasattr(image, "detach") else image
    values = np.asarray(given if not hasattr(given, "numpy") else as_array(given.float()).values)
    if values.ndim == 4:
        values = values[row if len(values) > 1 else 0]
    if values.ndim == 3 and values.shape[-1] not in (1, 3, 4) and values.shape[0] in (1, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 3 and values.shape[-1] == 4:
        values = values[..., :3]
    if (
        values.ndim not in (2, 3)
        or (values.ndim == 3 and values.shape[-1] != 3)
        or 0 in values.shape
    ):
        message = (
            f"The image has shape {np.shape(image)}: give (height, width, 3), (3, height, width) "
            "or (height, width), or a PIL image."
        )
        raise AttentionError(message)
    if values.dtype == np.uint8:
        return values
    values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        if low >= 0 and high <= 255 and np.array_equal(values, np.rint(values)):
            return values.astype(np.uint8)
        values = (values - low) / ((high - low) or 1)
    return values
