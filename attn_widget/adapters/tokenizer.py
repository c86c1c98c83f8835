"""From token ids to readable labels, special positions and words, for any tokenizer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from attn_widget.errors import AttentionError
from attn_widget.words import Family, Words, family_of, readable, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each stands for something hidden or shown elsewhere, so it is no token without content.
_STANDS_FOR_TEXT = re.compile(r"<extra_id_\d+>|<image>|<\|image_pad\|>")


class Labels(NamedTuple):
    """What is known about a row of token ids."""

    tokens: tuple[str, ...]
    special: tuple[int, ...] | None
    words: Words | None


def label(tokenizer: Any, ids: Sequence[int] | None, n_tokens: int) -> Labels:
    """Label `n_tokens` tokens by their ids; without a tokenizer by the ids, else by positions."""
    if ids is None:
        return Labels(tuple(map(str, range(n_tokens))), None, None)
    if tokenizer is None:
        return Labels(tuple(map(str, ids)), (), None)
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # a processor holds its tokenizer
    pieces = _pieces(tokenizer, ids)
    special_ids = _special_ids(tokenizer)
    alone = [i for i, token in enumerate(ids) if token in special_ids]
    family = _family(tokenizer, pieces)
    standing = _standing(tokenizer)
    special = tuple(
        i for i in alone if ids[i] not in standing and not _STANDS_FOR_TEXT.fullmatch(pieces[i])
    )
    return Labels(
        readable(pieces, family=family, special=alone),
        special,
        split_words(pieces, family=family, special=alone),
    )


def end_of_text(tokenizer: Any) -> frozenset[int]:
    """The ids after which a generated text is over."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    return _ids(getattr(tokenizer, "eos_token_id", None))


def padding(tokenizer: Any) -> frozenset[int]:
    """The ids that stand for nothing but padding."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    return _ids(getattr(tokenizer, "pad_token_id", None)) - end_of_text(tokenizer)


def _ids(given: Any) -> frozenset[int]:
    if given is None:
        return frozenset()
    return frozenset(given) if isinstance(given, (list, tuple, set)) else frozenset([int(given)])


def _pieces(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    to_piece: Any = getattr(tokenizer, "id_to_token", None)  # of the tokenizers package itself
    convert: Any = getattr(tokenizer, "convert_ids_to_tokens", None)
    if convert is None and to_piece is None:
        message = (
            f"The tokenizer is a {type(tokenizer).__name__}, which turns no ids into tokens: pass "
            "the model's tokenizer, or tokens to Attention."
        )
        raise AttentionError(message)
    size = tokenizer.get_vocab_size() if convert is None else len(tokenizer)
    pieces: list[str] = []
    for position, token in enumerate(ids):
        piece = None
        if token >= 0:
            try:
                piece = to_piece(token) if convert is None else convert([int(token)])[0]
            except (IndexError, KeyError, ValueError, OverflowError):
                piece = None
        if piece is None:
            message = (
                f"The tokenizer knows {size} tokens, and token {position} of input_ids is "
                f"{token}: pass the tokenizer that the model was trained with."
            )
            raise AttentionError(message)
        # tiktoken's own pieces are bytes
        pieces.append(piece.decode("latin-1") if isinstance(piece, bytes) else str(piece))
    return pieces


def _special_ids(tokenizer: Any) -> frozenset[int]:
    known = getattr(tokenizer, "all_special_ids", None)
    if known is not None:
        return frozenset(known)
    added: dict[int, Any] = getattr(tokenizer, "get_added_tokens_decoder", dict)()
    return frozenset(i for i, token in added.items() if token.special)


def _standing(tokenizer: Any) -> frozenset[int]:
    names = ("mask_token_id", "unk_token_id")
    found = frozenset().union(*(_ids(getattr(tokenizer, name, None)) for name in names))
    # GPT-2 uses one token for the unknown and for the end of the text.
    return found - end_of_text(tokenizer)


def _family(tokenizer: Any, pieces: Sequence[str]) -> Family:
    if any(piece.endswith("</w>") for piece in pieces):
        return "suffix"
    if type(tokenizer).__name__.startswith(("ByT5", "Perceiver")):
        return "byt5"
    if hasattr(tokenizer, "byte_decoder"):  # GPT-2's and its like, where written in Python
        return "bytes"
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", tokenizer), "decoder", None)
    kinds = _decoder_kinds(decoder)
    for family, names in (
        ("wordpiece", {"WordPiece"}),
        ("bytes", {"ByteLevel"}),
        ("suffix", {"BPEDecoder"}),
        ("sentencepiece", {"Metaspace", "ByteFallback"}),
    ):
        if kinds & names:
            return family  # type: ignore[return-value]
    guess = family_of(pieces)
    if guess != "plain" or not hasattr(tokenizer, "convert_ids_to_tokens"):
        return guess
    some = tokenizer.convert_ids_to_tokens(list(range(min(2000, len(tokenizer)))))
    return family_of([piece for piece in some if isinstance(piece, str)])


def _decoder_kinds(decoder: Any) -> set[str]:
    if decoder is None or not hasattr(decoder, "__getstate__"):
        return set()
    try:
        state = json.loads(decoder.__getstate__())
    except (TypeError, ValueError):
        return set()
    if not isinstance(state, dict):
        return set()
    return {str(one.get("type")) for one in [state, *state.get("decoders", [])]}
