"""A vision model's attention to an `Attention` that knows its patches and its image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attn_widget.arrays import as_array
from attn_widget.attention import Attention
from attn_widget.errors import AttentionError, brief, check_index, is_index, named_settings
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
    image : array, tensor, PIL image, or what a processor returned; optional
        What the model saw: (height, width), (height, width, 3) or (3, height, width); a batch of
        them with `batch`. Floats outside [0, 1] (a normalised input) are stretched to it. Where a
        processor crops, as those of CLIP, DeiT and DINO do, the file holds more than the model
        saw: give the processor's `pixel_values`.
    grid : (rows, columns), optional
        Patches; of a capture those that the model saw. Else by default a square, or of the image's
        shape, that leaves the fewest other tokens.
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
        A grid that doesn't fit the tokens or the image, an image that is none.
    """
    known: dict[str, Any] = {}
    if hasattr(outputs, "_as_parts"):  # a capture
        parts, known = outputs._as_parts()  # noqa: SLF001 - its other half
    else:
        parts = take_apart(outputs)
    seen = _Seen.of(known, parts.n_rows)
    row = parts.pick(batch)
    layers = plain(parts.steps[0], row, "attention")
    n_tokens = layers[0].values.shape[1]
    pixels = None if image is None else _pixels(image, row)
    if before is not None and not is_index(before):
        message = (
            f"before must be the number of tokens before the first patch, not {brief(before)}."
        )
        raise AttentionError(message)
    rows, columns = _grid(grid, n_tokens, before, pixels, seen)
    if pixels is not None:
        _check_shape(pixels, rows, columns, seen)
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


class _Seen(NamedTuple):
    """What a recorded model was given: the size of its image and of a patch; None if unknown."""

    image: tuple[int, int] | None = None
    patch: tuple[int, int] | None = None

    @classmethod
    def of(cls, known: Mapping[str, Any], n_maps: int) -> _Seen:
        pixels, size = known.get("pixel_values"), known.get("patch_size")
        shape = tuple(getattr(pixels, "shape", ()))
        if len(shape) != 4:
            return cls()
        if n_maps != shape[0]:
            message = (
                f"The model saw {shape[0]} image{'s' * (shape[0] != 1)} and each layer holds "
                f"{n_maps} maps, so it attends within windows of an image (as Swin does): no "
                "rollout or flow leads through them."
            )
            raise AttentionError(message)
        sides = size if isinstance(size, (list, tuple)) else (size, size)
        if len(sides) != 2 or not all(is_index(side) and side > 0 for side in sides):
            return cls(shape[2:])
        return cls(shape[2:], tuple(sides))

    @property
    def grid(self) -> tuple[int, int] | None:
        if self.image is None or self.patch is None:
            return None
        return self.image[0] // self.patch[0], self.image[1] // self.patch[1]


def _names(extra: int) -> tuple[str, ...]:
    """CLS alone, CLS and distillation (DeiT), CLS and registers (DINOv2), or none."""
    if extra <= 2:
        return ("[CLS]", "[DIST]")[:extra]
    return ("[CLS]", *(f"[REG {i}]" for i in range(1, extra)))


def _grid(
    grid: Any, n_tokens: int, before: int | None, pixels: NDArray[Any] | None, seen: _Seen
) -> tuple[int, int]:
    if grid is None and seen.grid is not None:
        rows, columns = seen.grid
        if rows * columns + (before or 0) <= n_tokens:
            return rows, columns
        message = (
            f"The model saw {rows} x {columns} patches and the attention covers {n_tokens} tokens, "
            "as where patches are masked or merged: give grid=(rows, columns) of what is left."
        )
        raise AttentionError(message)
    if grid is not None:
        try:
            rows, columns = (int(side) if side == int(side) else 0 for side in grid)
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


def _check_shape(pixels: NDArray[Any], rows: int, columns: int, seen: _Seen) -> None:
    """Refuse an image that the grid does not cut into patches of the model's shape."""
    if rows == columns:
        return  # many processors squeeze images to a square
    patch_height, patch_width = seen.patch or (1, 1)
    height, width = pixels.shape[0] / patch_height, pixels.shape[1] / patch_width
    # An edge too narrow for a patch is left over, on either axis.
    if max(height / (rows + 1), width / (columns + 1)) < min(height / rows, width / columns):
        return
    message = (
        f"The image is {pixels.shape[0]} x {pixels.shape[1]} pixels and a grid of {rows} x "
        f"{columns} would cut it into patches that are not square: give the grid of this image, "
        "or the image as the model saw it, its pixel_values."
    )
    raise AttentionError(message)


def _pixels(image: Any, row: int) -> NDArray[Any]:
    """Read an image to (height, width, 3) or (height, width), uint8 or floats from 0 to 1."""
    if isinstance(image, Mapping):  # what a processor returned
        image = image.get("pixel_values")
    if hasattr(image, "convert") and hasattr(image, "size"):  # PIL
        return np.asarray(image.convert("RGB"))
    given = image.detach().cpu() if hasattr(image, "detach") else image
    values = np.asarray(given if not hasattr(given, "numpy") else as_array(given.float()).values)
    if values.dtype.kind not in "buif":
        message = (
            f"The image is a {type(image).__name__}, which holds no pixels: open a file first, for "
            "instance with PIL.Image.open."
        )
        raise AttentionError(message)
    if values.ndim == 4:
        values = values[check_index(row if len(values) > 1 else 0, len(values), "image")]
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
    if not np.isfinite(values).all():
        raise AttentionError("The image holds NaN or infinite pixels: give finite numbers.")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        if low >= 0 and high <= 255 and np.array_equal(values, np.rint(values)):
            return values.astype(np.uint8)
        values = (values - low) / ((high - low) or 1)
    return values
