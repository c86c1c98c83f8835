"""From what Hugging Face models and generate() return, for every architecture of the table."""

from __future__ import annotations

import re
from types import SimpleNamespace

import direct
import numpy as np
import pytest
import tiny_models as tiny
import torch

import attn_widget as aw

LENGTHS = (5, 7)


def call(name: str, text: int, *, left: bool = False):
    """One forward pass over the batch of two texts: outputs, inputs, the positions of `text`."""
    inputs = tiny.texts(left=left)
    outputs = tiny.tiny(name)(**inputs, output_attentions=True)
    return outputs, inputs, np.flatnonzero(inputs["attention_mask"][text])


def same_flow(attention: aw.Attention, maps: np.ndarray) -> None:
    n = maps.shape[-1]
    found = aw.attention_flow(attention, sources=[0, n - 1])
    for row, source in enumerate((0, n - 1)):
        for sink in (0, n // 2, n - 1):
            assert found[row, sink] == pytest.approx(direct.flow(maps, source, sink), abs=1e-6)


# --- the table: outputs --------------------------------------------------------------------------


@pytest.mark.parametrize("text", [0, 1])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("name", tiny.named("encoder", "decoder"))
def test_rollout_and_flow_of_an_output(name, text, left):
    outputs, inputs, kept = call(name, text, left=left)
    attention = aw.from_huggingface(outputs, input_ids=inputs, batch=text)
    assert attention.n_tokens == LENGTHS[text]
    assert attention.tokens == tuple(str(int(i)) for i in inputs["input_ids"][text, kept])
    assert attention.kind == ("causal" if tiny.TABLE[name].kind == "decoder" else "bidirectional")
    for layer, given in zip(attention.weights, outputs.attentions, strict=True):
        np.testing.assert_array_equal(layer, given[text].detach().numpy()[:, kept][:, :, kept])
    maps = direct.fused(outputs.attentions, text, kept)
    np.testing.assert_allclose(aw.rollout(attention), direct.rollout(maps), atol=1e-6)
    same_flow(attention, maps)


@pytest.mark.parametrize("text", [0, 1])
@pytest.mark.parametrize("name", tiny.named("seq2seq"))
def test_rollout_and_flow_of_an_encoder_decoder(name, text):
    inputs = tiny.texts()
    started = torch.tensor([[0, 31, 32], [0, 33, 34]])
    outputs = tiny.tiny(name)(**inputs, decoder_input_ids=started, output_attentions=True)
    attention = aw.from_huggingface(
        outputs, input_ids=inputs, decoder_input_ids=started, batch=text
    )
    n = LENGTHS[text]
    kept = np.arange(n)
    assert attention.network.n_encoder == n
    assert attention.blocks[:2] == ("encoder 1", "encoder 2")
    assert attention.blocks[2:4] == ("decoder 1 self", "decoder 1 cross")
    assert attention.tokens[n:] == tuple(str(int(i)) for i in started[text])
    encoder = direct.fused(outputs.encoder_attentions, text, kept)
    decoder = direct.fused(outputs.decoder_attentions, text)
    cross = direct.fused(outputs.cross_attentions, text, slice(None), kept)
    for residual in (0.0, 0.3, 0.5):
        whole = aw.rollout(attention, residual=residual)
        np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-6)
        expected = direct.joint_rollout(encoder, decoder, cross, residual)
        np.testing.assert_allclose(whole[n:], expected, atol=1e-6)
        np.testing.assert_allclose(whole[:n, :n], direct.rollout(encoder, residual), atol=1e-6)
        assert not whole[:n, n:].any()
    found = aw.attention_flow(attention, sources=[n, n + 2])
    for row, source in enumerate((0, 2)):
        for column, sink in ((1, ("encoder", 1)), (n - 1, ("encoder", n - 1)), (n, ("decoder", 0))):
            expected = direct.joint_flow(encoder, decoder, cross, source, sink)
            assert found[row, column] == pytest.approx(expected, abs=1e-6)


def test_one_side_of_an_encoder_decoder():
    inputs = tiny.texts()
    started = torch.tensor([[0, 31, 32], [0, 33, 34]])
    outputs = tiny.tiny("bart")(**inputs, decoder_input_ids=started, output_attentions=True)
    encoder = aw.from_huggingface(outputs, input_ids=inputs, batch=0, part="encoder")
    assert encoder.tokens == ("1", "11", "12", "13", "2")
    decoder = aw.from_huggingface(
        outputs, input_ids=inputs, decoder_input_ids=started, batch=1, part="decoder"
    )
    assert (decoder.tokens, decoder.kind) == (("0", "33", "34"), "causal")
    np.testing.assert_array_equal(decoder.weights[1], outputs.decoder_attentions[1][1].detach())


