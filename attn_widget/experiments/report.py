"""What the experiment on the paper's tables found, and the paper's own numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from attn_widget.errors import AttentionError
from attn_widget.writing import write_whole

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
    training : seed, step, method, stop, reference, mean, n, saturated
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
        """Write a JSON file that `load_report` reads, whole or not at all."""
        found: dict[str, Any] = {"plan": self.plan}
        for name in _FRAMES:
            frame = getattr(self, name)
            found[name] = json.loads(frame.to_json(orient="split", index=False, double_precision=4))
        content = (json.dumps(found, separators=(",", ":")) + "\n").encode()
        write_whole(Path(path), lambda file: file.write(content), overwrite=True)

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

    def of_minilm(self, reference: str = "blank_out", tokens: str = "text") -> pd.DataFrame:
        """Lay the numbers of the real model out as `beside` does: its residual is 0.5.

        Parameters
        ----------
        reference, tokens
            As in `beside`.

        Returns
        -------
        DataFrame
            Of each method the mean and the standard deviation over sentences, and for flow the
            share of pairs on the trivial bound.
        """
        import pandas as pd

        frame = self.minilm
        some = frame[
            (frame["residual"] == 0.5)
            & (frame["reference"] == reference)
            & (frame["tokens"] == tokens)
        ]
        rows: dict[tuple[str, str], Any] = {}
        for method in ("attention", "rollout", "flow"):
            lines = some[some["method"] == method].sort_values("stop").set_index("stop")
            for name, column in _OF_MINILM.items():
                if column != "saturated" or method == "flow":
                    rows[method, name] = lines[column]
        found = pd.DataFrame(rows).T
        found.index.names = ["method", reference]
        found.columns.name = "level"
        return found

    def text(self) -> str:
        """Say all tables in plain text."""
        parts = ["Accuracy on held-out sentences:", self.accuracy.to_string(index=False)]
        for tokens, what in (("text", "text tokens"), ("all", "all tokens, CLS among them")):
            for reference in _REFERENCES:
                shown = _numbers(self.beside(reference, tokens))
                parts += ["", f"Spearman with {reference}, {what}, by level:", shown]
        for reference in _REFERENCES:
            shown = _numbers(best_residuals(self.sweep, reference))
            parts += ["", f"Residual that agrees best with {reference}, text tokens:", shown]
        if len(self.minilm):
            real = self.minilm[self.minilm["tokens"] == "text"]
            for reference in _REFERENCES:
                shown = _numbers(self.of_minilm(reference))
                parts += ["", f"MiniLM, Spearman with {reference}, residual 0.5, by level:", shown]
                shown = _numbers(best_residuals(real, reference))
                parts += ["", f"MiniLM, residual that agrees best with {reference}:", shown]
        return "\n".join(parts)


_REFERENCES = ("blank_out", "gradients")
_OF_MINILM = {
    "mean": "mean",
    "std over sentences": "std",
    "on the trivial bound": "saturated",
}


def _numbers(frame: pd.DataFrame) -> str:
    return str(frame.to_string(float_format="{:.2f}".format, na_rep=""))


def best_residuals(frame: pd.DataFrame, reference: str = "blank_out") -> pd.DataFrame:
    """Find the residual that agrees best, by method and level.

    Parameters
    ----------
    frame : `Report.sweep`, or `Report.minilm` for one choice of tokens

    Returns
    -------
    DataFrame
        Columns method, level, residual, mean (Spearman there), and usual (Spearman at 0.5).
    """
    import pandas as pd

    some = frame[(frame["reference"] == reference) & frame["method"].isin(["rollout", "flow"])]
    means = some.groupby(["method", "stop", "residual"], sort=False)["mean"].mean().reset_index()
    rows = []
    for key, lines in means.groupby(["method", "stop"], sort=False):
        method, stop = cast("tuple[str, int]", key)
        known = lines.dropna(subset=["mean"])  # at residual 1 all other tokens tie at 0
        if known.empty:
            continue
        best = known.iloc[int(known["mean"].to_numpy().argmax())]
        usual = lines[np.isclose(lines["residual"], 0.5)]["mean"]
        rows.append(
            {
                "method": method,
                "level": int(stop),
                "residual": float(best["residual"]),
                "mean": float(best["mean"]),
                "usual": float(usual.iloc[0]) if len(usual) else np.nan,
            }
        )
    return pd.DataFrame(rows)


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
