"""Contributions against their papers' formulas, computed vector by vector and by finite slopes."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models as tiny
import torch
from torch import nn

import attn_widget as aw


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    config = tiny.hf.BertConfig(
        **tiny._TEXT, **tiny._BERT, intermediate_size=16, num_labels=3, initializer_range=0.5
    )
    return tiny.hf.BertForSequenceClassification._from_config(
        config, attn_implementation="sdpa"
    ).eval()


def vectors(name: str, model, text: int) -> np.ndarray:
    """|| sum_h A_h[q, k] f_h(x_k) || of the first layer, with every vector written out."""
    states = {}
    if name == "bert":
        layer = model.encoder.layer[0].attention
        own = getattr(layer, "self", layer)
        q, _k, v = own.query, own.key, own.value
        out = layer.output.dense
    else:
        layer = model.model.layers[0].self_attn
        q, _k, v, out = layer.q_proj, layer.k_proj, layer.v_proj, layer.o_proj

    def keep(_module, _args, output):
        states["v"] = output

    handle = v.register_forward_hook(keep)
    outputs = tiny.tiny(name)(**tiny.texts(), output_attentions=True)
    model(**tiny.texts())
    handle.remove()
    weights = outputs.attentions[0][text]
    heads, n = weights.shape[0], weights.shape[1]
    values = states["v"][text].view(n, -1, q.weight.shape[0] // heads)
    values = values.repeat_interleave(heads // values.shape[1], dim=1)
    found = torch.zeros(n, n)
    for query in range(n):
        for key in range(n):
            read = torch.cat([weights[h, query, key] * values[key, h] for h in range(heads)])
            found[query, key] = (out.weight @ read).norm()
    return found.detach().numpy()


@pytest.mark.parametrize("name", ["bert", "llama-gqa"])
def test_norms_are_those_of_the_vectors(name):
    model = tiny.tiny(name, "eager")
    attention = aw.kobayashi2020(model, tiny.texts(), batch=1)
    assert attention.weights.shape == (3, 1, 7, 7)
    np.testing.assert_allclose(attention.weights[0, 0], vectors(name, model, 1), atol=1e-4)
    assert aw.rollout(attention).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("name", tiny.named("encoder", "decoder", "seq2seq"))
def test_norms_of_every_architecture(name):
    inputs = tiny.texts()
    if tiny.TABLE[name].kind == "seq2seq":
        inputs["decoder_input_ids"] = torch.tensor([[0, 31], [0, 33]])
    attention = aw.kobayashi2020(tiny.tiny(name, "sdpa"), inputs, batch=0)
    assert aw.rollout(attention).sum(axis=1) == pytest.approx(1)
    heads = aw.kobayashi2020(tiny.tiny(name, "sdpa"), inputs, batch=0, per_head=True)
    assert heads.n_heads == (4 if name in ("llama-gqa", "mistral-window") else 2)
    # The norm of a sum is at most the sum of norms.
    slack = heads.weights.sum(axis=1) - attention.weights[:, 0]
    assert (slack[attention.weights[:, 0] < 1] >= -1e-5).all()


def test_norms_of_torchs_own_attention():
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True).eval()

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = module

        def forward(self, x):
            return self.attention(x, x, x)[0]

    x = torch.randn(1, 4, 8)
    attention = aw.kobayashi2020(Model(), x, per_head=True)
    weights = module(x, x, x, average_attn_weights=False)[1][0]
    values = (x[0] @ module.in_proj_weight[16:].T + module.in_proj_bias[16:]).view(4, 2, 4)
    for head in range(2):
        read = values[:, head] @ module.out_proj.weight[:, 4 * head : 4 * head + 4].T
        expected = weights[head] * read.norm(dim=-1)
        np.testing.assert_allclose(attention.weights[0, head], expected.detach(), atol=1e-5)


def test_gradient_weighted_attention_is_relu_of_slope_times_weight(classifier):
    """The slope of each weight, by moving it a little within the model's own attention."""
    inputs = {"input_ids": torch.tensor([[1, 11, 12, 2]])}
    attention = aw.chefer2021(classifier, inputs, target=2)
    with aw.capture(classifier) as captured:
        classifier(**inputs)
    raw = captured.attention().weights
    home = __import__("sys").modules[type(classifier.bert).__module__]
    eager, step = home.eager_attention_forward, 1e-2

    def logit(layer: int, place: tuple[int, int, int], by: float) -> float:
        calls = iter(range(3))

        def moved(module, query, key, value, *args, **kwargs):
            out, weights = eager(module, query, key, value, *args, **kwargs)
            if next(calls) == layer:
                weights = weights.clone()
                weights[(0, *place)] += by
                out = (weights @ value).transpose(1, 2)
            return out, weights

        classifier.config._attn_implementation = "eager"
        home.eager_attention_forward = moved
        try:
            with torch.no_grad():
                return float(classifier(**inputs).logits[0, 2])
        finally:
            home.eager_attention_forward = eager
            classifier.config._attn_implementation = "sdpa"

    for layer, place in ((0, (0, 1, 2)), (1, (1, 0, 3)), (2, (0, 0, 1)), (2, (1, 0, 0))):
        slope = (logit(layer, place, step) - logit(layer, place, -step)) / (2 * step)
        expected = max(0.0, slope * raw[(layer, *place)])
        assert attention.weights[(layer, *place)] == pytest.approx(expected, rel=2e-2, abs=2e-4)


