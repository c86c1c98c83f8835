"""The paper's experiment: its grammar against an independent reading, and the whole run, small."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import attn_widget as aw
from attn_widget import cli
from attn_widget.experiments import figures, minilm, paper
from attn_widget.experiments.grammar import Grammar, Vocabulary
from attn_widget.experiments.report import PAPER, best_residuals, load_report
from attn_widget.experiments.training import Training, train

DETERMINERS = {"the", "my", "your", "our", "their", "his", "her"}
ADJECTIVES = {
    *("old", "young", "tall", "small", "famous", "quiet", "clever", "green", "red", "broken"),
    *("heavy", "distant", "narrow", "wooden", "bright", "strange", "modern", "careful"),
}
SENTENCES = Grammar(5).sentences(1500)


def nouns(sentence):
    """Where nouns stand: behind each determiner, and behind the adjectives there."""
    found = []
    for start, word in enumerate(sentence.words):
        if word in DETERMINERS:
            end = start + 1
            while sentence.words[end] in ADJECTIVES:
                end += 1
            found.append(end)
    return found


def test_a_seed_gives_the_same_sentences():
    assert Grammar(5).sentences(40) == SENTENCES[:40]
    assert Grammar(6).sentences(40) != SENTENCES[:40]
    assert [str(one) for one in Grammar(0).sentences(3)] == [
        str(one) for one in Grammar(0).sentences(3)
    ]


def test_number_subject_and_attractors_can_be_read_off_the_words():
    for one in SENTENCES:
        places = nouns(one)
        assert one.subject in places
        assert one.words[one.subject].endswith("s") == one.plural
        after = [place for place in places if place > one.subject]
        other = [place for place in after if one.words[place].endswith("s") != one.plural]
        assert len(other) == one.attractors
        assert one.fronted == (one.subject != places[0])


def test_no_rule_of_position_solves_the_task():
    hard = [one for one in SENTENCES if one.attractors]

    def accuracy(pick):
        return np.mean([one.words[pick(one)].endswith("s") == one.plural for one in hard])

    def after_comma(one):
        comma = one.words.index(",") if "," in one.words else 0
        return next(place for place in nouns(one) if place > comma)

    assert accuracy(lambda one: nouns(one)[0]) < 0.85
    assert accuracy(after_comma) < 0.92
    assert accuracy(lambda one: nouns(one)[-1]) < 0.4
    assert abs(np.mean([one.plural for one in hard]) - 0.5) < 0.05
    assert abs(np.mean([one.fronted for one in SENTENCES]) - 0.5) < 0.05


def test_held_out_sentences_are_each_new():
    held = paper.held_out(200)
    assert len(held) == len({one.words for one in held}) == 200
    others = Grammar(77).sentences(100, without=held)
    assert not {one.words for one in others} & {one.words for one in held}
    assert all(one.attractors for one in Grammar(1).sentences(20, attractors=True))


def test_the_vocabulary_knows_every_word():
    vocabulary = Vocabulary()
    for one in SENTENCES[:300]:
        ids = vocabulary(one)
        assert vocabulary.unk_token_id not in ids
        assert tuple(vocabulary.convert_ids_to_tokens(ids)) == one.words
        assert vocabulary(str(one)) == ids
    assert vocabulary("the zebra")[2] == vocabulary.unk_token_id


TINY = Training(layers=2, heads=2, width=32, steps=90, batch=32, rate=5e-3, front=0.0)


def test_training_learns_and_a_seed_repeats_it():
    before = torch.random.get_rng_state()
    first = train(TINY, 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.mean(first.losses[-10:]) < 0.6 * np.mean(first.losses[:10])
    short = Training(**(vars(TINY) | {"steps": 5}))
    again = [train(short, 3).losses for _ in range(2)]
    assert again[0] == again[1]


def test_padding_does_not_change_an_answer():
    network = train(Training(**(vars(TINY) | {"steps": 1})), 0)
    some = SENTENCES[:12]
    alone = [network.model(torch.tensor([network.vocabulary(one)]))[0] for one in some]
    from attn_widget.experiments.training import padded

    together = network.model(padded([network.vocabulary(one) for one in some]))
    assert torch.allclose(torch.stack(alone), together, atol=1e-5)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small experiment, run by the command."""
    path = tmp_path_factory.mktemp("paper") / "report.json"
    with torch.random.fork_rng(devices=[]):
        assert cli.main(["paper", "--small", "--jobs", "1", "--save", str(path)]) == 0
    return load_report(path)


def test_the_small_experiment_has_every_number(small):
    table = small.table
    assert set(table["method"]) == {"attention", "rollout", "flow", "bound"}
    assert set(table["reference"]) == {"blank_out", "gradients"}
    assert set(table["tokens"]) == {"text", "all"}
    assert set(table["stop"]) == {1, 2, 3}
    assert table["mean"].between(-1, 1).all()
    assert (table["n"] + table["undefined"] == 24).all()
    assert set(small.sweep["residual"]) == {0, 0.5, 1}
    assert set(small.minilm["stop"]) == {1, 2, 3, 4, 5, 6}
    assert small.accuracy["step"].tolist() == [0, 40]
    assert small.training.groupby("seed")["step"].unique().map(list).to_dict() == {0: [0, 40]}