def test_dropped_tokens_of_the_other_side_are_no_news(recwarn):
    inputs = tiny.texts()
    started = torch.tensor([[0, 31, 32], [0, 33, 34]])
    outputs = tiny.tiny("t5")(**inputs, decoder_input_ids=started, output_attentions=True)
    attention = aw.from_huggingface(outputs, input_ids=inputs, batch=0)
    rows = aw.rollout(attention, drop=[1, 7])
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    assert [str(w.message) for w in recwarn if w.category is aw.EmptyRowsWarning] == []


# --- the table: generate() -----------------------------------------------------------------------


def generated(name: str, *, left: bool = True, **settings):
    inputs = tiny.texts(left=left)
    model = tiny.tiny(name)
    settings = {"do_sample": False, "min_new_tokens": 6, **settings}
    torch.manual_seed(1)
    outputs = model.generate(
        **inputs,
        max_new_tokens=6,
        output_attentions=True,
        return_dict_in_generate=True,
        **settings,
    )
    return model, inputs, outputs


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_cache": False}, {"num_beams": 3, "num_return_sequences": 2, "output_scores": True}],
    ids=["cache", "no cache", "beams"],
)
@pytest.mark.parametrize("name", tiny.named("decoder"))
def test_a_generation_is_one_causal_tensor(name, settings):
    model, inputs, outputs = generated(name, **settings)
    copies = len(outputs.sequences) // 2
    for row in range(len(outputs.sequences)):
        text = row // copies
        attention = aw.from_huggingface(outputs, input_ids=inputs, batch=row)
        ids = outputs.sequences[row, 7 - LENGTHS[text] :]
        n = attention.n_tokens
        assert attention.tokens == tuple(str(int(i)) for i in ids[:n])
        assert attention.kind == "causal"
        again = model(input_ids=ids[None, :n], output_attentions=True).attentions
        for layer, given in zip(attention.weights, again, strict=True):
            np.testing.assert_allclose(layer, given[0].detach().numpy(), atol=1e-4)
        maps = direct.fused(again, 0)
        np.testing.assert_allclose(aw.rollout(attention), direct.rollout(maps), atol=1e-4)
        prompt = LENGTHS[text]
        assert attention.produced[: prompt - 1] == (None,) * (prompt - 1)
        assert attention.produced[prompt - 1] == str(int(ids[prompt]))
        assert attention.query_labels[n - 1] == f"{int(ids[n - 1])} → {int(ids[n])}"
    same_flow(attention, maps)


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_cache": False}, {"num_beams": 2, "num_return_sequences": 2, "output_scores": True}],
    ids=["cache", "no cache", "beams"],
)
@pytest.mark.parametrize("name", tiny.named("seq2seq"))
def test_a_generation_of_an_encoder_decoder(name, settings):
    model, inputs, outputs = generated(name, left=False, **settings)
    copies = len(outputs.sequences) // 2
    for row in (0, copies):
        text, n = row // copies, LENGTHS[row // copies]
        attention = aw.from_huggingface(outputs, input_ids=inputs, batch=row)
        fed = outputs.sequences[row, : attention.n_tokens - n]
        again = model(
            input_ids=inputs["input_ids"][text : text + 1, :n],
            decoder_input_ids=fed[None],
            output_attentions=True,
        )
        expected = direct.joint_rollout(
            direct.fused(again.encoder_attentions, 0),
            direct.fused(again.decoder_attentions, 0),
            direct.fused(again.cross_attentions, 0),
        )
        np.testing.assert_allclose(aw.rollout(attention)[n:], expected, atol=1e-4)
        assert attention.produced[n] == str(int(outputs.sequences[row, 1]))
        assert attention.produced[:n] == (None,) * n


def test_a_text_that_ended_early_ends_there():
    _, inputs, outputs = generated("gpt2", do_sample=True)
    ids = [int(i) for i in outputs.sequences[0, 7:]]
    other = [int(i) for i in outputs.sequences[1, 7:]]
    end = next(i for i in ids[:-2] if i not in other)
    tokenizer = tiny.sixty_words()
    tokenizer.eos_token = f"w{end}"
    *_, outputs = generated("gpt2", do_sample=True, min_new_tokens=0, eos_token_id=end)
    attention = aw.from_huggingface(outputs, tokenizer=tokenizer, input_ids=inputs, batch=0)
    produced = ids.index(end) + 1
    assert attention.n_tokens == 5 + produced - 1
    assert attention.produced[-1] == f"w{end}"
    both = aw.from_huggingface(outputs, tokenizer=tokenizer, input_ids=inputs, batch=1)
    assert both.n_tokens == 7 + 6 - 1


