"""`Attention`: a model's attention over one text, checked once so that nothing after it has to."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import (
    AttentionError,
    UnknownSettingError,
    brief,
    check_index,
    check_tokens,
    is_index,
    named_settings,
)
from .layout import check_parts
from .reading import (
    Kind,
    check_rows,
    check_values,
    normalised,
    read_kind,
    read_tokens,
    read_weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .arrays import FloatArray
    from .layout import Network, Picture
    from .words import Words

__all__ = [
    "Attention",
    "AttentionError",
    "Kind",
    "UnknownSettingError",
    "as_attention",
    "brief",
    "check_index",
    "check_tokens",
    "is_index",
    "named_settings",
]

# Tokens that carry no text of their own. [MASK] and [UNK] stand for a word, so they are not here.
_SPECIAL = re.compile(
    r"\[(cls|sep|pad|bos|eos)\]|</?(s|pad|bos|eos|cls|sep)>|<\|.*\|>|<\uff5c.*\uff5c>|<(start|end)_of_\w+>",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class Attention:
    """Attention weights of one text and its tokens; frozen and validated.

    Parameters
    ----------
    weights : array, shape (layers, heads, queries, keys)
        A row is the query, the token that reads; a column is the key, the token that is read;
        rows sum to 1. numpy, torch (any float type, device, gradient), anything with `__array__`
        or DLPack, nested lists; one array, or a list or an iterator with one (heads, n, n) or
        (1, heads, n, n) a layer; or a model output with `.attentions`. The data is copied, but a
        `numpy.memmap` stays on disk and is read a layer at a time.
    tokens : sequence of str, optional
        One label a token. By default the positions: "0", "1", ...
    normalise : bool or "fused"
        True accepts contributions that don't sum to 1 and rescales each row to 1. A row without
        any mass becomes the identity row, and `notes` says so. "fused" keeps them as they are: a
        row is rescaled only once its heads are fused, so that a head counts by the mass it moves.
    special : iterable of int, optional
        Positions of tokens without text of their own, such as [CLS]. By default they are
        recognised by their spelling.
    kind : {"bidirectional", "causal"}, optional
        By default read off the weights: causal when no token attends to a later one.
    batch : int, optional
        Which text to take where `weights` hold a batch of several.
    words : Words, optional
        Which tokens make up which word.
    produced : sequence of str or None, optional
        For text that a model generated: the token that each row's state produced, the next one;
        None where that was given, as in the prompt.
    network : Network, optional
        The blocks of an encoder-decoder.
    picture : Picture, optional
        The image and the patches that the tokens stand for.

    Attributes
    ----------
    weights : array, shape (layers, heads, queries, keys), read-only
        float16, float32 or float64, as given (bfloat16 is widened to float32).
    tokens : tuple of str
    special : tuple of int
    kind : {"bidirectional", "causal"}
    dtype : str
        The type that the weights were given in, for instance "bfloat16".
    notes : tuple of str
        What was changed on the way in, in words.
    words, produced, network, picture
        As given, or None.

    Raises
    ------
    AttentionError
        In one sentence: what was given, what is wanted, how to mend it.

    Examples
    --------
    >>> attention = Attention([[[[1.0, 0.0], [0.5, 0.5]]]], ["the", "cat"])
    >>> attention
    Attention(1 layer, 1 head, 2 tokens, causal, float64: 'the cat')
    """

    weights: FloatArray
    tokens: tuple[str, ...]
    special: tuple[int, ...]
    kind: Kind
    dtype: str
    notes: tuple[str, ...]
    words: Words | None
    produced: tuple[str | None, ...] | None
    network: Network | None
    picture: Picture | None

    @named_settings
    def __init__(
        self,
        weights: Any,
        tokens: Iterable[str] | None = None,
        *,
        normalise: bool | str = False,
        special: Iterable[int] | None = None,
        kind: Kind | None = None,
        batch: int | None = None,
        words: Words | None = None,
        produced: Iterable[str | None] | None = None,
        network: Network | None = None,
        picture: Picture | None = None,
    ) -> None:
        values, dtype = read_weights(weights, batch)
        n_tokens = values.shape[-1]
        labels = read_tokens(tokens, n_tokens)
        notes: tuple[str, ...] = ()
        if normalise == "fused":
            check_values(values)
            notes = ("Rows are rescaled to sum 1 once the heads are fused.",)
        elif isinstance(normalise, str):
            message = f"normalise must be True, False or 'fused', not {brief(normalise)}."
            raise AttentionError(message)
        elif normalise:
            values, empty = normalised(values)
            notes = (_empty_note(empty),) if empty else ()
        else:
            check_rows(values, dtype)
        values.flags.writeable = False
        after = None if produced is None else tuple(produced)
        check_parts(values.shape[0], n_tokens, words, after, network, picture)
        if special is None:
            marked = tuple(i for i, text in enumerate(labels) if _SPECIAL.fullmatch(text.strip()))
        else:
            marked = check_tokens(special, n_tokens, "special")
        put = functools.partial(object.__setattr__, self)
        put("weights", values)
        put("tokens", labels)
        put("special", marked)
        put("kind", read_kind(kind, values))
        put("dtype", dtype)
        put("notes", notes)
        put("words", words)
        put("produced", after)
        put("network", network)
        put("picture", picture)

    @property
    def n_layers(self) -> int:
        """Number of layers; levels run from 0 (the embeddings) to this (the output)."""
        return int(self.weights.shape[0])

    @property
    def n_heads(self) -> int:
        """Number of heads in each layer."""
        return int(self.weights.shape[1])

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return int(self.weights.shape[2])

    @property
    def blocks(self) -> tuple[str, ...]:
        """What each block is called: "layer 1", or in an encoder-decoder "decoder 2 cross"."""
        if self.network is not None:
            return self.network.names
        return tuple(f"layer {layer + 1}" for layer in range(self.n_layers))

    @property
    def query_labels(self) -> tuple[str, ...]:
        """The tokens as rows: in generated text "the -> cat", a state and what it produced."""
        if self.produced is None:
            return self.tokens
        return tuple(
            token if after is None else f"{token} \u2192 {after}"
            for token, after in zip(self.tokens, self.produced, strict=True)
        )

    @property
    def causal(self) -> bool:
        """Whether no token attends to a later one."""
        return self.kind == "causal"

    def __repr__(self) -> str:
        text = " ".join(self.tokens)
        if len(text) > 40:
            text = text[:39] + "…"
        sizes = ", ".join(
            f"{count} {name}{'' if count == 1 else 's'}"
            for count, name in (
                (self.n_layers, "layer"),
                (self.n_heads, "head"),
                (self.n_tokens, "token"),
            )
        )
        return f"Attention({sizes}, {self.kind}, {self.dtype}: {text!r})"


def as_attention(given: Any) -> Attention:
    """Return `given` itself if it is an `Attention`, else `Attention(given)`."""
    return given if isinstance(given, Attention) else Attention(given)


def _empty_note(empty: list[tuple[int, int, int]]) -> str:
    layer, head, row = empty[0]
    more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
    return (
        f"Layer {layer}, head {head}, row {row}{more} had no mass and became the identity row: "
        "the token keeps to itself."
    )
