"""One text of a batch: its ids, its mask, its labels, and where it begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attn_widget.errors import AttentionError
from attn_widget.words import Words

from .tokenizer import Labels, end_of_text, label, padding

if TYPE_CHECKING:
    from .parts import Parts

Ints = NDArray[np.intp]


class TextReader:
    """One text of a batch: its ids, its mask, its labels."""

    def __init__(self, parts: Parts, text: int, tokenizer: Any = None) -> None:
        self.parts = parts
        self.text = text
        self.tokenizer = tokenizer

    def ids(self, given: Any, name: str, row: int) -> list[int] | None:
        """One text's row of ids."""
        values = _matrix(given, name)
        if values is None:
            return None
        return [int(token) for token in self._row(values, row, name)]

    def kept(self, mask: Any, n_tokens: int, name: str, row: int) -> Ints:
        """Positions that are no padding, from the mask."""
        values = _matrix(mask, name)
        if values is None:
            return np.arange(n_tokens)
        shown = self._row(values, row, name) != 0
        if len(shown) < n_tokens and self.parts.sequences is not None:
            # The mask is the prompt's; all that was generated counts.
            shown = np.append(shown, np.ones(n_tokens - len(shown), dtype=bool))
        if len(shown) != n_tokens:
            message = (
                f"{name} covers {len(shown)} tokens and the attention {n_tokens}: pass the mask "
                "that the model was called with."
            )
            raise AttentionError(message)
        if not shown.any():
            message = f"{name} hides all {n_tokens} tokens of text {row}: pass the model's own."
            raise AttentionError(message)
        return np.flatnonzero(shown)

    def _row(self, values: NDArray[Any], row: int, name: str) -> NDArray[Any]:
        if values.ndim == 1:
            return values
        sequences = self.parts.sequences
        if sequences is not None and len(sequences) % len(values) == 0:
            row = row * len(values) // len(sequences)  # several sequences of each prompt
        if len(values) == 1:
            row = 0
        if row >= len(values):
            message = f"{name} holds {len(values)} texts and text {row} is wanted: pass the batch."
            raise AttentionError(message)
        picked: NDArray[Any] = values[row]
        return picked


def _matrix(given: Any, name: str) -> NDArray[Any] | None:
    if given is None:
        return None
    given_array = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    values: NDArray[Any]
    try:
        values = np.asarray(given_array)
    except ValueError:
        values = np.empty(())  # ragged: refused below
    if values.ndim not in (1, 2) or values.dtype.kind not in "iub":
        if values.dtype.kind == "f" and values.ndim in (1, 2) and name.endswith("mask"):
            shown: NDArray[Any] = values != 0
            return shown
        shape = f" of shape {values.shape}" if values.ndim else ""
        message = (
            f"{name} is a {type(given).__name__}{shape}: give whole numbers of shape (n,) or "
            "(batch, n), as the tokenizer returns them."
        )
        raise AttentionError(message)
    checked: NDArray[Any] = values
    return checked


def check_count(ids: list[int] | None, n_tokens: int, name: str) -> None:
    """Refuse ids of another text."""
    # A generation knows one token more: the last one, which was never fed back.
    if ids is not None and not n_tokens <= len(ids) <= n_tokens + 1:
        message = (
            f"{name} has {len(ids)} tokens and the attention covers {n_tokens}: pass the ids that "
            "the model was called with."
        )
        raise AttentionError(message)


def without_unread_padding(layers: list[Any], ids: list[int], tokenizer: Any) -> Ints:
    """Without a mask: drop padding at either end that no other token reads."""
    n_tokens = layers[0].values.shape[1]
    everything = np.arange(n_tokens)
    pads = padding(tokenizer) if tokenizer is not None else frozenset()
    at = np.array([token in pads for token in ids[:n_tokens]])
    if not at.any() or at.all():
        return everything
    real = np.flatnonzero(~at)
    outer = np.append(everything[: real[0]], everything[real[-1] + 1 :])
    kept = np.arange(real[0], real[-1] + 1)
    read = any(values[:, kept][:, :, outer].any() for values, _ in layers)
    return everything if read else kept


def until_the_end(kept: Ints, ids: list[int] | None, n_prompt: int | None, tokenizer: Any) -> Ints:
    """Drop what a batch fed to a generated text that was over: all from its end token on."""
    if n_prompt is None or ids is None or tokenizer is None:
        return kept
    ends = end_of_text(tokenizer)
    over = [i for i in range(n_prompt, len(ids)) if ids[i] in ends]
    return kept[kept < over[0]] if over else kept


def produced_by(
    tokenizer: Any, ids: list[int], kept: Ints, n_prompt: int
) -> tuple[str | None, ...]:
    """For each kept row the token that its state produced; None within the prompt."""
    after = [int(i) + 1 for i in kept]
    labels = label(tokenizer, ids, len(ids)).tokens
    return tuple(labels[i] if n_prompt <= i < len(ids) else None for i in after)


def labels_of(tokenizer: Any, ids: list[int] | None, kept: Ints, name: str) -> Labels:
    """Labels of the tokens that are kept; `name` is what their ids are called."""
    if ids is None and tokenizer is not None:
        message = (
            f"A tokenizer was given and no {name} for it to name: pass {name}, or tokens without "
            "a tokenizer."
        )
        raise AttentionError(message)
    if ids is None:
        return Labels(tuple(str(i) for i in range(len(kept))), (), None)
    return label(tokenizer, [ids[i] for i in kept], len(kept))


def both_sides(encoder: Labels, decoder: Labels) -> Labels:
    """Labels of an encoder's tokens and of a decoder's, one after the other."""
    n_encoder = len(encoder.tokens)
    words = None
    if encoder.words is not None and decoder.words is not None:
        shift = len(encoder.words.labels)
        words = Words(
            encoder.words.labels + decoder.words.labels,
            encoder.words.of_token + tuple(word + shift for word in decoder.words.of_token),
        )
    special = (*(encoder.special or ()), *(i + n_encoder for i in decoder.special or ()))
    return Labels(encoder.tokens + decoder.tokens, special, words)