def test_steps_of_caches_with_a_fixed_or_a_sliding_length():
    """A fixed cache pads keys at the end; a sliding one has dropped those at the front."""
    whole = torch.softmax(torch.randn(1, 2, 6, 6) + torch.full((6, 6), -torch.inf).triu(1), -1)
    sequences = torch.arange(7)[None]
    fixed = [
        (torch.nn.functional.pad(whole[:, :, :4, :4], (0, 4)),),
        *((torch.nn.functional.pad(whole[:, :, t : t + 1, : t + 1], (0, 7 - t)),) for t in (4, 5)),
    ]
    found = aw.from_huggingface(SimpleNamespace(attentions=tuple(fixed), sequences=sequences))
    np.testing.assert_array_equal(found.weights[0], whole[0])
    band = torch.softmax(
        whole.log() + torch.full((6, 6), -torch.inf).tril(-3), -1
    )  # a token reads itself and two before
    sliding = [
        (band[:, :, :4, :4],),
        *((band[:, :, t : t + 1, t - 2 : t + 1],) for t in (4, 5)),
    ]
    found = aw.from_huggingface(SimpleNamespace(attentions=tuple(sliding), sequences=sequences))
    np.testing.assert_array_equal(found.weights[0], band[0])


# --- learned sinks -------------------------------------------------------------------------------


def test_learned_sinks_are_rescaled_after_heads_are_fused():
    outputs = tiny.sharp_gpt_oss()(**tiny.texts(), output_attentions=True)
    attention = aw.from_huggingface(outputs, input_ids=tiny.texts(), batch=0)
    maps = direct.fused(outputs.attentions, 0, np.arange(5))
    assert maps.sum(axis=-1).max() < 0.95
    maps /= maps.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(aw.rollout(attention), direct.rollout(maps), atol=1e-6)
    assert attention.notes == ("Rows are rescaled to sum 1 once the heads are fused.",)


def test_a_learned_sink_can_be_a_token():
    outputs = tiny.sharp_gpt_oss()(**tiny.texts(), output_attentions=True)
    attention = aw.from_huggingface(
        outputs, tokenizer=tiny.sixty_words(), input_ids=tiny.texts(), batch=0, learned_sink="token"
    )
    assert attention.tokens[:2] == ("[sink]", "<s>")
    assert attention.special == (0, 1, 5)
    assert attention.words.labels[:2] == ("[sink]", "<s>")
    given = outputs.attentions[1][0].detach().numpy()[:, :5, :5]
    np.testing.assert_array_equal(attention.weights[1][:, 1:, 1:], given)
    np.testing.assert_allclose(attention.weights[1][:, 1:, 0], 1 - given.sum(-1), atol=1e-6)
    # Dropping it is the same as rescaling.
    rescaled = aw.from_huggingface(outputs, input_ids=tiny.texts(), batch=0)
    with pytest.warns(aw.EmptyRowsWarning):  # the sink reads nothing else
        dropped = aw.rollout(attention, drop=[0])
    np.testing.assert_allclose(dropped[1:, 1:], aw.rollout(rescaled), atol=1e-6)


# --- tokenizers ----------------------------------------------------------------------------------


def fake(n: int, *, layers: int = 2) -> tuple[torch.Tensor, ...]:
    return tuple(torch.softmax(torch.randn(1, 2, n, n), -1) for _ in range(layers))


def test_a_word_piece_tokenizer_names_tokens_words_and_special_tokens():
    tokenizer = tiny.word_pieces()
    ids = tokenizer.convert_tokens_to_ids(
        ["[CLS]", "the", "un", "##read", "##able", "[MASK]", "[SEP]"]
    )
    attention = aw.from_huggingface(fake(7), tokenizer=tokenizer, input_ids=ids)
    assert attention.tokens == ("[CLS]", "the", "un", "##read", "##able", "[MASK]", "[SEP]")
    assert attention.special == (0, 6)  # [MASK] stands for a word
    assert attention.words.labels == ("[CLS]", "the", "unreadable", "[MASK]", "[SEP]")


