r"""`save` and `load`: an Attention in one file, which can stay on disk while it is looked at.

The format, version 1; integers are little-endian:

====== ========= =====================================================================
offset size      what
====== ========= =====================================================================
0      8         the bytes 93 41 54 54 4E 0D 0A 1A (``\x93ATTN\r\n\x1a``)
8      4         version, 1
12     4         CRC-32 of the header
16     8         length of the header in bytes
24     length    the header: JSON in ASCII
...    ...       zeros up to a multiple of 64, where the data starts
...    data_size the arrays, C order, little-endian, each from a multiple of 64
====== ========= =====================================================================

The header holds ``arrays`` (name -> ``dtype``, ``shape``, ``offset`` from the start of the data;
always ``weights``, and ``image`` where the tokens are patches of one), ``data_size``, ``tokens``,
``special``, ``kind``, ``dtype``, ``notes``, ``words``, ``produced``, ``network``, ``picture`` and
``rows`` ("one": rows sum to 1, "fused": only once the heads are fused). Nothing in it is code.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrayfiles import ARRAY_FILES, load_arrays
from .attention import Attention
from .errors import AttentionError, FileError, brief, named_settings
from .layout import Network, Picture
from .reading import check_rows
from .words import Words
from .writing import as_path, write_whole

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from typing import BinaryIO

MAGIC = b"\x93ATTN\r\n\x1a"
VERSION = 1
_ALIGNED = 64
_WEIGHTS = {"<f2", "<f4", "<f8"}
_IMAGE = {"|u1", "<f2", "<f4", "<f8"}


@named_settings
def save(attention: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write an attention with all it knows about its tokens to one file.

    The file appears whole or not at all: it is written under another name beside its place first.
    The module's docstring describes the format; `load` reads it, without copying if wished.

    Parameters
    ----------
    attention : Attention
    path : where to; ".attn" is the usual ending
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    AttentionError
        No attention, a file that is there already, or one that cannot be written (then an
        `OSError`, too).

    Examples
    --------
    >>> import attn_widget as aw, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = aw.save(aw.load_sample(), pathlib.Path(folder) / "trophy.attn")
    ...     aw.load(path, mmap=False).weights.shape
    (6, 12, 16, 16)
    """
    if not isinstance(attention, Attention):
        message = f"save was given {brief(attention)}: make it an aw.Attention first."
        raise AttentionError(message)
    return write_whole(as_path(path), lambda file: _write(file, attention), overwrite=overwrite)


@named_settings
def load(path: str | os.PathLike[str], *, mmap: bool = True) -> Attention:
    """Read an attention that `save` wrote, or one in an array file.

    Parameters
    ----------
    path : file
        Of `save`; or ".npy", ".npz", ".safetensors" with one array (layers, heads, n, n) or one
        (heads, n, n) a layer, and maybe the tokens: an array `tokens` in ".npz", a JSON list
        `tokens` in the metadata of ".safetensors". Pickles are never read.
    mmap : bool
        Leave the weights of a file of `save` on disk and read a layer at a time. The file must
        stay where it is as long as the attention is used.

    Returns
    -------
    Attention

    Raises
    ------
    AttentionError
        A file that is not there, cut short, changed, of a newer version or of another kind.
    """
    path = as_path(path)
    try:
        if path.suffix.lower() in ARRAY_FILES:
            return load_arrays(path)
        with path.open("rb") as file:
            header, start = _read_header(path, file, path.stat().st_size)
            return _rebuild(path, file, header, start, mmap=mmap)
    except FileNotFoundError:
        raise FileError(f"There is no file {path}.") from None
    except AttentionError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} holds no attention: {error}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error


