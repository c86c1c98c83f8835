"""The bundled sample is real attention, small, and shows what it says it shows."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

import attn_widget as aw
from attn_widget.sample import load_sample, sample_names

NAMES = ["trophy", "keys", "curie"]
SPECIAL = {"[CLS]", "[SEP]"}


def words_by_share(row: np.ndarray, tokens: list[str], query: int) -> list[str]:
    """Words of a row, the largest share first, without special tokens and the query itself."""
    order = np.argsort(-row)
    return [tokens[key] for key in order if tokens[key] not in SPECIAL and key != query]


def test_names_lists_each_sample_and_says_what_it_shows() -> None:
    assert list(sample_names()) == NAMES
    assert all(len(text) > 40 for text in sample_names().values())


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_a_six_layer_twelve_head_bert(name: str) -> None:
    attention = load_sample(name)
    n = len(attention.tokens)
    assert attention.weights.shape == (6, 12, n, n)
    assert (attention.tokens[0], attention.tokens[-1]) == ("[CLS]", "[SEP]")
    # Every head reads both ways: a causal sample would have an empty upper triangle.
    assert np.triu(np.asarray(attention.weights, dtype=np.float64), k=1).max() > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_stored_rows_are_softmax_rows_within_float16(name: str) -> None:
    with (files("attn_widget") / "data" / f"{name}.npy").open("rb") as file:
        stored = np.load(file)
    assert stored.dtype == np.float16
    sums = stored.astype(np.float64).sum(axis=-1)
    # Rounding to nearest moves each weight by at most 2^-11 of itself, or half a subnormal step.
    assert np.abs(sums - 1).max() <= 2.0**-11 + stored.shape[-1] * 2.0**-25


def test_the_default_is_the_trophy() -> None:
    assert list(load_sample().tokens) == list(load_sample("trophy").tokens)
    assert load_sample().tokens[10] == "it"


def test_an_unknown_name_is_refused_with_the_names() -> None:
    with pytest.raises(aw.AttentionError, match=r"'lions'.*'trophy', 'keys', 'curie'"):
        load_sample("lions")


def test_the_sample_fits_the_wheel() -> None:
    data = files("attn_widget") / "data"
    assert sum(len(entry.read_bytes()) for entry in data.iterdir() if entry.is_file()) < 600_000


def test_loading_needs_neither_torch_nor_transformers() -> None:
    program = (
        "import sys, attn_widget as aw\n"
        "aw.load_sample('curie')\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'a model library was imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_trophy_shows_two_referents_in_two_heads() -> None:
    attention = load_sample("trophy")
    tokens, it = list(attention.tokens), 10
    head_3 = aw.rollout(attention, levels=(0, 4), heads=3, residual=0.65)[it]
    assert words_by_share(head_3, tokens, it)[:3] == ["big", "suitcase", "fit"]
    np.testing.assert_allclose(head_3[[13, 8, 5, 10]], [0.095, 0.088, 0.045, 0.21], atol=0.005)
    head_1 = aw.rollout(attention, levels=(0, 4), heads=1, residual=0.65)[it]
    assert words_by_share(head_1, tokens, it)[0] == "trophy"


def test_keys_shows_the_attractor_losing_to_the_subject() -> None:
    attention = load_sample("keys")
    tokens = list(attention.tokens)
    are = tokens.index("are")
    leader = {
        stop: words_by_share(aw.rollout(attention, levels=(0, stop), heads=1)[are], tokens, are)[0]
        for stop in (1, 2, 4)
    }
    assert leader == {1: "hall", 2: "hall", 4: "keys"}
    previous = np.diagonal(np.asarray(attention.weights)[0, 2], offset=-1)
    assert previous.min() > 0.99


def test_curie_shows_a_chain_that_averaging_hides() -> None:
    attention = load_sample("curie")
    tokens = list(attention.tokens)
    marie = tokens.index("marie")
    she = [place for place, token in enumerate(tokens) if token == "she"]
    assert len(she) == 3
    assert np.asarray(attention.weights)[3, 1, she, marie].min() > 0.75
    averaged = aw.rollout(attention)[she[0]]
    assert words_by_share(averaged, tokens, she[0])[0] == "."
