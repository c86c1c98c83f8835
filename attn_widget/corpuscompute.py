"""What `map_corpus` computes of each item: relevance, flow, head statistics, or a function.

Every computation is a `Compute`: it knows its settings, the columns that it makes and what they
mean. Its rows are plain Python and numpy; `corpusstore` turns them into Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .analysis import Analysis
from .errors import AttentionError, brief, check_index, is_index
from .flow import BINDINGS, flow_values
from .headstatistics import head_statistics, on_bound
from .mixing import fuse, mix_residual
from .selection import Selection
from .settings import Settings, check_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from .attention import Attention
    from .corpusitems import Example

Row = dict[str, Any]
Columns = dict[str, tuple[str, str]]
"""Column -> its Parquet type and what it holds."""

# Parquet types by the names that the manifest uses.
NUMBER, WHOLE, TEXT = "double", "int32", "string"
NUMBERS, WHOLES, TEXTS = "list<double>", "list<int32>", "list<string>"

SHARED: Columns = {
    "item": ("int64", "Position of the item in the corpus, from 0."),
    "row": (WHOLE, "Row of this item, from 0: a function may return several."),
    "origin": (TEXT, "The text or the file that the item was; null for an attention."),
    "tokens": (TEXTS, "Its tokens; null where it could not be read."),
    "special": (WHOLES, "Positions of tokens without text of their own."),
    "n_tokens": (WHOLE, "How many tokens."),
    "error": (TEXT, "Why there is nothing in the other columns; null where all went well."),
}

_SETTINGS = ("levels", "heads", "top_head", "residual", "drop")
_MEAN = " Over tokens that are not special."


@dataclass(frozen=True)
class Compute:
    """One kind of computation with its settings.

    Attributes
    ----------
    name : "relevance", "flow", "heads", "evaluation", or a function's name
    settings : plain values, written to the manifest and compared when a run is resumed
    columns : of its rows beside those that all share; None where only the rows tell
    rows : callable (Example) -> list of rows
    of_text : whether it runs the model itself, on the text; else it is given an attention
    """

    name: str
    settings: dict[str, Any]
    columns: Columns | None
    rows: Callable[[Example], list[Row]] = field(compare=False)
    of_text: bool = False


def relevance(settings: dict[str, Any]) -> Compute:
    """Relevance of each token for one output, or for the mean over all."""
    given = {"method": "rollout", **settings}
    check_names(given, {"method", "source", *_SETTINGS}, "relevance")
    _check_source(given.get("source"))
    columns: Columns = {
        "relevance": (NUMBERS, "What the output draws from each token, as `widget.relevance`."),
        "entropy": (NUMBER, "Entropy of the relevance in bits, brought to sum 1 for this."),
        "special_share": (NUMBER, "Part of the relevance that rests on special tokens."),
        "top": (TEXT, "The word piece with the largest relevance." + _MEAN),
        "top_share": (NUMBER, "Its part of the whole relevance."),
    }
    if given["method"] == "flow":
        columns["bound_share"] = (NUMBER, "Share of the tokens whose flow is the trivial bound.")
    return Compute("relevance", given, columns, _Relevance(given))


@dataclass(frozen=True)
class _Relevance:
    given: dict[str, Any]

    def __call__(self, example: Example) -> list[Row]:
        attention = example.attention
        assert attention is not None
        checked = check_settings({k: v for k, v in self.given.items() if k != "source"}, attention)
        settings = Settings.of(checked)
        start, stop = settings.levels
        source = self.given.get("source")
        if source is not None:
            at = source + attention.n_tokens if source < 0 else source
            source = (check_index(at, attention.n_tokens, "source"),)
        watch = {"threads": 1} if settings.method == "flow" else {}
        analysis = Analysis(attention)
        found = analysis.relevance(settings, Selection(start, stop, source, None), **watch)
        row = _relevance_row(found.values, attention)
        if settings.method == "flow":
            # The mean over all outputs has no binding of its own: that of all pairs, then.
            binding = analysis.flow(settings).binding if source is None else found.binding
            assert binding is not None
            row["bound_share"] = on_bound(binding)
        return [row]


def _relevance_row(values: Any, attention: Attention) -> Row:
    total = float(values.sum())
    shares = values / total if total > 0 else values
    positive = shares[shares > 0]
    special = list(attention.special)
    words = np.ones(len(values), dtype=bool)
    words[special] = False
    row: Row = {
        "relevance": values,
        "entropy": float(-(positive * np.log2(positive)).sum()) + 0.0,
        "special_share": float(shares[special].sum()),
        "top": None,
        "top_share": None,
    }
    if words.any():
        top = int(np.where(words, shares, -1).argmax())
        row |= {"top": attention.tokens[top], "top_share": float(shares[top])}
    return row


def flow(settings: dict[str, Any]) -> Compute:
    """Flow of all pairs, each value exact and certified."""
    check_names(settings, set(_SETTINGS), "flow")
    columns: Columns = {
        "flow": (NUMBERS, "Flow of all pairs: n_tokens rows (queries) of n_tokens keys, joined."),
        "mean_flow": (NUMBER, "Mean over all pairs."),
        "bound_share": (NUMBER, "Share of joined pairs whose flow is the trivial bound."),
        "query": (WHOLE, "Row of `peak`; null where no pair of words has an interior limit."),
        "key": (WHOLE, "Column of `peak`."),
        "peak": (NUMBER, "Largest flow between two words with its limit in the interior."),
    }
    return Compute("flow", dict(settings), columns, _Flow(dict(settings)))


@dataclass(frozen=True)
class _Flow:
    given: dict[str, Any]

    def __call__(self, example: Example) -> list[Row]:
        attention = example.attention
        assert attention is not None
        checked = check_settings({**self.given, "method": "flow"}, attention)
        settings = Settings.of(checked)
        fused = fuse(
            attention,
            levels=settings.levels,
            heads=settings.heads,
            top_head=settings.top_head,
            drop=settings.drop,
        )
        # One thread an item: the items are what runs beside each other.
        found = flow_values(mix_residual(fused.maps, settings.residual), threads=1)
        row: Row = {
            "flow": found.values.ravel(),
            "mean_flow": float(found.values.mean()),
            "bound_share": on_bound(found.binding),
            "query": None,
            "key": None,
            "peak": None,
        }
        speaks = found.binding == BINDINGS.index("interior")
        speaks[list(attention.special)] = speaks[:, list(attention.special)] = False
        np.fill_diagonal(speaks, val=False)
        if speaks.any():
            best = int(np.where(speaks, found.values, -1).argmax())
            query, key = divmod(best, attention.n_tokens)
            row |= {"query": query, "key": key, "peak": float(found.values[query, key])}
        return [row]


def heads(settings: dict[str, Any]) -> Compute:
    """Head statistics: entropy, distance, special tokens, and the trivial bound."""
    given = {"residual": 0.5, "outputs": 4, **settings}
    check_names(given, {"residual", "outputs"}, "heads")
    if not is_index(given["outputs"]) or given["outputs"] < 0:
        message = (
            f"outputs is {brief(given['outputs'])}: give the number of outputs whose flow is "
            "looked at for the trivial bound, 0 for none."
        )
        raise AttentionError(message)
    each = "Each head, layer by layer: layers x heads numbers. "
    columns: Columns = {
        "layers": (WHOLE, "Number of layers."),
        "heads": (WHOLE, "Number of heads in each layer."),
        "entropy": (NUMBERS, each + "Mean entropy of its rows in bits."),
        "distance": (NUMBERS, each + "Mean |query - key| in tokens, weighted by attention."),
        "special_share": (NUMBERS, each + "Mean share of a row's mass on special tokens."),
        "bound_share": (NUMBERS, each + "Share of flows on the trivial bound, this head on top."),
        "mean_entropy": (NUMBER, "Mean over all heads."),
        "mean_distance": (NUMBER, "Mean over all heads."),
        "mean_special_share": (NUMBER, "Mean over all heads."),
        "mean_bound_share": (NUMBER, "Mean over all heads; null where it was not looked at."),
    }
    return Compute("heads", given, columns, _Heads(given["residual"], int(given["outputs"])))


@dataclass(frozen=True)
class _Heads:
    residual: float
    outputs: int

    def __call__(self, example: Example) -> list[Row]:
        attention = example.attention
        assert attention is not None
        found = head_statistics(attention, residual=self.residual, outputs=self.outputs)
        row: Row = {"layers": attention.n_layers, "heads": attention.n_heads}
        for name, values in found._asdict().items():
            row[name] = None if values is None else values.ravel()
            row[f"mean_{name}"] = None if values is None else float(values.mean())
        return [row]


def evaluation(settings: dict[str, Any], model: Any, tokenizer: Any) -> Compute:
    """Agreement with the model's own behaviour: a row a method, range of levels and reference."""
    from .evaluator import Evaluator

    columns: Columns = {
        "target": ("int64", "The class or token whose output is explained, where it is one."),
        "score": (NUMBER, "That output."),
        "method": (TEXT, "The relevance that is checked."),
        "start": (WHOLE, "Level of its inputs."),
        "stop": (WHOLE, "Level of its outputs."),
        "reference": (TEXT, "What it is checked against."),
        "spearman": (NUMBER, "Rank correlation with the reference."),
        "overlap": (NUMBER, "Share of the k most relevant tokens that both name."),
        "deletion": (NUMBER, "Area under the deletion curve; NaN without curves."),
        "insertion": (NUMBER, "Area under the insertion curve; NaN without curves."),
        "saturated": (NUMBER, "Share of ranked tokens whose flow is the trivial bound."),
    }
    if model is None:
        message = "evaluation asks a torch model: give model= and tokenizer=, and texts as items."
        raise AttentionError(message)
    evaluator = Evaluator(model, tokenizer=tokenizer, **settings)
    rows = _Evaluated(evaluator, tokenizer, tuple(columns))
    return Compute("evaluation", dict(settings), columns, rows, of_text=True)