def test_gradients_leave_no_trace(classifier):
    for parameter in classifier.parameters():
        parameter.requires_grad_(False)
    attention = aw.chefer2021(classifier, tiny.texts(), batch=0)
    assert attention.weights.max() > 0
    assert all(p.grad is None and not p.requires_grad for p in classifier.parameters())
    with pytest.warns(aw.EmptyRowsWarning):  # only the first token's output decides
        rows = aw.rollout(attention)
    assert rows.sum(axis=1) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::attn_widget.EmptyRowsWarning")
def test_targets_of_language_models_and_of_ones_own():
    model, inputs = tiny.tiny("gpt2", "sdpa"), tiny.texts()
    logits = model(**inputs).logits[0, 4]  # the last token that is no padding
    best = aw.chefer2021(model, inputs, batch=0)
    same = aw.chefer2021(model, inputs, target=int(logits.argmax()), batch=0)
    np.testing.assert_array_equal(best.weights, same.weights)
    mine = aw.chefer2021(model, inputs, target=lambda o: o.logits[0, 4].max(), batch=0)
    np.testing.assert_array_equal(best.weights, mine.weights)


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("bert", None, "has no logits"),
        ("bert", "positive", "target is 'positive'"),
        ("gpt2", 60, "target 60 is out of range"),
        ("gpt2", lambda o: o.logits, "target returned 'Tensor' of shape"),
        ("gpt2", lambda o: o.logits.detach().sum(), "does not depend"),
    ],
)
def test_targets_that_cannot_be(name, target, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.chefer2021(tiny.tiny(name, "sdpa"), tiny.texts(), target=target, batch=0)


@pytest.mark.parametrize("weigh", [aw.chefer2021, aw.kobayashi2020])
def test_a_vision_model_keeps_its_patches_and_its_image(weigh):
    config = tiny.hf.ViTConfig(**tiny._IMAGE, num_labels=3)
    model = tiny.hf.ViTForImageClassification(config).eval()
    attention = weigh(model, {"pixel_values": tiny.pixels()}, batch=1)
    assert (attention.picture.grid, attention.tokens[:2]) == ((3, 3), ("[CLS]", "0,0"))
    assert attention.picture.image.shape == (24, 24, 3)
    for one in ("text", (torch.zeros(1),)):
        with pytest.raises(aw.AttentionError, match=r"inputs is a (str|tuple): give the tensors"):
            weigh(model, one)
    with pytest.raises(aw.AttentionError, match="batch 5 is out of range"):
        weigh(model, {"pixel_values": tiny.pixels()}, batch=5)
    with pytest.raises(aw.AttentionError, match="given a NoneType"):
        weigh(None, tiny.texts())


@pytest.mark.parametrize("weigh", [aw.chefer2021, aw.kobayashi2020])
def test_dropout_is_found_out(weigh):
    model = tiny.tiny("gpt2", "sdpa")
    model.train()
    try:
        with pytest.raises(aw.AttentionError, match="dropout"):
            weigh(model, tiny.texts(), batch=1)
    finally:
        model.eval()


def test_torchs_own_attention_has_no_gradients_to_give():
    module = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with pytest.raises(aw.AttentionError, match="hands out copies"):
        aw.chefer2021(module, torch.randn(1, 4, 8), target=lambda o: o.sum())


def test_blocks_without_values_in_reach_are_named():
    from test_adapters_capture import TimmBlock

    with pytest.raises(aw.AttentionError, match="out of reach"):
        aw.kobayashi2020(nn.Sequential(TimmBlock()).eval(), torch.randn(1, 5, 8))
