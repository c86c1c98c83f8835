"""What an evaluation found: every example's agreement, its means, and comparisons of methods."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .agreement import check_names, mean_interval, paired
from .errors import AttentionError, brief, named_settings
from .measured import Failure, Measured, rows_of
from .relevance import RelevanceSettings, relevance_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from .mixing import Levels
    from .relevance import Method

    Floats = NDArray[np.float64]
    Key = tuple[str, Levels]

MEASURES = ("spearman", "overlap", "deletion", "insertion", "saturated")


class Evaluation:
    """Agreement of relevances with references, example by example. Made by `evaluate`.

    Attributes
    ----------
    measured : list of Measured
        What was measured, one an example that did not fail.
    failures : list of Failure
        The examples that could not be measured, and why.
    special : bool
        Whether special tokens are ranked along with the text.
    k : int
        Tokens that count for "overlap".
    """

    def __init__(
        self,
        measured: Sequence[Measured],
        *,
        examples: Sequence[int] | None = None,
        special: bool = False,
        k: int = 3,
        failures: Sequence[Failure] = (),
        methods: Mapping[str, Method] | None = None,
        settings: RelevanceSettings | None = None,
    ) -> None:
        self.measured = list(measured)
        self.failures = list(failures)
        self.special = special
        self.k = k
        self._examples = list(range(len(self.measured)) if examples is None else examples)
        self._methods = dict(methods or {})
        self._settings = settings or RelevanceSettings()
        self._values: dict[str, dict[tuple[Key, str], Floats]] = {}

    # --- numbers ----------------------------------------------------------------------------

    @property
    def keys(self) -> list[Key]:
        """Methods and their levels, in the order they were asked for."""
        return list(dict.fromkeys(key for one in self.measured for key in one.relevance))

    @property
    def references(self) -> list[str]:
        """Names of the references."""
        return list(dict.fromkeys(name for one in self.measured for name in one.references))

    def values(self, measure: str = "spearman") -> dict[tuple[Key, str], Floats]:
        """One measure of every example.

        Parameters
        ----------
        measure : {"spearman", "overlap", "deletion", "insertion", "saturated"}
            "saturated" is the share of ranked tokens whose flow is the trivial bound.

        Returns
        -------
        dict, ((method, (start, stop)), reference) to array (examples,)
            NaN where the measure is not defined. The last three do not depend on the reference.
        """
        check_names(measure, MEASURES, "measure")
        if not self._values:
            found: dict[str, dict[tuple[Key, str], list[float]]] = {one: {} for one in MEASURES}
            for row in self._rows():
                for one, lists in found.items():
                    lists.setdefault((row["_key"], row["reference"]), []).append(row[one])
            self._values = {
                one: {pair: np.array(values) for pair, values in lists.items()}
                for one, lists in found.items()
            }
        return self._values[measure]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of `to_frame`, as dicts of plain numbers and strings."""
        for row in self._rows():
            del row["_key"]
            yield row

    def _rows(self) -> Iterator[dict[str, Any]]:
        for index, one in zip(self._examples, self.measured, strict=True):
            for row in rows_of(one, special=self.special, k=self.k):
                yield {"example": index} | row

    def to_frame(self) -> pd.DataFrame:
        """One row an example, method, range of levels and reference.

        Returns
        -------
        DataFrame
            Columns example, text, n_tokens, target, score, method, start, stop, reference,
            spearman, overlap, deletion, insertion (areas; NaN without `curves`), and saturated,
            the share of ranked tokens whose flow is the trivial bound (NaN for other methods).
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows()))

    def summary(
        self, measure: str = "spearman", *, confidence: float = 0.95, seed: int = 0
    ) -> pd.DataFrame:
        """Mean over examples of every method, range of levels and reference.

        Parameters
        ----------
        measure
            As in `values`.
        confidence, seed
            Of the bootstrap over examples.

        Returns
        -------
        DataFrame
            Columns method, start, stop, reference, mean, std, low, high, n, undefined (see
            `agreement.Interval`) and saturated, the mean share of saturated pairs.
        """
        import pandas as pd

        saturated = self.values("saturated")
        rows = []
        for (key, reference), values in self.values(measure).items():
            method, (start, stop) = key
            interval = mean_interval(values, confidence=confidence, seed=seed)
            shares = saturated[key, reference]
            share = np.nan if np.isnan(shares).all() else float(np.nanmean(shares))
            rows.append(
                {"method": method, "start": start, "stop": stop, "reference": reference}
                | interval._asdict()
                | {"saturated": share}
            )
        return pd.DataFrame(rows)

    def compare(
        self,
        first: str,
        second: str,
        *,
        measure: str = "spearman",
        confidence: float = 0.95,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Compare two methods on the same examples, pair by pair.

        Parameters
        ----------
        first, second : names of methods
        measure, confidence, seed
            As in `summary`.

        Returns
        -------
        DataFrame
            One row a reference and a range of levels that both have (a function of yours, which
            has one range, against each of the other's): difference (first minus second), low,
            high, better (share of examples), p (Wilcoxon's signed-rank test), n.
        """
        import pandas as pd

        names = list(dict.fromkeys(method for method, _ in self.keys))
        check_names([first], names, "first")
        check_names([second], names, "second")
        values = self.values(measure)
        ranges = {name: [levels for m, levels in self.keys if m == name] for name in names}
        pairs = [(one, one) for one in ranges[first] if one in ranges[second]]
        if len(ranges[first]) == 1:
            pairs = [(ranges[first][0], one) for one in ranges[second]]
        elif len(ranges[second]) == 1:
            pairs = [(one, ranges[second][0]) for one in ranges[first]]
        rows = []
        for reference in self.references:
            for mine, theirs in pairs:
                found = paired(
                    values[(first, mine), reference],
                    values[(second, theirs), reference],
                    confidence=confidence,
                    seed=seed,
                )
                shown = mine if len(ranges[first]) > 1 else theirs
                rows.append(
                    {"reference": reference, "start": shown[0], "stop": shown[1]} | found._asdict()
                )
        return pd.DataFrame(rows)

    # --- other settings ---------------------------------------------------------------------

    @named_settings
    def again(
        self,
        *,
        levels: Any = None,
        heads: Any = None,
        residual: Any = None,
        row: Any = None,
        special: bool | None = None,
        k: int | None = None,
    ) -> Evaluation:
        """Evaluate the same examples with other settings, without running the model.

        Parameters
        ----------
        levels, heads, residual, row, special, k
            As in `evaluate`; what is left out stays as it was. All but `special` and `k` need the
            attentions: evaluate with keep_attention=True. Curves are not computed again.

        Returns
        -------
        Evaluation
        """
        given = {"levels": levels, "heads": heads, "residual": residual, "row": row}
        changes = {name: value for name, value in given.items() if value is not None}
        measured = self.measured
        settings = self._settings
        if changes:
            settings = settings._replace(**changes)
            measured = [self._anew(one, settings) for one in measured]
        return Evaluation(
            measured,
            examples=self._examples,
            special=self.special if special is None else special,
            k=self.k if k is None else k,
            failures=self.failures,
            methods=self._methods,
            settings=settings,
        )

    def _anew(self, one: Measured, settings: RelevanceSettings) -> Measured:
        if one.attention is None:
            message = (
                "The attentions are gone, so other settings cannot be tried: evaluate with "
                "keep_attention=True."
            )
            raise AttentionError(message)
        relevance = relevance_of(one.attention, self._methods, settings)
        return replace(one, relevance=relevance, curves={})

    def where(self, chosen: Any) -> Evaluation:
        """Keep some examples: a mask or positions in `measured`, or a function of a `Measured`."""
        if callable(chosen):
            chosen = [bool(chosen(one)) for one in self.measured]
        try:
            picks = np.asarray(chosen)
            places = np.arange(len(self.measured))[picks if picks.size else picks.astype(int)]
        except IndexError:
            message = (
                f"where() takes a mask or positions of the {len(self.measured)} examples, not "
                f"{brief(chosen)}."
            )
            raise AttentionError(message) from None
        return Evaluation(
            [self.measured[place] for place in places],
            examples=[self._examples[place] for place in places],
            special=self.special,
            k=self.k,
            failures=self.failures,
            methods=self._methods,
            settings=self._settings,
        )

    # --- on screen --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.measured)

    def __repr__(self) -> str:
        methods = ", ".join(dict.fromkeys(method for method, _ in self.keys))
        failed = f", {len(self.failures)} failed" if self.failures else ""
        count = f"{len(self)} example{'' if len(self) == 1 else 's'}"
        return f"Evaluation({count}{failed}: {methods} against {', '.join(self.references)})"

    def _repr_html_(self) -> str:
        parts = [f"<p>{html.escape(repr(self))}. Spearman: mean \u00b1 std over examples.</p>"]
        values, saturated = self.values(), self.values("saturated")
        ranges = sorted({levels for _, levels in self.keys}, key=lambda one: (one[0], one[1]))
        heads = "".join(f"<th>levels {start}\u2013{stop}</th>" for start, stop in ranges)
        for reference in self.references:
            lines = []
            for method in dict.fromkeys(method for method, _ in self.keys):
                lines.append(_line(method, [values.get(((method, r), reference)) for r in ranges]))
                shares = [saturated.get(((method, r), reference)) for r in ranges]
                if any(one is not None and not np.isnan(one).all() for one in shares):
                    lines.append(_line("pairs on the trivial bound", shares, percent=True))
            parts.append(
                f"<table><thead><tr><th>{html.escape(reference)}</th>{heads}</tr></thead>"
                f"<tbody>{''.join(lines)}</tbody></table>"
            )
        if self.failures:
            first = self.failures[0]
            parts.append(
                f"<p>{len(self.failures)} failed; example {first.example}: "
                f"{html.escape(first.error)}</p>"
            )
        return "".join(parts)


def _line(name: str, cells: Sequence[Floats | None], *, percent: bool = False) -> str:
    texts = []
    for values in cells:
        if values is None or np.isnan(values).all():
            texts.append("")
        elif percent:
            texts.append(f"{100 * np.nanmean(values):.0f}\u00a0%")
        else:
            texts.append(f"{np.nanmean(values):.2f} \u00b1 {np.nanstd(values):.2f}")
    return f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{text}</td>' for text in texts)}</tr>"