@pytest.mark.parametrize("make", [tiny.byte_pieces, tiny.sentence_pieces])
def test_bytes_are_joined_to_characters(make):
    tokenizer = make()
    raw = "語😀".encode()
    if make is tiny.byte_pieces:
        ids = tokenizer("語😀", add_special_tokens=False)["input_ids"]
    else:
        ids = tokenizer.convert_tokens_to_ids([f"<0x{byte:02X}>" for byte in raw])
    attention = aw.from_huggingface(fake(9), tokenizer=tokenizer, input_ids=[1, *ids, 2])
    assert attention.words.labels == ("<s>", "語", "😀", "</s>")
    assert attention.tokens[1] == "語 1/3"
    assert attention.tokens[-2:] == ("😀 4/4", "</s>")
    assert attention.special == (0, 8)


def test_the_real_minilm_on_a_sentence_pair():
    folder = tiny.minilm_folder()
    tokenizer = tiny.hf.AutoTokenizer.from_pretrained(folder)
    model = tiny.hf.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    inputs = tokenizer(
        ["Is it unreadable?", "short"], ["It isn't.", "yes"], return_tensors="pt", padding=True
    )
    outputs = model(**inputs, output_attentions=True)
    attention = aw.from_huggingface(outputs, tokenizer=tokenizer, input_ids=inputs, batch=1)
    assert attention.tokens == ("[CLS]", "short", "[SEP]", "yes", "[SEP]")
    assert attention.special == (0, 2, 4)
    first = aw.from_huggingface(outputs, tokenizer=tokenizer, input_ids=inputs, batch=0)
    assert " ".join(first.words.labels) == "[CLS] is it unreadable ? [SEP] it isn ' t . [SEP]"
    assert first.weights.shape[:2] == (6, 12)
    maps = direct.fused(outputs.attentions, 1, np.arange(5))
    np.testing.assert_allclose(aw.rollout(attention), direct.rollout(maps), atol=1e-5)


def test_padding_without_a_mask_is_cropped_only_where_nothing_reads_it():
    outputs, inputs, kept = call("bert", 0)
    attention = aw.from_huggingface(
        outputs, tokenizer=tiny.sixty_words(), input_ids=inputs["input_ids"], batch=0
    )
    assert attention.n_tokens == len(kept)
    unmasked = tiny.tiny("bert")(input_ids=inputs["input_ids"], output_attentions=True)
    whole = aw.from_huggingface(
        unmasked, tokenizer=tiny.sixty_words(), input_ids=inputs["input_ids"], batch=0
    )
    assert whole.tokens[-2:] == ("[PAD]", "[PAD]")


def test_plain_tuples_and_lists_are_taken():
    layers = fake(3)
    for given in (layers, list(layers), {"attentions": layers}):
        np.testing.assert_array_equal(aw.from_huggingface(given).weights[1], layers[1][0])


# --- bad input -----------------------------------------------------------------------------------


def refused(match: str, outputs, **settings) -> None:
    with pytest.raises(aw.AttentionError, match=match) as caught:
        aw.from_huggingface(outputs, **settings)
    assert "\n" not in str(caught.value)
    assert re.search(r"[.!?]$", str(caught.value))


EAGER = r'attn_implementation="eager".*capture\(model\)'


def test_an_output_without_attention_says_how_to_get_it():
    inputs = tiny.texts()
    refused(EAGER, tiny.tiny("bert")(**inputs))
    refused(EAGER, SimpleNamespace(attentions=None))
    refused(EAGER, SimpleNamespace(attentions=(None, None)))
    refused(EAGER, ())
    refused("layer 1 is None.*state-space", (fake(3)[0], None))
    refused(EAGER, tiny.tiny("t5")(**inputs, decoder_input_ids=torch.zeros(2, 1, dtype=int)))


def test_the_shapes_of_flash_attention_are_named():
    refused(r"shape \(1, 2, 7\).*flash", (torch.zeros(1, 2, 7), torch.zeros(1, 2, 7)))
    refused("layer 0, is a int", (3, 4))


def test_what_generate_returns_by_default_is_named_by_its_shape():
    refused(r"one Tensor of int64, shape \(1, 2\).*return_dict_in_generate", torch.tensor([[1, 2]]))
    refused(r"one ndarray of float64, shape \(2, 3, 3\)", np.ones((2, 3, 3)))
    refused("is a Linear: pass what the model returned", torch.nn.Linear(1, 1))


def test_layers_that_attend_within_windows_are_refused():
    hf = tiny.hf
    config = hf.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=4
    )
    model = hf.SwinModel._from_config(config, attn_implementation="eager").eval()
    outputs = model(pixel_values=torch.zeros(1, 3, 16, 16), output_attentions=True)
    refused("Layer 1 holds 1 maps and layer 0 4.*within windows", outputs, batch=3)


