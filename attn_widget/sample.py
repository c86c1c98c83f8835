"""The bundled sample: true attention of a small BERT on three sentences, read from the package."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np

from .attention import Attention, AttentionError

_DATA = files(__package__) / "data"


def load_sample(name: str = "trophy") -> Attention:
    """Load the attention of one bundled sentence; needs neither torch nor transformers.

    The model is all-MiniLM-L6-v2: 6 layers, 12 heads, uncased word pieces, not causal.

    Parameters
    ----------
    name : {"trophy", "keys", "curie"}
        Which sentence. :func:`sample_names` says what each of them shows.

    Returns
    -------
    Attention
        Weights of shape (layers, heads, queries, keys), stored in float16, and the word pieces
        with ``[CLS]`` first and ``[SEP]`` last.

    Raises
    ------
    AttentionError
        For a name that is not in the sample.

    Examples
    --------
    >>> import attn_widget as aw
    >>> aw.load_sample().tokens[10]
    'it'
    """
    index = _index()
    if name not in index:
        message = f"there is no sample named {name!r}: take one of {', '.join(map(repr, index))}"
        raise AttentionError(message)
    with (_DATA / f"{name}.npy").open("rb") as file:
        weights = np.load(file, allow_pickle=False)
    return Attention(weights, index[name]["tokens"])


def sample_names() -> dict[str, str]:
    """Return the names that :func:`load_sample` knows, each with what its sentence shows.

    Examples
    --------
    >>> list(sample_names())
    ['trophy', 'keys', 'curie']
    """
    return {name: f"{entry['text']} {entry['shows']}" for name, entry in _index().items()}


def _index() -> dict[str, dict[str, Any]]:
    index: dict[str, dict[str, Any]] = json.loads(
        (_DATA / "samples.json").read_text(encoding="utf-8")
    )
    return index