def test_at_level_1_the_three_methods_rank_text_alike(small):
    """One block: the residual moves the row's own token, CLS, and no other."""
    text = small.table[(small.table["tokens"] == "text") & (small.table["stop"] == 1)]
    for _, lines in text[text["method"] != "bound"].groupby("reference"):
        assert np.ptp(lines["mean"].to_numpy()) < 1e-3
    swept = small.sweep[(small.sweep["stop"] == 1) & (small.sweep["method"] == "rollout")]
    for _, lines in swept.groupby("reference"):
        known = lines[lines["residual"] < 1]["mean"].to_numpy()
        assert np.ptp(known) < 1e-3
        assert lines[lines["residual"] == 1]["mean"].isna().all()  # all of the text ties at 0


def test_beside_the_paper_stand_its_own_rows(small):
    frame = small.beside("gradients", "all")
    assert frame.loc[("rollout", "paper")].tolist() == [0.22, 0.27, 0.39]
    mine = small.table.query("tokens == 'all' and method == 'flow' and reference == 'gradients'")
    assert frame.loc[("flow", "seed 0")].tolist() == mine.sort_values("stop")["mean"].tolist()


def test_the_real_model_has_its_bound_beside_its_flow_as_well(small):
    frame = small.of_minilm("gradients")
    assert frame.columns.tolist() == [1, 2, 3, 4, 5, 6]
    mine = small.minilm.query(
        "tokens == 'text' and method == 'flow' and reference == 'gradients' and residual == 0.5"
    ).sort_values("stop")
    assert frame.loc[("flow", "mean")].tolist() == mine["mean"].tolist()
    assert frame.loc[("flow", "on the trivial bound")].tolist() == mine["saturated"].tolist()
    assert frame.loc[("flow", "on the trivial bound")][6] > 0.5


def test_the_command_prints_every_table(small):
    said = small.text()
    assert said.count("on the trivial bound") == 4 + 2  # of the networks, of MiniLM
    assert said.count("esidual that agrees best with") == 4


def test_figures_show_the_report(small):
    levels = figures.level_figures(small)
    assert [figure.title for figure in levels.children] == ["Raw attention", "Rollout", "Flow"]
    ours = levels.children[1].marks[0].y
    assert ours.tolist() == pytest.approx(small.beside().loc[("rollout", "mean of seeds")].tolist())
    rollout, flow = figures.residual_figures(small).children
    assert len(rollout.marks[0].y) == 3
    assert flow.title.startswith("Flow")
    assert len(figures.minilm_figures(small, "gradients").children) == 2


def test_best_residual_is_the_largest_mean():
    frame = pd.DataFrame(
        {
            "method": ["rollout"] * 6,
            "stop": [1, 1, 1, 2, 2, 2],
            "residual": [0.0, 0.5, 1.0] * 2,
            "reference": ["blank_out"] * 6,
            "mean": [0.1, 0.3, np.nan, 0.4, 0.2, np.nan],
        }
    )
    best = best_residuals(frame)
    assert best["residual"].tolist() == [0.5, 0.0]
    assert best["usual"].tolist() == [0.3, 0.2]


def test_the_bound_is_what_saturated_flow_says():
    even = np.tile(np.random.default_rng(0).dirichlet(np.full(9, 3.0), 9), (8, 1, 1, 1))
    attention = aw.Attention(even)
    flow = aw.attention_flow(attention, sources=[0])[0]
    assert paper.bound(attention) == pytest.approx(flow)


def test_the_full_report_comes_along_and_keeps_its_promises():
    full = load_report()
    assert len(full.plan["seeds"]) == 3
    assert full.plan["training"]["layers"] == 6
    assert full.plan["training"]["heads"] == 8
    assert full.plan["training"]["width"] == 128
    done = full.accuracy[full.accuracy["step"] == full.plan["training"]["steps"]]
    assert len(done) == 3
    assert (done["attractors"] >= 0.96).all()
    text = full.table[full.table["tokens"] == "text"]
    assert (text["n"] + text["undefined"] >= 1000).all()
    assert set(full.minilm["reference"]) == {"blank_out", "gradients"}
    assert set(PAPER) == {
        (reference, method)
        for reference in ("blank_out", "gradients")
        for method in ("attention", "rollout", "flow")
    }


def test_a_report_that_is_none_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.json", "y.json"):
        with pytest.raises(aw.AttentionError, match="no report of this experiment"):
            load_report(tmp_path / name)
    with pytest.raises(aw.AttentionError, match="plan must be 'full', 'small' or a Plan"):
        paper.run("medium")


def test_the_command_refuses_what_makes_no_sense(capsys, tmp_path):
    assert cli.main(["paper", "--jobs", "0"]) == 1
    assert "must be 1 or more" in capsys.readouterr().err
    # Before anything is trained.
    assert cli.main(["paper", "--save", str(tmp_path / "none" / "x.json")]) == 1
    assert "there is no folder for it" in capsys.readouterr().err
    assert cli.main(["paper", "--save", str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err
    done = subprocess.run(
        [sys.executable, "-m", "attn_widget", "paper", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Tables 1 and 2" in " ".join(done.stdout.split())


def test_pairs_of_the_manual_are_plain_and_each_new():
    pairs = minilm.sentence_pairs(120)
    assert len({one for one, _ in pairs}) == 120
    for one, after in pairs:
        assert one != after
        assert one.endswith(".")
        assert 7 <= len(one.split()) <= 24
    with pytest.raises(aw.AttentionError, match="not 99999"):
        minilm.sentence_pairs(99999)
