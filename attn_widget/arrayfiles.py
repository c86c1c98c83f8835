"""Attention in the array files of other tools: .npy, .npz, .safetensors. Never a pickle."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import Attention
from .errors import FileError

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
    several = sum(arrays[name].ndim == 4 and len(arrays[name]) > 1 for name in names) > 1
    if not names or several:
        held = ", ".join(f"{name} {array.shape}" for name, array in sorted(arrays.items()))
        hint = ' Call the one to show "attentions".' if several else ""
        raise FileError(
            f"{path} holds {_short(held) or 'no array'}: one array (layers, heads, n, n) is "
            f"wanted, or one (heads, n, n) a layer.{hint}"
        )
    return Attention([arrays[name] for name in sorted(names, key=_by_number)], tokens)


def _read_numpy(path: Path) -> dict[str, Any]:
    try:
        # Opened here: numpy leaves a broken archive open.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"weights": found}
            return {name: found[name] for name in found.files}
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001
        # numpy and zipfile raise half a dozen kinds for a file that is cut short or no array.
        # What it says of pickles is how to load them all the same.
        reason = _one_line(error)
        reason = "" if "pickle" in reason else f": {reason}"
        raise FileError(
            f"{path} holds no numpy arrays, or is cut short, or holds pickled objects, which are "
            f"never read{reason}."
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
        reason = _one_line(error)
        if "bfloat16" in reason:
            raise FileError(
                f"{path} holds bfloat16, which numpy lacks: save it as float32, or give the "
                "tensors to aw.Attention."
            ) from None
        raise FileError(f"{path} is no safetensors file, or is cut short: {reason}.") from None


def _by_number(name: str) -> list[Any]:
    """Layer 10 comes after layer 9."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "\u2026"


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
