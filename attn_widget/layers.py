"""An `Attention` from layers that come one by one, in memory or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import ArrayError, as_array
from .attention import Attention
from .errors import AttentionError, brief, named_settings
from .mixing import check_heads, fuse_heads

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import BinaryIO

    from numpy.typing import DTypeLike, NDArray

    from .arrays import FloatArray
    from .mixing import HeadFusion


@named_settings
def attention_from_layers(
    layers: Iterable[Any],
    tokens: Iterable[str] | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
    heads: HeadFusion | None = None,
    dtype: DTypeLike | None = None,
    **settings: Any,
) -> Attention:
    """Make an `Attention` of layers that come one by one, holding one at a time.

    Parameters
    ----------
    layers : iterable of arrays, shape (heads, n, n) or (1, heads, n, n), the lowest layer first
    tokens : as in `Attention`
    path : file name, optional
        Write the layers to this .npy file and read them from there when they are needed, instead
        of holding them in memory. `Attention(numpy.load(path, mmap_mode="r"))` opens it again.
    heads : as in `layer_maps`, optional
        Fuse the heads of each layer as it comes, so that one map a layer is kept.
    dtype : float16, float32 or float64, optional
        The type to keep; by default that of the first layer.
    **settings
        As in `Attention`.

    Returns
    -------
    Attention

    Raises
    ------
    AttentionError
        A layer of another shape, or that is no attention. No file is left behind then.
    """
    kept = None if dtype is None else np.dtype(dtype)
    if kept is not None and kept not in (np.float16, np.float32, np.float64):
        message = f"dtype must be float16, float32 or float64, not {brief(dtype)}."
        raise AttentionError(message)
    read = _Layers(layers, heads, kept)
    if heads is not None:
        settings.setdefault("normalise", "fused")  # after "max" rows do not sum to 1
    if path is None:
        return Attention(iter(read), tokens, **settings)
    target = Path(path)
    partial = target.with_name(f"{target.name}.partial")
    try:
        with partial.open("w+b") as file:
            _write(file, read)
        attention = Attention(np.load(partial, mmap_mode="r"), tokens, **settings)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return attention


class _Layers:
    """The layers as arrays of one shape and type, heads fused where that is wished."""

    def __init__(
        self, given: Iterable[Any], heads: HeadFusion | None, dtype: NDArray[Any] | Any
    ) -> None:
        self._given = given
        self._heads = heads
        self._dtype = dtype
        self._shape: tuple[int, ...] = ()

    def __iter__(self) -> Any:
        for index, item in enumerate(self._given):
            yield self._read(item, index)

    def _read(self, item: Any, index: int) -> FloatArray:
        try:
            values = as_array(item).values
        except ArrayError as error:
            message = f"Layer {index} is {error}: give one (heads, n, n) array of floats a layer."
            raise AttentionError(message) from error
        if values.ndim == 4 and len(values) == 1:
            values = values[0]
        if values.ndim != 3 or values.shape[1] != values.shape[2] or 0 in values.shape:
            message = f"Layer {index} has shape {values.shape}: (heads, n, n) is wanted."
            raise AttentionError(message)
        self._shape = self._shape or values.shape
        if values.shape != self._shape:
            message = (
                f"The layers differ: layer {index} has shape {values.shape} and layer 0 "
                f"{self._shape}."
            )
            raise AttentionError(message)
        self._dtype = self._dtype or values.dtype
        if self._heads is not None:
            values = fuse_heads(values, check_heads(self._heads, len(values)))[None]
        return np.ascontiguousarray(values, dtype=self._dtype)


def _write(file: BinaryIO, layers: _Layers) -> None:
    """Write a .npy file whose first axis is not known before the end."""
    count = 0
    header: dict[str, Any] = {}
    for layer in layers:
        if not header:
            header = {"descr": layer.dtype.str, "fortran_order": False}
            # numpy leaves room in a header for a first axis that grows
            np.lib.format.write_array_header_1_0(file, {**header, "shape": (0, *layer.shape)})
            begin, shape = file.tell(), layer.shape
        file.write(layer.data)
        count += 1
    if not count:
        message = "There are no layers: give at least one (heads, n, n) array."
        raise AttentionError(message)
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {**header, "shape": (count, *shape)})
    assert file.tell() == begin