def _write(file: BinaryIO, attention: Attention) -> None:
    arrays: dict[str, Any] = {"weights": attention.weights}
    if attention.picture is not None and attention.picture.image is not None:
        arrays["image"] = np.asarray(attention.picture.image)
    table, size = {}, 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<").str
        table[name] = {"dtype": dtype, "shape": list(array.shape), "offset": size}
        size += _aligned(array.nbytes)
    # ASCII with escapes: half of a surrogate pair survives.
    header = json.dumps(_about(attention) | {"arrays": table, "data_size": size}).encode("ascii")
    file.write(MAGIC + VERSION.to_bytes(4, "little") + zlib.crc32(header).to_bytes(4, "little"))
    file.write(len(header).to_bytes(8, "little") + header)
    file.write(bytes(_aligned(24 + len(header)) - 24 - len(header)))
    for name, array in arrays.items():
        file.writelines(  # one layer in memory at a time
            np.ascontiguousarray(part, dtype=table[name]["dtype"]).tobytes() for part in array
        )
        file.write(bytes(_aligned(array.nbytes) - array.nbytes))


def _about(attention: Attention) -> dict[str, Any]:
    words, network, picture = attention.words, attention.network, attention.picture
    try:
        check_rows(attention.weights, attention.dtype)
    except AttentionError:
        rows = "fused"
    else:
        rows = "one"
    return {
        "tokens": attention.tokens,
        "special": attention.special,
        "kind": attention.kind,
        "dtype": attention.dtype,
        "notes": attention.notes,
        "words": words and {"labels": words.labels, "of_token": words.of_token},
        "produced": attention.produced,
        "network": network and {"n_encoder": network.n_encoder, "steps": network.steps},
        "picture": picture and {"grid": picture.grid, "first": picture.first},
        "rows": rows,
    }


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _read_header(path: Path, file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Header and where the data starts; all that shows without the data is checked."""
    lead = file.read(24)
    if lead[:8] != MAGIC[: len(lead)] or not lead:
        raise FileError(
            f"{path} is no attention file: give one that aw.save wrote, or a .npy, .npz or "
            ".safetensors file."
        )
    short = FileError(
        f"{path} is cut short or damaged: copy it again, or save the attention again."
    )
    if len(lead) < 24:
        raise short
    version, checksum = (int.from_bytes(lead[at : at + 4], "little") for at in (8, 12))
    if version != VERSION:
        raise FileError(
            f"{path} is of version {version} and this package reads version {VERSION}: "
            "use the version of attn-widget that wrote it, or a newer one."
        )
    length = int.from_bytes(lead[16:24], "little")
    if length > size - 24:
        raise short
    raw = file.read(length)
    if len(raw) < length or zlib.crc32(raw) != checksum:
        raise short
    header: dict[str, Any] = json.loads(raw)
    start = _aligned(24 + length)
    if start + header["data_size"] != size:
        raise short
    return header, start


def _rebuild(
    path: Path, file: BinaryIO, header: dict[str, Any], start: int, *, mmap: bool
) -> Attention:
    def array(name: str, allowed: set[str]) -> Any:
        about = header["arrays"][name]
        shape, offset = tuple(about["shape"]), start + about["offset"]
        if about["dtype"] not in allowed:
            raise FileError(f"{path} holds {name} of type {brief(about['dtype'])}: save it again.")
        if mmap and name == "weights":
            return np.memmap(path, about["dtype"], mode="r", offset=offset, shape=shape)
        file.seek(offset)
        values = np.fromfile(file, about["dtype"], count=int(np.prod(shape)))
        return values.reshape(shape)

    words, network, picture = header["words"], header["network"], header["picture"]
    attention = Attention(
        array("weights", _WEIGHTS),
        header["tokens"],
        normalise="fused" if header["rows"] == "fused" else False,
        special=header["special"],
        kind=header["kind"],
        words=words and Words(tuple(words["labels"]), tuple(words["of_token"])),
        produced=header["produced"],
        network=network and Network(network["n_encoder"], tuple(network["steps"])),
        picture=picture
        and Picture(
            tuple(picture["grid"]),
            picture["first"],
            array("image", _IMAGE) if "image" in header["arrays"] else None,
        ),
    )
    # What happened before it was saved is as true now.
    object.__setattr__(attention, "dtype", header["dtype"])
    object.__setattr__(attention, "notes", tuple(header["notes"]))
    return attention
