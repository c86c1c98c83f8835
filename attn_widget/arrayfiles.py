"""Attention in the array files of other tools: .npy, .npz, .safetensors. Never a pickle."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import Attention
from .errors import FileError, brief

if TYPE_CHECKING:
    from pathlib import Path

ARRAY_FILES = {".npy", ".npz", ".safetensors"}


def load_arrays(path: Path) -> Attention:
    """Read weights, one array or one a layer, and tokens where there are some."""
    tokens: Any = None
    if path.suffix.lower() == ".safetensors":
        arrays, tokens = _read_safetensors(path)
    else:
        arrays = _read_numpy(path)
        if "tokens" in arrays:
            tokens = [str(token) for token in arrays.pop("tokens").ravel()]
    names = [name for name, array in arrays.items() if array.ndim >= 3]
    known = [name for name in ("attentions", "attention", "weights") if name in names]
    if known or len(names) == 1:
        return Attention(arrays[(known or names)[0]], tokens)
    if not names:
        raise FileError(
            f"{path} holds {brief(sorted(arrays))}: one array (layers, heads, n, n) is wanted, or "
            "one (heads, n, n) a layer."
        )
    return Attention([arrays[name] for name in sorted(names, key=_by_number)], tokens)


def _read_numpy(path: Path) -> dict[str, Any]:
    try:
        if path.suffix.lower() == ".npy":
            return {"weights": np.load(path, allow_pickle=False)}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001
        # numpy and zipfile raise half a dozen kinds for a file that is cut short or no array.
        raise FileError(
            f"{path} cannot be read as numpy arrays without pickles: {_one_line(error)}"
        ) from None


def _read_safetensors(path: Path) -> tuple[dict[str, Any], Any]:
    try:
        import safetensors
    except ImportError:
        raise FileError(f"{path} needs safetensors: pip install safetensors.") from None
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in list(file.keys())}
            tokens = (file.metadata() or {}).get("tokens")
        return arrays, None if tokens is None else json.loads(tokens)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - its errors have no class of their own
        raise FileError(
            f"{path} cannot be read: {_one_line(error)} (bfloat16 has no numpy type: save it as "
            "float32)."
        ) from None


def _by_number(name: str) -> list[Any]:
    """Layer 10 comes after layer 9."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
