"""What the experiment on the paper's tables found, and the paper's own numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.errors import AttentionError

if TYPE_CHECKING:
    import os

    import pandas as pd

PAPER = {
    ("blank_out", "attention"): (0.69, 0.10, -0.11, -0.09, 0.20, 0.29),
    ("blank_out", "rollout"): (0.32, 0.38, 0.51, 0.62, 0.70, 0.71),
    ("blank_out", "flow"): (0.32, 0.44, 0.70, 0.70, 0.71, 0.70),
    ("gradients", "attention"): (0.53, 0.16, -0.06, 0.00, 0.24, 0.46),
    ("gradients", "rollout"): (0.22, 0.27, 0.39, 0.47, 0.53, 0.54),
    ("gradients", "flow"): (0.22, 0.31, 0.54, 0.61, 0.60, 0.61),
}
"""The paper's means (its Tables 1 and 2), levels 1 to 6."""


@dataclass
class Report:
    """What an experiment found; every attribute but `plan` is a DataFrame.

    Attributes
    ----------
    plan : dict
    accuracy : seed, step, held_out, attractors (accuracy on sentences that have one), fronted
        (on those with an attractor behind a front)
    table : seed, tokens ("text" or "all", with CLS), method, stop, reference, mean, std, low, high,
        n, undefined, saturated
    sweep : seed, residual, method, stop, reference, mean, saturated
    groups : seed, group, value, method, stop, reference, mean, n, saturated
    training : step, method, stop, reference, mean, n, saturated
    minilm : tokens, residual, method, stop, reference, mean, std, low, high, n, undefined,
        saturated; empty where MiniLM is not installed
    """

    plan: dict[str, Any]
    accuracy: pd.DataFrame
    table: pd.DataFrame
    sweep: pd.DataFrame
    groups: pd.DataFrame
    training: pd.DataFrame
    minilm: pd.DataFrame

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file that `load_report` reads."""
        found: dict[str, Any] = {"plan": self.plan}
        for name in _FRAMES:
            frame = getattr(self, name)
            found[name] = json.loads(frame.to_json(orient="split", index=False, double_precision=4))
        Path(path).write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")

    def beside(self, reference: str = "blank_out", tokens: str = "text") -> pd.DataFrame:
        """Lay our means beside the paper's: rows are methods, columns levels.

        Parameters
        ----------
        reference : {"blank_out", "gradients"}
        tokens : {"text", "all"}
            Whether CLS is ranked, too.

        Returns
        -------
        DataFrame
            A row "paper", one a seed, their mean, the mean standard deviation over sentences, and
            for flow the share of pairs on the trivial bound.
        """
        import pandas as pd

        table = self.table
        mine = table[(table["reference"] == reference) & (table["tokens"] == tokens)]
        rows: dict[tuple[str, str], Any] = {}
        for method in ("attention", "rollout", "flow"):
            some = mine[mine["method"] == method]
            means = some.pivot_table(index="seed", columns="stop", values="mean")
            stops = list(means.columns)
            known: dict[Any, float] = dict(enumerate(PAPER.get((reference, method), ()), start=1))
            rows[method, "paper"] = [known.get(stop, np.nan) for stop in stops]
            for seed, line in means.iterrows():
                rows[method, f"seed {seed}"] = list(line)
            rows[method, "mean of seeds"] = list(means.mean())
            rows[method, "std over sentences"] = list(some.groupby("stop")["std"].mean())
            if method == "flow":
                rows[method, "on the trivial bound"] = list(
                    some.groupby("stop")["saturated"].mean()
                )
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=stops)
        frame.index = pd.MultiIndex.from_tuples(frame.index, names=["method", reference])
        frame.columns.name = "level"
        return frame

    def text(self) -> str:
        """Say all tables in plain text."""
        parts = ["Accuracy on held-out sentences:", self.accuracy.to_string(index=False)]
        for tokens, what in (("text", "text tokens"), ("all", "all tokens, CLS among them")):
            for reference in ("blank_out", "gradients"):
                shown = self.beside(reference, tokens).to_string(float_format="{:.2f}".format)
                parts += ["", f"Spearman with {reference}, {what}, by level:", shown]
        if len(self.minilm):
            parts += ["", "MiniLM, Spearman by level, residual 0.5:", self._minilm_text()]
        return "\n".join(parts)

    def _minilm_text(self) -> str:
        frame = self.minilm
        usual = frame[(frame["residual"] == 0.5) & (frame["tokens"] == "text")]
        means = usual.pivot_table(index=["reference", "method"], columns="stop", values="mean")
        return str(means.to_string(float_format="{:.2f}".format, na_rep=""))


_FRAMES = ("accuracy", "table", "sweep", "groups", "training", "minilm")


def load_report(path: str | os.PathLike[str] | None = None) -> Report:
    """Read a report that was saved; by default the full experiment that comes with the package."""
    import pandas as pd

    place = Path(path) if path is not None else Path(__file__).with_name("paper.json")
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        frames = {
            name: pd.DataFrame(found[name]["data"], columns=found[name]["columns"])
            for name in _FRAMES
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{place} is no report of this experiment ({type(error).__name__}: {error})."
        raise AttentionError(message) from None
    return Report(found["plan"], **frames)
