from __future__ import annotations

import copy
import pickle
import re
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from strategies import random_weights, weights

import attn_widget as aw
from attn_widget.arrays import as_array

W = random_weights(0, layers=3, heads=2, n=4)


def changed(value: float, place: tuple[int, int, int, int] = (1, 1, 2, 3)) -> np.ndarray:
    out = W.copy()
    out[place] = value
    return out


class Protocol:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self.values, dtype=dtype)


class Exporter:
    """Offers DLPack and nothing else."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: object) -> object:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


# --- what is taken -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "give",
    [
        lambda w: w,
        lambda w: w.tolist(),
        list,
        tuple,
        lambda w: iter(list(w)),
        lambda w: [layer[None] for layer in w],
        lambda w: w[:, None],
        lambda w: [list(layer) for layer in w],
        np.asfortranarray,
        lambda w: np.repeat(w, 2, axis=-1)[..., ::2],
        torch.tensor,
        lambda w: torch.tensor(w, requires_grad=True) * 1,
        lambda w: torch.tensor(w).transpose(-1, -2).contiguous().transpose(-1, -2),
        lambda w: tuple(torch.tensor(layer[None], requires_grad=True) for layer in w),
        lambda w: SimpleNamespace(attentions=tuple(torch.tensor(layer[None]) for layer in w)),
        lambda w: {"attentions": tuple(w), "logits": None},
        lambda w: SimpleNamespace(__array__=None, attentions=w),
        Protocol,
        lambda w: [Protocol(layer) for layer in w],
        Exporter,
    ],
)
def test_every_container_gives_the_same_weights(give) -> None:
    attention = aw.Attention(give(W))
    np.testing.assert_array_equal(attention.weights, W)
    assert attention.weights.dtype == np.float64
    assert attention.dtype == "float64"


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        ("float16", np.float16),
        ("bfloat16", np.float32),
        ("float32", np.float32),
        ("float64", np.float64),
    ],
)
def test_every_float_type_of_torch(dtype: str, stored: type) -> None:
    given = torch.softmax(torch.randn(2, 3, 64, 64), -1).to(getattr(torch, dtype))
    attention = aw.Attention(given.requires_grad_())
    assert attention.dtype == dtype
    assert attention.weights.dtype == stored
    np.testing.assert_array_equal(attention.weights, given.detach().double().numpy())


def test_bfloat16_that_came_as_float32_keeps_the_tolerance_of_bfloat16() -> None:
    rounded = torch.softmax(torch.randn(1, 2, 64, 64), -1).bfloat16().float().numpy()
    assert np.abs(rounded.sum(-1) - 1).max() > 1e-4  # too far off for true float32
    assert aw.Attention(rounded).weights.dtype == np.float32


def test_half_precision_computed_in_half_precision() -> None:
    scores = torch.randn(1, 2, 512, 512)
    for dtype in (torch.float16, torch.bfloat16):
        aw.Attention(torch.softmax(scores.to(dtype), -1))


@pytest.mark.parametrize(
    ("dtype", "off", "accepted"),
    [
        (np.float64, 1e-8, True),
        (np.float64, 1e-4, False),
        (np.float32, 1e-5, True),
        (np.float32, 1e-3, False),
        (np.float16, 1e-3, True),
        (np.float16, 1e-2, False),
    ],
)
def test_the_tolerance_fits_the_type(dtype: type, off: float, accepted: bool) -> None:
    given = np.full((1, 1, 3, 3), (1 + off) / 3).astype(dtype)
    if accepted:
        aw.Attention(given)
    else:
        with pytest.raises(aw.AttentionError, match=r"sums to 1\.0"):
            aw.Attention(given)


def test_whole_numbers_in_lists_are_floats() -> None:
    np.testing.assert_array_equal(aw.Attention([[[[1, 0], [0, 1]]]]).weights[0, 0], np.eye(2))


def test_one_layer_one_head_one_token() -> None:
    attention = aw.Attention([[[[1.0]]]], ["only"])
    assert attention.weights.shape == (1, 1, 1, 1)
    assert attention.tokens == ("only",)


def test_a_text_of_a_batch_is_chosen() -> None:
    other = random_weights(1, layers=3, heads=2, n=4)
    layers = [np.stack(pair) for pair in zip(W, other, strict=True)]
    np.testing.assert_array_equal(aw.Attention(layers, batch=1).weights, other)
    np.testing.assert_array_equal(aw.Attention(np.stack(layers), batch=0).weights, W)


def test_layers_of_different_types_share_the_widest() -> None:
    given = [W[0].astype(np.float16), W[1].astype(np.float32), W[2]]
    attention = aw.Attention(given)
    assert attention.weights.dtype == np.float64
    assert attention.dtype == "float16"  # what its rows are exact to
    np.testing.assert_array_equal(attention.weights[2], W[2])


# --- what comes out ------------------------------------------------------------------------------


def test_sizes_tokens_and_repr() -> None:
    attention = aw.Attention(W, ["[CLS]", "a", "b", "[SEP]"])
    assert (attention.n_layers, attention.n_heads, attention.n_tokens) == (3, 2, 4)
    assert attention.tokens == ("[CLS]", "a", "b", "[SEP]")
    assert repr(attention) == (
        "Attention(3 layers, 2 heads, 4 tokens, bidirectional, float64: '[CLS] a b [SEP]')"
    )
    assert aw.Attention(W).tokens == ("0", "1", "2", "3")
    assert len(repr(aw.Attention(W, ["long" * 20] * 4))) < 120


def test_it_is_frozen_and_apart_from_the_array_given() -> None:
    given = W.copy()
    attention = aw.Attention(given)
    given[...] = 0
    np.testing.assert_array_equal(attention.weights, W)
    with pytest.raises(ValueError, match="read-only"):
        attention.weights[0, 0, 0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        attention.weights = W
    given[0, 0, 0, 0] = 1  # and the caller's array stays writeable


def test_copies_and_pickles() -> None:
    attention = aw.Attention(W, ["a", "b", "c", "d"], special=[1])
    for same in (copy.deepcopy(attention), pickle.loads(pickle.dumps(attention))):
        np.testing.assert_array_equal(same.weights, attention.weights)
        assert (same.tokens, same.special, same.kind) == (attention.tokens, (1,), "bidirectional")


def test_as_attention_keeps_what_is_one() -> None:
    attention = aw.Attention(W)
    assert aw.as_attention(attention) is attention
    np.testing.assert_array_equal(aw.as_attention(list(W)).weights, W)


def test_causal_is_read_off_the_weights() -> None:
    causal = random_weights(0, causal=True)
    assert aw.Attention(causal).causal
    assert aw.Attention(causal).kind == "causal"
    assert not aw.Attention(W).causal
    assert not aw.Attention(causal, kind="bidirectional").causal
    one_ahead = causal.copy()
    one_ahead[2, 1, 3] = [0, 0, 0, 0, 1]  # the last layer alone, and not in the first row
    assert not aw.Attention(one_ahead).causal
    with pytest.raises(aw.AttentionError, match="in layer 2 a token attends to a later one"):
        aw.Attention(one_ahead, kind="causal")


def test_special_tokens_are_recognised_by_spelling_or_named() -> None:
    tokens = ["[CLS]", "<s>", "</s>", "<|endoftext|>", "<pad>", "[PAD]", "<\uff5cbegin\uff5c>"]
    tokens += ["<start_of_turn>", " <bos> ", "[SEP]"]
    tokens += ["cls", "[", "<", "s", "[MASK]", "[UNK]", "<b>", "|", ""]
    n = len(tokens)
    eye = np.eye(n)[None, None]
    assert aw.Attention(eye, tokens).special == tuple(range(10))
    assert aw.Attention(eye, tokens, special=[3, np.int64(0), 3]).special == (0, 3)
    assert aw.Attention(eye, tokens, special=()).special == ()


def test_normalise_takes_contributions_on_purpose() -> None:
    attention = aw.Attention(7 * W, normalise=True)
    np.testing.assert_allclose(attention.weights, W, rtol=1e-14)
    assert attention.notes == ()


def test_normalise_turns_rows_without_mass_into_identity_and_says_so() -> None:
    given = W.copy()
    given[1, 0, 2] = 0
    attention = aw.Attention(given, normalise=True)
    np.testing.assert_array_equal(attention.weights[1, 0, 2], [0, 0, 1, 0])
    assert "Layer 1, head 0, row 2" in attention.notes[0]


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300, 1.7e308])
def test_normalise_survives_the_ends_of_the_number_range(scale: float) -> None:
    attention = aw.Attention(np.full((1, 1, 4, 4), scale), normalise=True)
    np.testing.assert_array_equal(attention.weights, 0.25)


def test_normalise_of_float16_is_not_done_in_float16() -> None:
    given = np.full((1, 1, 3, 3), 60000, dtype=np.float16)
    np.testing.assert_allclose(
        aw.Attention(given, normalise=True).weights.sum(-1, dtype=float), 1, rtol=1e-6
    )


@given(weights())
def test_any_softmax_is_accepted_in_any_type(given_weights: np.ndarray) -> None:
    n = given_weights.shape[-1]
    ahead = n > 1 and np.triu(given_weights, 1).any()
    for dtype in (np.float64, np.float32, np.float16):
        attention = aw.Attention(given_weights.astype(dtype))
        assert attention.weights.dtype == dtype
    assert aw.Attention(given_weights).causal == (not ahead)
    assert aw.Attention(torch.tensor(given_weights).bfloat16()).dtype == "bfloat16"


# --- what is refused -----------------------------------------------------------------------------

NAN = float("nan")
REFUSED = {
    "rank 2": (lambda: (W[0, 0],), "2 axes", "(layers, heads, n, n)"),
    "rank 3": (lambda: (W[0],), "3 axes, shape (2, 4, 4)", "weights[None]"),
    "rank 6": (lambda: (W[None, None],), "6 axes"),
    "list of rank 2": (lambda: ([W[0, 0]],), "Layer 0 has shape (4, 4)"),
    "scalar": (lambda: (np.float64(1.0),), "0 axes"),
    "ragged layers": (
        lambda: ([W[0], W[1, :1]],),
        "ragged: layer 1 has shape (1, 4, 4), layer 0 has shape (2, 4, 4)",
    ),
    "ragged list": (lambda: ([[[[1.0, 0.0], [1.0]]]],), "Layer 0", "ragged"),
    "not square": (lambda: (W[:, :, :3],), "not square: 3 queries (rows) and 4 keys"),
    "token count": (lambda: (W, ["a", "b"]), "4 tokens but 2 tokens were given", "[CLS] included"),
    "tokens in one string": (lambda: (W, "abcd"), "one string", "convert_ids_to_tokens"),
    "token ids": (lambda: (W, [101, 7, 8, 102]), "Token 0 is 101", "convert_ids_to_tokens"),
    "tokens a number": (lambda: (W, 4), "a int", "list of 4 strings"),
    "nan": (lambda: (changed(NAN),), "layer 1, head 1, row 2, column 3 is nan", "padding"),
    "nan in float16": (lambda: (changed(NAN).astype(np.float16),), "row 2, column 3 is nan"),
    "infinity": (lambda: (changed(np.inf),), "layer 1, head 1, row 2, column 3 is inf", "finite"),
    "minus infinity": (lambda: (changed(-np.inf),), "is -inf", "finite"),
    "negative": (lambda: (changed(-0.25),), "column 3 is -0.25", "after the softmax"),
    "row sums": (
        lambda: (changed(W[1, 1, 2, 3] - W[1, 1, 2].sum() + 1.5),),
        "Layer 1, head 1, row 2 sums to 1.5",
        "normalise=True",
    ),
    "transposed": (lambda: (W.swapaxes(-1, -2),), "swap the last two axes"),
    "batch": (lambda: ([np.stack([w, w]) for w in W],), "batch of 2 texts", "batch=0"),
    "batch of one array": (lambda: (np.stack([W, W], axis=1),), "batch of 2 texts"),
    "generate()": (lambda: ((tuple(w[None] for w in W),),), "generate()"),
    "None": (lambda: (None,), "None", 'attn_implementation="eager"', "output_attentions=True"),
    "attentions None": (lambda: (SimpleNamespace(attentions=None),), "None", "eager"),
    "empty tuple": (lambda: ((),), "empty tuple", "eager", "output_attentions=True"),
    "attentions empty": (lambda: (SimpleNamespace(attentions=()),), "empty tuple", "eager"),
    "tuple of None": (lambda: ((None, None),), "every layer is None", "eager"),
    "one None": (lambda: ((W[0], None),), "layer 1 is None", "eager"),
    "encoder-decoder": (
        lambda: (SimpleNamespace(encoder_attentions=W, decoder_attentions=W),),
        "outputs.encoder_attentions",
    ),
    "no heads": (lambda: (W[:, :0],), "empty (shape (3, 0, 4, 4))"),
    "no tokens": (lambda: (W[:, :, :0, :0],), "empty"),
    "empty layers": (lambda: ([[]],), "Layer 0 has shape (0,)"),
    "int array": (lambda: (np.eye(2, dtype=int)[None, None],), "an array of int64", "of floats"),
    "int arrays": (lambda: ([np.eye(2, dtype=int)[None]],), "Layer 0", "an array of int64"),
    "int tensor": (lambda: (torch.eye(2).long()[None, None],), "a torch tensor of int64"),
    "bool array": (lambda: (np.eye(2)[None, None] > 0,), "an array of bool"),
    "bool tensor": (lambda: (torch.eye(2)[None, None] > 0,), "a torch tensor of bool"),
    "bool list": (lambda: ([[[[True]]]],), "a list of booleans"),
    "complex": (lambda: (W + 0j,), "an array of complex128"),
    "complex list": (lambda: ([[[[1 + 0j]]]],), "a list of complex objects"),
    "objects": (lambda: (np.array([[None]]),), "an array of Python objects"),
    "string": (lambda: ("attention",), "a string"),
    "strings": (lambda: ([[[["1.0"]]]],), "a list of strings"),
    "string array": (lambda: (np.array([["1.0"]]),), "an array of str"),
    "None inside": (lambda: ([[[[None]]]],), "a list with None in it"),
    "huge number": (lambda: ([[[[10**400]]]],), "too large for a float"),
    "object": (lambda: (object(),), "an object of type object"),
    "meta tensor": (lambda: (torch.empty(1, 1, 2, 2, device="meta"),), "without data"),
    "masked": (lambda: (np.ma.masked_less(W, 0.1),), "masked array"),
}
REFUSED_SETTINGS = {
    "batch out of range": ({"batch": 3}, "leave out batch=3"),
    "special out of range": ({"special": [4]}, "special: token 4 is out of range", "0 to 3"),
    "special not a list": ({"special": 0}, "special must be a list of token positions"),
    "special boolean": ({"special": [True]}, "whole number from 0 to 3, not True"),
    "kind": ({"kind": "encoder"}, "'bidirectional' or 'causal', not 'encoder'"),
    "misspelt": ({"normalize": True}, "Attention() has no setting", "did you mean 'normalise'?"),
    "unknown": ({"zzz": 1}, "choose from", "'tokens'"),
}


def assert_one_clear_sentence(error: Exception, words: tuple[str, ...]) -> None:
    message = str(error)
    for word in words:
        assert word in message
    assert "\n" not in message
    assert len(message) < 300
    assert message.endswith((".", "?"))
    assert len(re.findall(r"\. [A-Z]", message)) == 0


@pytest.mark.parametrize("case", REFUSED)
def test_bad_weights_are_refused_in_one_sentence(case: str) -> None:
    make, *words = REFUSED[case]
    with pytest.raises(aw.AttentionError) as caught:
        aw.Attention(*make())
    assert isinstance(caught.value, ValueError)
    assert_one_clear_sentence(caught.value, tuple(words))


@pytest.mark.parametrize("case", REFUSED_SETTINGS)
def test_bad_settings_are_refused_in_one_sentence(case: str) -> None:
    settings, *words = REFUSED_SETTINGS[case]
    with pytest.raises(aw.AttentionError) as caught:
        aw.Attention(W, **settings)
    assert_one_clear_sentence(caught.value, tuple(words))


def test_an_unknown_keyword_is_also_the_error_that_python_has_for_it() -> None:
    for call in (aw.Attention, aw.layer_maps, aw.rollout, aw.trace):
        with pytest.raises(TypeError, match=r"\(\) has no setting named 'residul'") as caught:
            call(W, residul=0.5)
        assert isinstance(caught.value, aw.AttentionError)


def test_the_first_bad_row_is_named() -> None:
    given = W.copy()
    given[2, 0, 1] *= 3
    given[2, 1, 0] *= 2
    with pytest.raises(aw.AttentionError, match="Layer 2, head 0, row 1 sums to 3"):
        aw.Attention(given)


def test_a_numpy_float_array_is_not_copied_on_reading() -> None:
    assert np.shares_memory(as_array(W).values, W)
    shared = torch.tensor(W)
    assert np.shares_memory(as_array(shared).values, shared.numpy())
