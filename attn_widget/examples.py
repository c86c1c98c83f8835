"""What a user gives as one example, read once: a text, ids, vectors, or a model's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .errors import AttentionError, brief, is_index


@dataclass(frozen=True)
class Example:
    """One example as the model reads it.

    Attributes
    ----------
    text : str
        What to call it.
    inputs : dict of tensors
        Each of shape (1, n, ...); the key "" stands for a single positional argument.
    key : str
        Which of them holds the tokens: ids (1, n), or vectors (1, n, d).
    target : object
        A class or a token id, or whatever a function `output` understands; None is the prediction.
    """

    text: str
    inputs: dict[str, Any]
    key: str
    target: Any = None

    @property
    def tokens(self) -> Any:
        """Ids (n,), or vectors (n, d)."""
        return self.inputs[self.key][0]

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return int(self.inputs[self.key].shape[1])


class Reader:
    """Turns what a user gives into examples.

    Parameters
    ----------
    model, tokenizer, blank
        As in `evaluate`.
    """

    def __init__(self, model: Any, tokenizer: Any, blank: Any) -> None:
        self.tokenizer = tokenizer
        self._blank = blank
        parameter = next(model.parameters(), None)
        self._device = None if parameter is None else parameter.device
        # Hugging Face models take their inputs by name.
        self._by_name = hasattr(model, "config") and hasattr(model, "get_input_embeddings")

    def read(self, given: Any, target: Any = None) -> Example:
        """Turn a text, ids, vectors or a model's inputs into an `Example`."""
        torch = import_torch()
        text = ""
        if isinstance(given, Example):
            return given if target is None else replace(given, target=target)
        if isinstance(given, str) or _is_pair(given):
            text = given if isinstance(given, str) else " | ".join(given)
            given = self._tokenize(given)
        elif self.tokenizer is not None and not _is_inputs(given):
            text, given = str(given), self._tokenize(given)
        if isinstance(given, Mapping):
            inputs = {str(name): as_tensor(one, name) for name, one in given.items()}
            key = next((k for k in ("input_ids", "inputs_embeds") if k in inputs), "")
            if not key:
                message = (
                    f"The inputs have {', '.join(map(repr, inputs)) or 'nothing'} and no "
                    "'input_ids': give what the tokenizer returns."
                )
                raise AttentionError(message)
            inputs = {name: one[None] if one.ndim == 1 else one for name, one in inputs.items()}
            if key == "inputs_embeds" and inputs[key].ndim == 2:
                inputs[key] = inputs[key][None]
        else:
            tokens = as_tensor(given, "input")
            floats = tokens.is_floating_point()
            key = ("inputs_embeds" if floats else "input_ids") if self._by_name else ""
            wanted = 2 if floats else 1
            inputs = {key: tokens[None] if tokens.ndim == wanted else tokens}
        if inputs[key].numel() == 0:
            message = "An example has no tokens: leave empty texts out."
            raise AttentionError(message)
        for name, one in inputs.items():
            if one.shape[0] != 1:
                message = (
                    f"The input {name!r} holds {one.shape[0]} examples of a batch: give a list "
                    "with one example an entry."
                )
                raise AttentionError(message)
        if key == "input_ids" and self._by_name:
            inputs.setdefault("attention_mask", torch.ones_like(inputs[key]))
        inputs = {name: one.to(self._device) for name, one in inputs.items()}
        return Example(text or self._name(inputs[key][0]), inputs, key, target)

    def blank_like(self, example: Example) -> Any:
        """What stands for "no token here": an id, or a vector."""
        torch = import_torch()
        if example.tokens.is_floating_point():
            if self._blank is None:
                return torch.zeros_like(example.tokens[0])
            return torch.as_tensor(self._blank).to(example.tokens)
        if self._blank is not None:
            if not is_index(self._blank):
                message = f"blank must be the id of a token, not {brief(self._blank)}."
                raise AttentionError(message)
            return int(self._blank)
        tokenizer = getattr(self.tokenizer, "tokenizer", self.tokenizer)
        for name in ("mask_token_id", "unk_token_id", "pad_token_id", "eos_token_id"):
            found: Any = getattr(tokenizer, name, None)
            if is_index(found):
                return int(found)
        message = (
            "Blank-out replaces tokens by one that says nothing, and none is known: give its id as "
            "blank=, for instance that of [MASK] or [UNK]."
        )
        raise AttentionError(message)

    def position(self, example: Example) -> int:
        """Where a language model's answer stands: at the mask if there is one, else at the end."""
        mask = getattr(getattr(self.tokenizer, "tokenizer", self.tokenizer), "mask_token_id", None)
        if mask is not None and not example.tokens.is_floating_point():
            places = (example.tokens == mask).nonzero().flatten().tolist()
            if len(places) == 1:
                return int(places[0])
        return example.n_tokens - 1

    def _tokenize(self, text: Any) -> Any:
        if self.tokenizer is None:
            message = f"The text {brief(text)} needs a tokenizer: give tokenizer=, or token ids."
            raise AttentionError(message)
        if not hasattr(self.tokenizer, "batch_decode"):  # a callable of the user's
            return self.tokenizer(text)
        pair = (text,) if isinstance(text, str) else text
        if not isinstance(text, str) and not _is_pair(text):
            message = (
                f"An example must be a text, a pair of texts, token ids or a model's inputs, not "
                f"{brief(text)}."
            )
            raise AttentionError(message)
        return dict(self.tokenizer(*pair, truncation=True, return_tensors="pt"))

    def _name(self, tokens: Any) -> str:
        if tokens.is_floating_point():
            return f"{len(tokens)} vectors"
        tokenizer = getattr(self.tokenizer, "tokenizer", self.tokenizer)
        convert = getattr(tokenizer, "convert_ids_to_tokens", None)
        ids = tokens.tolist()
        return " ".join(map(str, ids if convert is None else convert(ids)))


def import_torch() -> Any:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError:
        message = "Evaluation runs torch models: pip install 'attn-widget[evaluate]'."
        raise AttentionError(message) from None
    return torch


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(one, str) for one in given)
    )


def _is_inputs(given: Any) -> bool:
    """Whether something holds ids or vectors already."""
    if isinstance(given, Mapping) or hasattr(given, "__array__") or hasattr(given, "detach"):
        return True
    return isinstance(given, (list, tuple)) and not any(isinstance(one, str) for one in given)


def as_tensor(given: Any, name: str) -> Any:
    """Return a tensor itself, or make one of numbers; `name` is for the error message."""
    torch = import_torch()
    if isinstance(given, torch.Tensor):
        return given
    try:
        return torch.as_tensor(np.asarray(given))
    except (TypeError, ValueError):
        message = f"{name} must be numbers, not {brief(given)}."
        raise AttentionError(message) from None