@dataclass(frozen=True)
class _Evaluated:
    evaluator: Any
    tokenizer: Any
    columns: tuple[str, ...]

    def __call__(self, example: Example) -> list[Row]:
        if example.text is None:
            message = "evaluation reads texts, and this item is none: give texts with the model."
            raise AttentionError(message)
        found = self.evaluator(example.text)
        shared: Row = {"n_tokens": found[0]["n_tokens"] if found else None}
        if hasattr(self.tokenizer, "convert_ids_to_tokens"):
            # As the evaluator reads it: a text that is too long for the model is cut.
            read = self.tokenizer(example.text, truncation=True, return_special_tokens_mask=True)
            shared["tokens"] = self.tokenizer.convert_ids_to_tokens(read["input_ids"])
            marked = read["special_tokens_mask"]
            shared["special"] = [at for at, is_special in enumerate(marked) if is_special]
        return [shared | {name: row[name] for name in self.columns} for row in found]


def user_function(function: Callable[..., Any], settings: dict[str, Any]) -> Compute:
    """Whatever a user's function returns: a dict, or a list of dicts."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return Compute(name, dict(settings), None, _User(function, dict(settings), name))


@dataclass(frozen=True)
class _User:
    function: Callable[..., Any]
    given: dict[str, Any]
    name: str

    def __call__(self, example: Example) -> list[Row]:
        found = self.function(example.attention, **self.given)
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) for row in rows):
            message = f"{self.name} returned {brief(found)}: a dict or a list of dicts is wanted."
            raise AttentionError(message)
        for row in rows:
            taken = sorted(str(key) for key in row if key in SHARED or not isinstance(key, str))
            if taken:
                message = (
                    f"{self.name} returned a column named {taken[0]!r}: choose another name, as "
                    f"text; {', '.join(SHARED)} are taken."
                )
                raise AttentionError(message)
        return list(rows)


def check_names(settings: dict[str, Any], known: set[str], what: str) -> None:
    """Refuse settings that a computation does not have."""
    for name in settings:
        if name not in known:
            message = f"{what} has no setting named {name!r}: choose from {sorted(known)}."
            raise AttentionError(message)


def _check_source(source: object) -> None:
    if source is not None and not is_index(source):
        message = (
            f"source is {brief(source)}: give one token position, such as 0, or -1 for the last; "
            "None is the mean over all outputs."
        )
        raise AttentionError(message)


KINDS: dict[str, Callable[[dict[str, Any]], Compute]] = {
    "relevance": relevance,
    "flow": flow,
    "heads": heads,
}


def read_compute(compute: Any, settings: dict[str, Any], model: Any, tokenizer: Any) -> Compute:
    """Read what `map_corpus` was asked to compute."""
    if isinstance(compute, str):
        if compute == "evaluation":
            return evaluation(settings, model, tokenizer)
        if compute in KINDS:
            return KINDS[compute](settings)
    elif callable(compute):
        return user_function(compute, settings)
    known = ", ".join(map(repr, [*KINDS, "evaluation"]))
    message = (
        f"compute is {brief(compute)}: choose one of {known}, or give a function of an Attention "
        "that returns a dict."
    )
    raise AttentionError(message)
