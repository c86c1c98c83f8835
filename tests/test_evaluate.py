"""Evaluation against closed forms, and against the same numbers computed by hand on real models."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import tiny_models as tiny
import torch

import attn_widget as aw
from attn_widget.evaluation import Evaluation

SIZE = 4


class Linear(torch.nn.Module):
    """A known linear function of the tokens, beside an attention that it ignores."""

    def __init__(self, words=None, positions=12):
        super().__init__()
        torch.manual_seed(0)
        self.attention = torch.nn.MultiheadAttention(SIZE, 2, batch_first=True)
        self.weight = torch.nn.Parameter(torch.randn(positions, SIZE))
        self.embed = None if words is None else torch.nn.Embedding(words, SIZE)

    def forward(self, tokens):
        states = tokens if self.embed is None else self.embed(tokens)
        read, _ = self.attention(states, states, states)
        return (states * self.weight[: states.shape[1]]).sum(dim=(1, 2)) + 0 * read.sum()


ALL = ("blank_out", "gradients", "gradient_x_input", "integrated_gradients")


def vectors(n, seed=0):
    return torch.randn(n, SIZE, generator=torch.Generator().manual_seed(seed))


def only(evaluation):
    (measured,) = evaluation.measured
    return measured


def test_references_of_a_linear_model_are_its_weights():
    model, given = Linear(), vectors(7)
    found = only(aw.evaluate(model, [given], references=ALL))
    weight = model.weight.detach()[:7]
    products = (weight * given).sum(dim=1).abs().numpy()
    for name in ("blank_out", "gradient_x_input", "integrated_gradients"):
        assert found.references[name] == pytest.approx(products, abs=1e-5)
    assert found.references["gradients"] == pytest.approx(weight.norm(dim=1).numpy())
    assert found.score == pytest.approx(float((weight * given).sum()))


def test_blank_out_of_ids_is_the_difference_to_the_blank():
    model = Linear(words=9)
    ids = [3, 1, 4, 1, 5]
    found = only(aw.evaluate(model, [ids], blank=8, references=ALL))
    with torch.no_grad():
        table, weight = model.embed.weight, model.weight[:5]
        moved = (weight * (table[ids] - table[8])).sum(dim=1).abs().numpy()
        inputs = (weight * table[ids]).sum(dim=1).abs().numpy()
    assert found.references["blank_out"] == pytest.approx(moved, abs=1e-5)
    assert found.references["integrated_gradients"] == pytest.approx(moved, abs=1e-5)
    assert found.references["gradient_x_input"] == pytest.approx(inputs, abs=1e-5)


def test_curves_of_a_linear_model_are_cumulative_sums():
    model, given = Linear(), vectors(5)
    parts = (model.weight.detach()[:5] * given).sum(dim=1).numpy()
    ranking = [0.1, 0.5, 0.2, 0.4, 0.3]
    methods = {"given": lambda _attention: ranking}
    found = aw.evaluate(model, [given], methods=methods, curves=True)
    falling = parts[[1, 3, 4, 2, 0]]
    revealed = np.concatenate([[0], falling.cumsum()])
    deletion, insertion = only(found).curves["given", (0, 1)]
    assert insertion == pytest.approx(revealed, abs=1e-5)
    assert deletion == pytest.approx(parts.sum() - revealed, abs=1e-5)
    frame = found.to_frame()
    assert frame["insertion"][0] == pytest.approx(np.trapezoid(revealed) / 5, abs=1e-5)
    assert frame["deletion"][0] + frame["insertion"][0] == pytest.approx(parts.sum(), abs=1e-5)


def test_relevances_are_those_of_the_public_functions():
    model, given = tiny.tiny("bert"), torch.arange(3, 12)
    found = only(
        aw.evaluate(
            model, [given], output=first_state, levels="each", residual=0.3, references="gradients"
        )
    )
    with torch.no_grad(), aw.capture(model) as captured:
        model(given[None])
    attention = captured.attention()
    for stop in range(1, attention.n_layers + 1):
        settings = {"levels": (0, stop), "residual": 0.3}
        rollout = aw.rollout(attention, **settings)[0]
        flow = aw.attention_flow(attention, **settings)[0]
        raw = aw.layer_maps(attention, residual=0)[stop - 1, 0]
        assert found.relevance["rollout", (0, stop)].values == pytest.approx(rollout)
        assert found.relevance["flow", (0, stop)].values == pytest.approx(flow, abs=1e-9)
        assert found.relevance["attention", (0, stop)].values == pytest.approx(raw)


def first_state(outputs, _targets):
    return outputs.last_hidden_state[:, 0].sum(dim=1)


def test_saturated_are_the_flows_on_their_trivial_bound():
    weights = np.stack([np.full((3, 6, 6), 1 / 6), np.full((3, 6, 6), 1 / 6)])
    deep = aw.Attention(np.concatenate([weights] * 3))
    from attn_widget.relevance import RelevanceSettings, relevance_of

    found = relevance_of(deep, {"flow": "flow"}, RelevanceSettings(levels="each"))
    assert not found["flow", (0, 1)].saturated[1:].any()
    assert found["flow", (0, 6)].saturated.all()
    assert found["flow", (0, 6)].values.tolist() == [1] * 6  # ties, to the last bit


# --- real architectures --------------------------------------------------------------------------


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    import transformers as hf

    config = hf.BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        max_position_embeddings=32,
    )
    model = hf.BertForSequenceClassification(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(6)
    return model.eval()


def test_a_classifiers_probability_by_hand(classifier):
    ids = torch.tensor([1, 11, 12, 13, 2])
    found = only(aw.evaluate(classifier, [ids], blank=5))
    with torch.no_grad():
        clean = classifier(ids[None]).logits.double().softmax(1)[0]
        chosen = int(clean.argmax())
        changes = []
        for place in range(5):
            without = ids.clone()
            without[place] = 5
            changes.append(
                abs(
                    float(
                        clean[chosen]
                        - classifier(without[None]).logits.double().softmax(1)[0, chosen]
                    )
                )
            )
    assert found.target == chosen
    assert found.score == pytest.approx(float(clean[chosen]))
    assert found.references["blank_out"] == pytest.approx(changes, abs=1e-6)
    embedded = classifier.get_input_embeddings()(ids[None]).detach().requires_grad_()
    classifier(inputs_embeds=embedded).logits.softmax(1)[0, chosen].backward()
    by_hand = embedded.grad[0].norm(dim=1).numpy()
    assert found.references["gradients"] == pytest.approx(by_hand, rel=1e-4)


def test_targets_choose_the_class(classifier):
    ids = [1, 11, 12, 13, 2]
    shares = [only(aw.evaluate(classifier, [ids], targets=[c], blank=5)).score for c in range(3)]
    assert sum(shares) == pytest.approx(1)
    logit = only(aw.evaluate(classifier, [ids], targets=[2], blank=5, output="logit")).score
    with torch.no_grad():
        assert logit == pytest.approx(float(classifier(torch.tensor([ids])).logits[0, 2]), rel=1e-5)
    with pytest.raises(aw.AttentionError, match="class from 0 to 2, not 3"):
        aw.evaluate(classifier, [ids], targets=[3], blank=5)


def test_a_language_model_is_asked_for_its_next_token():
    import transformers as hf

    torch.manual_seed(0)
    config = hf.GPT2Config(vocab_size=60, n_positions=32, n_embd=16, n_layer=2, n_head=2)
    model = hf.GPT2LMHeadModel(config).eval()
    tokenizer = tiny.sixty_words()
    found = only(aw.evaluate(model, ["w11 w12 w13 w14"], tokenizer=tokenizer))
    ids = tokenizer("w11 w12 w13 w14", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        after = model(ids).logits[0, -1].double().softmax(0)
    assert found.target == int(after.argmax())
    assert found.score == pytest.approx(float(after.max()))
    with torch.no_grad(), aw.capture(model) as captured:
        model(ids)
    last = aw.rollout(captured.attention())[-1]
    assert found.relevance["rollout", (0, 2)].values == pytest.approx(last)


def test_a_masked_language_model_is_asked_at_its_mask():
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = tiny.word_pieces()
    config = hf.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    model = hf.BertForMaskedLM(config).eval()
    found = only(aw.evaluate(model, [[2, 5, 4, 9, 3]], tokenizer=tokenizer, blank=1))
    with torch.no_grad():
        at_mask = model(torch.tensor([[2, 5, 4, 9, 3]])).logits[0, 2].double().softmax(0)
    assert found.score == pytest.approx(float(at_mask.max()))


def test_similarity_to_another_text():
    model, tokenizer = tiny.tiny("bert"), tiny.sixty_words()
    texts, others = ["w11 w12 w13", "w7 w8"], ["w11 w12", "w20 w21 w22"]
    found = aw.evaluate(
        model, texts, targets=others, tokenizer=tokenizer, output="similarity", row="mean"
    )

    def embed(text):
        with torch.no_grad():
            return model(**tokenizer(text, return_tensors="pt")).last_hidden_state.mean(dim=1)

    for one, text, other in zip(found.measured, texts, others, strict=True):
        expected = torch.cosine_similarity(embed(text), embed(other))
        assert one.score == pytest.approx(float(expected), abs=1e-5)
        attention = (
            aw.evaluate(
                model,
                [text],
                targets=[embed(other)[0]],
                tokenizer=tokenizer,
                output="similarity",
                keep_attention=True,
            )
            .measured[0]
            .attention
        )
        mean = aw.rollout(attention).mean(axis=0)
        key = ("rollout", (0, attention.n_layers))
        assert one.relevance[key].values == pytest.approx(mean)


def test_special_tokens_are_ranked_only_when_asked():
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = tiny.word_pieces()
    config = hf.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
    )
    model = hf.BertForSequenceClassification(config).eval()
    given = [[2, 5, 6, 7, 8, 9, 3]]
    without = aw.evaluate(model, given, tokenizer=tokenizer)
    assert only(without).special == (0, 6)
    relevance = only(without).relevance["rollout", (0, 2)].values
    reference = only(without).references["blank_out"]
    by_hand = aw.evaluate(model, given, tokenizer=tokenizer, special=True)
    from attn_widget.agreement import spearman

    def value(found):
        return found.values()[("rollout", (0, 2)), "blank_out"][0]

    assert value(without) == spearman(relevance[1:-1], reference[1:-1])
    assert value(by_hand) == spearman(relevance, reference)
    assert value(without.again(special=True)) == value(by_hand)


# --- many examples -------------------------------------------------------------------------------


def test_mixed_lengths_give_what_each_gives_alone(classifier):
    random = np.random.default_rng(0)
    texts = [random.integers(3, 60, n).tolist() for n in (5, 9, 5, 2, 9, 7, 5)]
    together = aw.evaluate(classifier, texts, blank=1, batch_size=4)
    assert len(together) == len(texts)
    for index, text in enumerate(texts):
        alone = only(aw.evaluate(classifier, [text], blank=1))
        assert together.measured[index].text == alone.text
        for name, values in alone.references.items():
            assert together.measured[index].references[name] == pytest.approx(
                values, rel=1e-3, abs=1e-6
            )
        for key, relevance in alone.relevance.items():
            assert together.measured[index].relevance[key].values == pytest.approx(
                relevance.values, abs=1e-5
            )


def test_passes_are_batched_and_a_bar_counts_the_examples(classifier, monkeypatch):
    passes, bars = [], []

    class Bar:
        def __init__(self, **settings):
            self.total, self.done, self.closed = settings["total"], 0, False
            bars.append(self)

        def update(self, count):
            self.done += count

        def close(self):
            self.closed = True

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    texts = [[3, 4, 5, 6, 7 + i] for i in range(6)] + [[8, 9, 10]]
    with classifier.register_forward_pre_hook(
        lambda _model, _args, named: passes.append(len(named["input_ids"])), with_kwargs=True
    ):
        aw.evaluate(classifier, texts, blank=1, references="blank_out", batch_size=8)
    # Of each length: as they are, once more for the reference, and a blank for each token.
    assert passes == [1, 1, 3, *(6, 6, 8, 8, 8, 6)]
    assert [(bar.total, bar.done, bar.closed) for bar in bars] == [(7, 7, True)]
    aw.evaluate(classifier, texts, blank=1, references="gradients", progress=False)
    assert len(bars) == 1


def test_frame_summary_and_comparison_hold_together(classifier):
    texts = [[i, i + 1, i + 2, i + 3, i + 5] for i in range(3, 15)]
    found = aw.evaluate(classifier, texts, blank=1, levels="each")
    frame = found.to_frame()
    assert len(frame) == 12 * 3 * 2 * 2
    summary = found.summary(seed=4)
    some = frame.query("method == 'flow' and stop == 2 and reference == 'gradients'")
    line = summary.query("method == 'flow' and stop == 2 and reference == 'gradients'").iloc[0]
    assert line["mean"] == pytest.approx(some["spearman"].mean())
    assert line["std"] == pytest.approx(some["spearman"].std())
    assert line["saturated"] == pytest.approx(some["saturated"].mean())
    assert line["low"] <= line["mean"] <= line["high"]
    pd.testing.assert_frame_equal(summary, found.summary(seed=4))
    compared = found.compare("rollout", "attention")
    assert len(compared) == 4
    means = summary.set_index(["method", "stop", "reference"])["mean"]
    for row in compared.itertuples():
        expected = (
            means["rollout", row.stop, row.reference] - means["attention", row.stop, row.reference]
        )
        assert row.difference == pytest.approx(expected)
        if row.stop == 1:  # one block: the residual moves the row's own token alone, the CLS here
            assert row.n == 12


def test_a_function_is_compared_with_every_level(classifier):
    def position(attention):
        return np.arange(attention.n_tokens)

    found = aw.evaluate(
        classifier,
        [[3, 4, 5, 6], [7, 8, 9, 10]],
        blank=1,
        levels="each",
        methods=("rollout", position),
    )
    assert found.compare("rollout", "position")["stop"].tolist() == [1, 2, 1, 2]
    with pytest.raises(aw.AttentionError, match="'rollout', 'position', not 'flow'"):
        found.compare("flow", "rollout")


def test_other_settings_without_the_model(classifier):
    texts = [[3, 4, 5, 6, 7], [9, 8, 7, 6]]
    kept = aw.evaluate(classifier, texts, blank=1, keep_attention=True)
    again = kept.again(residual=0.8, levels=(1, 2))
    direct = aw.evaluate(classifier, texts, blank=1, residual=0.8, levels=(1, 2))
    pd.testing.assert_frame_equal(again.to_frame(), direct.to_frame())
    with pytest.raises(aw.AttentionError, match="keep_attention=True"):
        direct.again(residual=0.1)


def test_one_at_a_time_gives_the_rows_of_the_frame(classifier):
    evaluator = aw.Evaluator(classifier, blank=1, references="blank_out")
    rows = evaluator([3, 4, 5, 6, 7])
    frame = evaluator.run([[3, 4, 5, 6, 7]], progress=False).to_frame()
    pd.testing.assert_frame_equal(pd.DataFrame(rows), frame)
    assert json.loads(json.dumps(rows[0]))["method"] == "attention"
    same = pickle.loads(pickle.dumps(evaluator))([3, 4, 5, 6, 7])
    pd.testing.assert_frame_equal(pd.DataFrame(same), frame)


def test_the_model_is_left_as_it_was(classifier):
    classifier.train()
    classifier.bert.encoder.layer[0].eval()
    before = [module.training for module in classifier.modules()]
    for one in classifier.parameters():
        one.grad = None
    first = aw.evaluate(classifier, [[3, 4, 5]], blank=1)
    second = aw.evaluate(classifier, [[3, 4, 5]], blank=1)
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())  # no dropout
    assert [module.training for module in classifier.modules()] == before
    assert all(one.grad is None for one in classifier.parameters())
    hooks = [
        len(module._forward_hooks) + len(module._forward_pre_hooks)
        for module in classifier.modules()
    ]
    assert sum(hooks) == 0


# --- what can go wrong ---------------------------------------------------------------------------


class Fragile(Linear):
    def forward(self, tokens):
        if bool((tokens == 7).any()):
            message = "token 7\nis broken"
            raise RuntimeError(message)
        return super().forward(tokens)


def test_an_example_that_fails_is_named_and_stops_nothing():
    found = aw.evaluate(Fragile(words=9), [[1, 2, 3], [1, 7, 3], [2, 3, 1], []], blank=8)
    assert len(found) == 2
    assert [one.example for one in found.failures] == [1, 3]
    assert found.failures[0].error == "RuntimeError: token 7 is broken"
    assert "no tokens" in found.failures[1].error
    assert found.to_frame()["example"].unique().tolist() == [0, 2]
    assert "2 failed" in repr(found)
    assert "token 7 is broken" in found._repr_html_()


def test_a_text_that_cannot_be_read_is_named_and_stops_nothing(classifier):
    def moody(text):
        if text == "bad":
            message = "no such word"
            raise KeyError(message)
        return [3, 4, 5, 6]

    found = aw.evaluate(classifier, ["a", "bad", "c"], tokenizer=moody, blank=1)
    assert [one.error for one in found.failures] == ["KeyError: 'no such word'"]
    found = aw.evaluate(
        classifier, ["w5 w6 w7", None, "w8 w9"], tokenizer=tiny.sixty_words(), blank=1
    )
    assert found.failures[0].error.startswith("An example must be a text, a pair of texts")
    assert len(found.where([])) == len(found.where(lambda _: False)) == 0
    assert len(found.where([1])) == 1


def test_when_all_fail_the_first_is_told():
    with pytest.raises(aw.AttentionError, match=r"No example.*RuntimeError: token 7 is broken"):
        aw.evaluate(Fragile(words=9), [[1, 7, 3]], blank=8)
    with pytest.raises(RuntimeError, match="is broken"):
        aw.Evaluator(Fragile(words=9), blank=8)([7, 1])


def test_single_tokens_are_undefined_and_counted(classifier):
    found = aw.evaluate(classifier, [[3], [4, 5, 6, 7]], blank=1)
    summary = found.summary()
    assert (summary["undefined"] >= 1).all()
    assert (summary["n"] <= 1).all()
    assert "Evaluation(2 examples" in repr(found)
    assert isinstance(found, Evaluation)


@pytest.mark.parametrize(
    ("inputs", "settings", "said"),
    [
        ([], {}, "inputs is empty"),
        ("a text", {}, "a list of examples, not one text"),
        (["a text"], {}, "needs a tokenizer"),
        ([[1, 2]], {"targets": [1, 2]}, "1 inputs and 2 targets"),
        ([[1, 2]], {"blank": None}, "give its id as blank="),
        ([[1, 2]], {"blank": "x"}, "blank must be the id of a token"),
        ([[[1, 2], [3, 4]]], {}, "2 examples of a batch"),
        ([[1, 2]], {"methods": "rolout"}, "'attention', 'rollout', 'flow' or functions"),
        ([[1, 2]], {"methods": ["flow", "flow"]}, "'flow' twice"),
        ([[1, 2]], {"methods": []}, "methods is empty"),
        ([[1, 2]], {"methods": lambda _: [1]}, "returned shape .1,. for 2 tokens"),
        ([[1, 2]], {"references": "grad"}, "references must be among 'blank_out'"),
        ([[1, 2]], {"references": []}, "at least one"),
        ([[1, 2]], {"levels": "all"}, "levels must be"),
        ([[1, 2]], {"levels": (0, 3)}, "out of range"),
        ([[1, 2]], {"row": 2}, "row: token 2 is out of range"),
        ([[1, 2]], {"row": "last"}, "row must be a token's position"),
        ([[1, 2]], {"k": 0}, "k must be a whole number"),
        ([[1, 2]], {"batch_size": 0}, "batch_size must be"),
        ([[1, 2]], {"output": "logits"}, "output must be one of"),
        ([[1, 2]], {"output": lambda out, _: out[:, None, None]}, "pick it with output="),
        ([[1, 2]], {"output": "similarity"}, "Similarity to what"),
        ([[1, 2]], {"embedding": "embeds"}, "no module 'embeds'.*it has 'embed'"),
        ([[1, 2]], {"refs": 1}, "no setting named 'refs'"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(inputs, settings, said):
    with pytest.raises(aw.AttentionError, match=said):
        aw.evaluate(Linear(words=9), inputs, **({"blank": 8} | settings))


def test_what_is_no_torch_model_is_refused():
    with pytest.raises(aw.AttentionError, match=r"model is a function.*torch\.nn\.Module"):
        aw.evaluate(lambda: 0, [[1]])
    with pytest.raises(aw.AttentionError, match="No attention was found"):
        aw.evaluate(torch.nn.Embedding(4, 1), [[1, 2]], blank=0)


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(aw.AttentionError, match="pip install captum"):
        aw.evaluate(Linear(words=9), [[1, 2]], blank=8, references="integrated_gradients")
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(aw.AttentionError, match=r"attn-widget\[evaluate\]"):
        aw.evaluate(Linear(words=9), [[1, 2]], blank=8)


def test_text_is_text_in_the_table(classifier):
    found = aw.evaluate(
        classifier, [[3, 4, 5, 6]], blank=1, methods={"<b>": lambda a: a.weights[0, 0, 0]}
    )
    assert "&lt;b&gt;" in found._repr_html_()
    assert "<b>" not in found._repr_html_()
