"""Attention recorded while models run as they always do, whatever implementation they use."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models as tiny
import torch
from torch import nn

import attn_widget as aw

LENGTHS = (5, 7)
STARTED = torch.tensor([[0, 31, 32], [0, 33, 34]])


def feed(name: str) -> dict[str, torch.Tensor]:
    kind = tiny.TABLE[name].kind
    if kind == "vision":
        return {"pixel_values": tiny.pixels()}
    inputs = tiny.texts()
    return {**inputs, "decoder_input_ids": STARTED} if kind == "seq2seq" else inputs


def first_output(outputs) -> torch.Tensor:
    return outputs[0] if isinstance(outputs, tuple) else next(iter(outputs.values()))


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("name", tiny.NAMES)
def test_what_is_captured_is_what_an_output_holds(name, implementation):
    model, inputs = tiny.tiny(name, implementation), feed(name)
    expected = tiny.tiny(name)(**inputs, output_attentions=True)
    with torch.no_grad(), aw.capture(model) as captured:
        outputs = model(**inputs)
    torch.testing.assert_close(first_output(outputs), first_output(expected), atol=1e-4, rtol=1e-3)
    assert getattr(outputs, "attentions", None) is None
    found = captured.attention(batch=0)
    if tiny.TABLE[name].kind == "vision":
        same = aw.from_vision(expected, image=inputs["pixel_values"], batch=0)
        np.testing.assert_array_equal(found.picture.image, same.picture.image)
    else:
        settings = {"decoder_input_ids": STARTED} if "decoder_input_ids" in inputs else {}
        same = aw.from_huggingface(expected, input_ids=tiny.texts(), batch=0, **settings)
    assert (found.tokens, found.special, found.kind) == (same.tokens, same.special, same.kind)
    assert found.network == same.network
    np.testing.assert_allclose(found.weights, same.weights, atol=1e-5)
    np.testing.assert_allclose(aw.rollout(found), aw.rollout(same), atol=1e-5)
    n = found.n_tokens
    np.testing.assert_allclose(
        aw.attention_flow(found, sources=[n - 1], sinks=[0]),
        aw.attention_flow(same, sources=[n - 1], sinks=[0]),
        atol=1e-5,
    )


@pytest.mark.parametrize("settings", [{}, {"use_cache": False}], ids=["cache", "no cache"])
@pytest.mark.parametrize("name", tiny.named("decoder", "seq2seq"))
def test_a_captured_generation(name, settings):
    left = tiny.TABLE[name].kind == "decoder"
    inputs = tiny.texts(left=left)
    asked = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, **settings}
    expected = tiny.tiny(name).generate(
        **inputs, **asked, output_attentions=True, return_dict_in_generate=True
    )
    model = tiny.tiny(name, "sdpa")
    with aw.capture(model) as captured:
        sequences = model.generate(**inputs, **asked)
    assert torch.equal(sequences, expected.sequences)
    for text in (0, 1):
        same = aw.from_huggingface(expected, input_ids=inputs, batch=text)
        found = captured.attention(sequences=sequences, batch=text)
        assert (found.tokens, found.produced) == (same.tokens, same.produced)
        np.testing.assert_allclose(found.weights, same.weights, atol=1e-4)
        blind = captured.attention(batch=text)  # the last token was never fed back
        assert blind.tokens == same.tokens
        assert blind.produced[:-1] == same.produced[:-1]
        assert blind.produced[-1] is None


def test_learned_sinks_are_captured():
    model = tiny.sharp_gpt_oss()
    expected = aw.from_huggingface(
        model(**tiny.texts(), output_attentions=True), input_ids=tiny.texts(), batch=0
    )
    with aw.capture(model) as captured:
        model(**tiny.texts())
    np.testing.assert_allclose(captured.attention(batch=0).weights, expected.weights, atol=1e-6)


def test_a_model_that_adds_the_mask_of_sdpa_to_its_scores_is_asked_as_eager():
    """Falcon does not use the interface, and under sdpa its weights would look ahead."""
    hf = tiny.hf
    config = {**tiny._TEXT, **tiny._BERT}
    model = hf.FalconForCausalLM._from_config(hf.FalconConfig(**config)).eval()
    same = hf.FalconForCausalLM._from_config(
        hf.FalconConfig(**config), attn_implementation="eager"
    ).eval()
    same.load_state_dict(model.state_dict())
    before = state(model)
    with torch.no_grad(), aw.capture(model) as captured:
        model(**tiny.texts())
    assert state(model) == before
    found = captured.attention(batch=1)
    expected = same(**tiny.texts(), output_attentions=True).attentions
    assert found.kind == "causal"
    for layer, given in zip(found.weights, expected, strict=True):
        np.testing.assert_allclose(layer, given[1].detach().numpy(), atol=1e-6)


def test_a_compiled_model_runs_as_it_was_written():
    model = tiny.tiny("bert", "sdpa")
    compiled = torch.compile(model, backend="eager")
    ids = torch.tensor([[1, 5, 6]])
    with torch.no_grad():
        plain = compiled(input_ids=ids).last_hidden_state
        with aw.capture(compiled) as captured:
            compiled(input_ids=ids)
        with aw.capture(model) as same:
            model(input_ids=ids)
        again = compiled(input_ids=ids).last_hidden_state
    assert torch.equal(again, plain)
    found = captured.attention()
    assert found.tokens == ("1", "5", "6")
    np.testing.assert_array_equal(found.weights, same.attention().weights)


def test_a_prompt_read_in_pieces_is_one_prompt():
    model = tiny.tiny("gpt2", "sdpa")
    ids = tiny.texts()["input_ids"][1:]
    settings = {"max_new_tokens": 3, "min_new_tokens": 3, "do_sample": False}
    with aw.capture(model) as whole:
        sequences = model.generate(ids, **settings)
    with aw.capture(model) as captured:
        again = model.generate(ids, prefill_chunk_size=4, **settings)
    assert torch.equal(again, sequences)
    found, same = (one.attention(sequences=sequences) for one in (captured, whole))
    assert (found.tokens, found.produced) == (same.tokens, same.produced)
    assert found.produced[:6] == (None,) * 6
    np.testing.assert_allclose(found.weights, same.weights, atol=1e-6)


def test_the_decoder_ids_are_known_when_labels_were_given():
    model = tiny.tiny("bart", "sdpa")
    with aw.capture(model) as captured:
        model(**tiny.texts(), labels=torch.tensor([[31, 32, 2], [33, 34, 2]]))
    assert captured.attention(batch=0).tokens[5:] == ("2", "31", "32")


def test_a_model_inside_a_module_of_ones_own():
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny.tiny("bert", "sdpa")

        def forward(self, ids):
            return self.inner(input_ids=ids).last_hidden_state.mean(1)

    mine = Mine()
    with aw.capture(mine) as captured:
        mine(torch.tensor([[1, 5, 6]]))
    assert captured.attention().tokens == ("1", "5", "6")


def test_several_forward_passes_leave_the_last():
    model = tiny.tiny("gpt2", "sdpa")
    with aw.capture(model) as captured:
        model(input_ids=torch.tensor([[1, 5, 6]]))
        model(input_ids=torch.tensor([[1, 7, 8, 9]]))
    found = captured.attention()
    assert found.tokens == ("1", "7", "8", "9")
    assert found.produced is None


# --- heads fused on the way ----------------------------------------------------------------------


@pytest.mark.parametrize("heads", ["mean", "max", "min", 1, [0, 1], {0: 3.0, 1: 1.0}])
def test_heads_fused_on_the_way_are_those_fused_later(heads):
    model = tiny.tiny("bert", "sdpa")
    with aw.capture(model) as whole:
        model(**tiny.texts())
    with aw.capture(model, heads=heads) as captured:
        model(**tiny.texts())
    found = captured.attention(batch=0)
    assert found.weights.shape == (3, 1, 5, 5)
    np.testing.assert_allclose(
        aw.rollout(found), aw.rollout(whole.attention(batch=0), heads=heads), atol=1e-6
    )


def test_memory_is_that_of_one_map_a_layer():
    model = tiny.tiny("llama-gqa", "sdpa")
    kept = {}
    for heads in (None, "mean"):
        with torch.no_grad(), aw.capture(model, heads=heads) as captured:
            model(input_ids=torch.arange(3, 51)[None])
        storages = [w.untyped_storage().nbytes() for _, w in captured.passes[-1].records]
        kept[heads] = sum(storages)
    assert kept["mean"] == 3 * 48 * 48 * 4  # layers x n x n in float32, no view of all heads
    assert kept[None] == 4 * kept["mean"]


def test_the_peak_of_a_process_is_that_of_one_map_a_layer_and_one_layer_at_work():
    """The benchmark's own run, on fewer tokens: 16 layers of 16 heads."""
    script = Path(__file__).parent / "bench" / "capture.py"
    command = [sys.executable, str(script), "--tokens", "384"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["stacked_kept"] == pytest.approx(16 * found["fused_kept"])
    assert found["fused"] < 0.5 * found["stacked"]


def test_the_type_kept_can_be_chosen():
    model = tiny.tiny("gpt2", "sdpa")
    with aw.capture(model, heads="mean", dtype="float16") as captured:
        model(**tiny.texts())
    assert captured.attention(batch=1).weights.dtype == np.float16


# --- plain torch ---------------------------------------------------------------------------------


def by_hand(attention: nn.MultiheadAttention, query: torch.Tensor, key: torch.Tensor, mask=None):
    """Weights of nn.MultiheadAttention from its parameters, (batch, heads, queries, keys)."""
    size = attention.embed_dim
    w, b = attention.in_proj_weight, attention.in_proj_bias
    split = (*query.shape[:1], -1, attention.num_heads, size // attention.num_heads)
    q = (query @ w[:size].T + b[:size]).view(split).transpose(1, 2)
    k = (key @ w[size : 2 * size].T + b[size : 2 * size]).view(split).transpose(1, 2)
    scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    return scores.softmax(-1)


@pytest.mark.parametrize("grad", [True, False])
def test_an_encoder_of_torch_itself(grad):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(1, 5, 8)
    with torch.set_grad_enabled(grad):
        plain = model(x)
        with aw.capture(model) as captured:
            outputs = model(x)
        again = model(x)
    torch.testing.assert_close(outputs, plain, atol=1e-5, rtol=1e-4)
    assert torch.equal(again, plain)
    found = captured.attention(tokens=["a", "b", "c", "d", "e"])
    assert found.tokens == ("a", "b", "c", "d", "e")
    first = by_hand(model.layers[0].self_attn, x, x)
    np.testing.assert_allclose(found.weights[0], first[0].detach(), atol=1e-6)


def test_padding_and_nested_tensors_of_torch():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x, hidden = torch.randn(2, 4, 8), torch.tensor([[False] * 4, [False, False, True, True]])
    with torch.no_grad(), aw.capture(model) as captured:
        model(x, src_key_padding_mask=hidden)
    found = captured.attention(batch=1, attention_mask=[1, 1, 0, 0])
    expected = by_hand(model.layers[0].self_attn, x[1:, :2], x[1:, :2])
    np.testing.assert_allclose(found.weights[0], expected[0].detach(), atol=1e-6)


@pytest.mark.parametrize("asked", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_callers_of_multihead_attention_get_what_they_asked_for(asked):
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2).eval()
    x = torch.randn(5, 1, 8)
    plain = module(x, x, x, **asked)
    with aw.capture(module) as captured:
        outputs = module(x, x, x, **asked)
    torch.testing.assert_close(outputs[0], plain[0], atol=1e-5, rtol=1e-4)
    assert (outputs[1] is None) == (plain[1] is None)
    if plain[1] is not None:
        torch.testing.assert_close(outputs[1], plain[1], atol=1e-5, rtol=1e-4)
    assert captured.attention().weights.shape == (1, 2, 5, 5)


def test_an_encoder_decoder_of_torch_itself():
    torch.manual_seed(0)
    model = nn.Transformer(8, 2, 2, 2, 16, batch_first=True).eval()
    x, y = torch.randn(1, 4, 8), torch.randn(1, 3, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(3)
    with aw.capture(model) as captured:
        model(x, y, tgt_mask=causal)
    found = captured.attention()
    assert found.blocks == (
        "encoder 1",
        "encoder 2",
        "decoder 1 self",
        "decoder 1 cross",
        "decoder 2 self",
        "decoder 2 cross",
    )
    own = by_hand(model.decoder.layers[0].self_attn, y, y, torch.ones(3, 3, dtype=bool).triu(1))
    np.testing.assert_allclose(found.weights[2][:, 4:, 4:], own[0].detach(), atol=1e-6)
    np.testing.assert_allclose(aw.rollout(found).sum(1), 1, atol=1e-6)


class TimmBlock(nn.Module):
    """Attention as timm's vision transformers write it."""

    def __init__(self, dim: int = 8, num_heads: int = 2) -> None:
        super().__init__()
        self.num_heads, self.scale, self.fused_attn = num_heads, (dim // num_heads) ** -0.5, True
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.attn_drop = nn.Dropout(0.0)

    def forward(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.num_heads, c // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused_attn:
            x = nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            attn = (q * self.scale) @ k.transpose(-2, -1)
            attn = self.attn_drop(attn.softmax(dim=-1))
            x = attn @ v
        return self.proj(x.transpose(1, 2).reshape(b, n, c))


def test_blocks_like_those_of_timm():
    torch.manual_seed(0)
    model = nn.Sequential(TimmBlock(), TimmBlock()).eval()
    x = torch.randn(1, 10, 8)
    plain = model(x)
    with aw.capture(model) as captured:
        outputs = model(x)
    torch.testing.assert_close(outputs, plain, atol=1e-5, rtol=1e-4)
    assert model[0].fused_attn is True
    found = captured.attention(grid=(3, 3))
    assert (found.n_layers, found.tokens[:2]) == (2, ("[CLS]", "0,0"))
    q, k, _ = model[0].qkv(x).reshape(1, 10, 3, 2, 4).permute(2, 0, 3, 1, 4)
    expected = (q @ k.transpose(2, 3) / 2).softmax(-1)
    np.testing.assert_allclose(found.weights[0], expected[0].detach(), atol=1e-6)


# --- as it was before ----------------------------------------------------------------------------


def state(model: nn.Module) -> list:
    """All that a capture could have left behind."""
    kept = []
    for name, module in model.named_modules():
        hooks = {
            key: len(value)
            for key, value in vars(module).items()
            if "hooks" in key and hasattr(value, "__len__")
        }
        config = getattr(module, "config", None)
        kept.append((name, sorted(vars(module)), hooks, config and copy.deepcopy(vars(config))))
        kept.append((module.training, getattr(module, "fused_attn", None)))
    kept.append(torch.backends.mha.get_fastpath_enabled())
    library = getattr(tiny.hf.modeling_utils, "ALL_ATTENTION_FUNCTIONS", ())
    kept.append(sorted(getattr(library, "_global_mapping", library)))
    return kept


@pytest.mark.parametrize("name", tiny.NAMES)
def test_a_model_is_what_it_was(name):
    model, inputs = tiny.tiny(name, "sdpa"), feed(name)
    plain = first_output(model(**inputs))
    before = state(model)
    with aw.capture(model):
        assert state(model) != before
        model(**inputs)
    assert state(model) == before
    assert torch.equal(first_output(model(**inputs)), plain)


def test_a_model_of_torch_is_what_it_was():
    model = nn.Sequential(TimmBlock(), nn.TransformerEncoderLayer(8, 2, 16)).eval()
    before = state(model)
    with aw.capture(model):
        model(torch.randn(1, 5, 8))
    assert state(model) == before


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_an_exception_inside_the_model_puts_it_back(name, monkeypatch):
    model, inputs = tiny.tiny(name, "sdpa"), feed(name)
    last = [m for m in model.modules() if isinstance(m, nn.LayerNorm | nn.Embedding)][-1]
    before = state(model)
    monkeypatch.setattr(last, "forward", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError), aw.capture(model) as captured:
        model(**inputs)
    monkeypatch.undo()
    assert state(model) == before
    with aw.capture(model):  # not captured any more
        model(**inputs)
    with pytest.raises(aw.AttentionError, match="Nothing was recorded"):
        captured.attention(batch=0)


def test_an_exception_caught_inside_leaves_the_capture_usable():
    model = tiny.tiny("bert", "sdpa")
    with aw.capture(model) as captured:
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.tensor([[9999]]))
        model(input_ids=torch.tensor([[1, 5, 6]]))
    assert captured.attention().tokens == ("1", "5", "6")


# --- bad input -----------------------------------------------------------------------------------


def test_a_model_captured_already_is_refused_and_left_alone():
    model = tiny.tiny("bert", "sdpa")
    with aw.capture(model) as captured:
        with pytest.raises(aw.AttentionError, match="captured already"), aw.capture(model):
            pass
        with pytest.raises(aw.AttentionError, match="captured already"), aw.capture(model.encoder):
            pass
        model(input_ids=torch.tensor([[1, 5, 6]]))
    assert captured.attention().n_tokens == 3


@pytest.mark.parametrize("what", [None, "bert", np.zeros(3)])
def test_what_is_no_model_is_refused(what):
    with pytest.raises(aw.AttentionError, match="records torch models"):
        aw.capture(what)


def test_a_model_without_attention_is_refused_and_left_alone():
    model = nn.Sequential(nn.Linear(2, 2))
    before = state(model)
    with pytest.raises(aw.AttentionError, match="No attention was found"), aw.capture(model):
        pass
    assert state(model) == before


def test_nothing_recorded_is_named():
    with aw.capture(tiny.tiny("bert", "sdpa")) as captured:
        pass
    with pytest.raises(aw.AttentionError, match="Nothing was recorded"):
        captured.attention()


def test_a_model_without_attention_weights_is_told_from_one_that_was_not_called():
    hf = tiny.hf
    config = hf.MambaConfig(vocab_size=60, hidden_size=16, num_hidden_layers=1, state_size=4)
    model = hf.MambaForCausalLM(config).eval()
    with torch.no_grad(), aw.capture(model) as captured:
        model(input_ids=tiny.texts()["input_ids"])
    with pytest.raises(aw.AttentionError, match=r"ran and no layer of it computed.*state-space"):
        captured.attention(batch=0)


@pytest.mark.parametrize("heads", ["mean", 0])
def test_dropout_is_found_out_where_heads_are_fused(heads):
    model = tiny.tiny("bert", "sdpa")
    before = state(model)
    model.train()
    try:
        refused = pytest.raises(aw.AttentionError, match=r"dropout.*model\.eval\(\)")
        with refused, aw.capture(model, heads=heads):
            model(**tiny.texts())
    finally:
        model.eval()
    assert state(model) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dtype": "int8"}, "dtype must be a float type"),
        ({"dtype": "half a float"}, "dtype must be a float type"),
        ({"gradients": True, "heads": "mean"}, "Gradients need the weights as they are"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.capture(tiny.tiny("bert"), **settings)


def test_a_head_that_is_not_there_is_named_and_the_model_put_back():
    model = tiny.tiny("bert", "sdpa")
    before = state(model)
    with pytest.raises(aw.AttentionError, match="head 9"), aw.capture(model, heads=9):
        model(**tiny.texts())
    assert state(model) == before


def test_both_sides_of_clip_are_too_many():
    hf = tiny.hf
    config = hf.CLIPConfig(
        text_config={**tiny._TEXT, **tiny._BERT, "intermediate_size": 16},
        vision_config=tiny._IMAGE,
    )
    model = hf.CLIPModel(config).eval()
    with aw.capture(model) as captured:
        model(**tiny.texts(), pixel_values=tiny.pixels())
    with pytest.raises(aw.AttentionError, match=r"capture\(model\.(text|vision)_model\)"):
        captured.attention(batch=0)
    with aw.capture(model.vision_model) as captured:
        model(**tiny.texts(), pixel_values=tiny.pixels())
    assert captured.attention(batch=0).picture.grid == (3, 3)


@pytest.mark.parametrize("name", ["gpt2", "bart"])
def test_beams_are_refused(name):
    model = tiny.tiny(name, "sdpa")
    asked = {"max_new_tokens": 3, "min_new_tokens": 3}
    with aw.capture(model) as captured:
        sequences = model.generate(**tiny.texts(left=name == "gpt2"), **asked, num_beams=2)
    with pytest.raises(aw.AttentionError, match="beam"):
        captured.attention(sequences=sequences, batch=0)
    with pytest.raises(aw.AttentionError, match=r"4 sequences for 2 prompts.*sequences="):
        captured.attention(batch=0)