def test_layers_of_different_shapes_are_named():
    refused(r"layer 1 has shape \(2, 4, 4\) and layer 0 \(2, 5, 5\)", (fake(5)[0], fake(4)[0]))


def test_cross_attention_is_no_self_attention():
    started = torch.tensor([[0, 31, 32], [0, 33, 34]])
    outputs = tiny.tiny("bart")(**tiny.texts(), decoder_input_ids=started, output_attentions=True)
    refused("3 queries and 7 keys.*cross-attention", outputs.cross_attentions, batch=0)
    refused(
        "3 queries and 7 keys.*cross", SimpleNamespace(attentions=outputs.cross_attentions), batch=0
    )


def test_a_tokenizer_of_another_model_is_named():
    refused(
        "tokenizer knows 10 tokens, and token 1 of input_ids is 59",
        fake(2),
        tokenizer=tiny.word_pieces(),
        input_ids=[1, 59],
    )
    refused("tokenizer knows 10", fake(2), tokenizer=tiny.word_pieces(), input_ids=[1, -100])
    refused("turns no ids into tokens", fake(2), tokenizer=object(), input_ids=[1, 2])


def test_a_tokenizer_without_ids_is_refused():
    tokenizer = tiny.word_pieces()
    refused("tokenizer was given and no input_ids", fake(2), tokenizer=tokenizer)
    started = torch.tensor([[0, 31], [0, 33]])
    outputs = tiny.tiny("bart")(**tiny.texts(), decoder_input_ids=started, output_attentions=True)
    given = {"tokenizer": tiny.sixty_words(), "input_ids": tiny.texts(), "batch": 0}
    refused("no decoder_input_ids for it", outputs, **given)
    refused("no decoder_input_ids for it", outputs, **given, part="decoder")


def test_a_batch_needs_a_choice():
    outputs, inputs, _ = call("bert", 0)
    refused("2 texts or images in this batch.*batch=0", outputs, input_ids=inputs)
    refused("batch 2 is out of range", outputs, input_ids=inputs, batch=2)


def test_a_mask_that_the_model_did_not_have_is_refused():
    outputs = tiny.tiny("bert")(input_ids=tiny.texts()["input_ids"], output_attentions=True)
    refused("attention_mask calls padding", outputs, input_ids=tiny.texts(), batch=0)
    refused("hides all 5", fake(5), attention_mask=[0] * 5)
    refused("covers 4 tokens and the attention 5", fake(5), attention_mask=[1] * 4)


def test_ids_of_another_text_are_refused():
    refused("input_ids has 4 tokens and the attention covers 2", fake(2), input_ids=[1, 2, 3, 4])
    refused("input_ids is a str", fake(2), input_ids="the text")
    refused("input_ids is a list of shape", fake(2), input_ids=[[[1, 2]]])
    refused("input_ids holds 2 texts and text 2", fake_batch(3, 2), input_ids=[[1, 2]] * 2, batch=2)


def fake_batch(texts: int, n: int):
    return (torch.softmax(torch.randn(texts, 2, n, n), -1),)


def test_settings_that_are_none_are_refused():
    refused("part must be", fake(2), part="both")
    refused("learned_sink must be", fake(2), learned_sink="drop")
    with pytest.raises(aw.AttentionError, match="did you mean 'tokenizer'"):
        aw.from_huggingface(fake(2), tokeniser=None)


def test_dropout_is_found_out():
    model = tiny.tiny("bert")
    model.train()
    try:
        outputs = model(**tiny.texts(), output_attentions=True)
    finally:
        model.eval()
    refused("without dropout", outputs, input_ids=tiny.texts(), batch=1)


def test_a_beam_search_that_hides_its_beams_is_refused():
    *_, outputs = generated("gpt2", num_beams=2, output_scores=True)
    # As in older versions, unless scores are asked for.
    hidden = type(outputs)(**{k: v for k, v in outputs.items() if k != "beam_indices"})
    refused("output_scores=True", hidden, batch=0)


def test_only_half_of_a_generation_is_refused():
    *_, outputs = generated("gpt2")
    half = SimpleNamespace(attentions=outputs.attentions[2:], sequences=outputs.sequences)
    refused("pass all steps|as it is", half, batch=0)
    missing = SimpleNamespace(
        encoder_attentions=fake(3), decoder_attentions=fake(3), cross_attentions=None
    )
    refused("cross-attention is None", missing)
