"""`Evaluator`: runs a model on examples and measures each; `evaluate` tells of the settings."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .adapters.capture import capture
from .agreement import check_names, import_scipy
from .errors import AttentionError, brief, is_index, named_settings
from .evaluation import Evaluation
from .examples import Example, import_torch
from .measured import Failure, Measured
from .references import REFERENCES, curves, import_captum, importances
from .relevance import METHODS, RelevanceSettings, check_methods, relevance_of
from .scoring import Scorer, evaluating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .attention import Attention
    from .relevance import TokenRelevance


# Hooks sit on the model while it is measured: one thread at a time, whichever evaluator.
_measuring = threading.RLock()


class Evaluator:
    """Measures one example at a time, or many; see `evaluate` for the settings.

    Called with one example (a text, ids, or a model's inputs) it returns the rows of
    `Evaluation.to_frame` for that example, as a list of dicts of plain numbers and strings: what
    `aw.map_corpus` needs. Threads may share one; they take turns. It can be pickled if its model
    and its functions can.

    Examples
    --------
    ::

        evaluator = aw.Evaluator(model, tokenizer=tokenizer, levels="each")
        rows = evaluator("The keys to the cabinet are here.")
        rows[0]["method"], rows[0]["stop"], rows[0]["reference"], rows[0]["spearman"]
    """

    @named_settings
    def __init__(
        self,
        model: Any,
        *,
        tokenizer: Any = None,
        methods: Any = METHODS,
        references: Sequence[str] | str = ("blank_out", "gradients"),
        levels: Any = None,
        heads: Any = "mean",
        residual: Any = 0.5,
        row: Any = None,
        output: str | Callable[..., Any] = "probability",
        blank: Any = None,
        embedding: Any = None,
        special: bool = False,
        k: int = 3,
        curves: bool = False,
        keep_attention: bool = False,
        batch_size: int = 64,
    ) -> None:
        import_scipy()
        self.scorer = Scorer(
            model,
            tokenizer=tokenizer,
            output=output,
            blank=blank,
            embedding=embedding,
            batch_size=batch_size,
        )
        self.methods = check_methods(methods)
        self.references = check_names(references, REFERENCES, "references")
        if "integrated_gradients" in self.references:
            import_captum()  # now, and not at the first example
        if not is_index(k) or k < 1:
            message = f"k must be a whole number from 1, the tokens to compare, not {brief(k)}."
            raise AttentionError(message)
        self.settings = RelevanceSettings(_frozen(levels), heads, residual, row)
        self.special = bool(special)
        self.k = int(k)
        self.curves = bool(curves)
        self.keep_attention = bool(keep_attention)

    def __call__(self, given: Any, target: Any = None) -> list[dict[str, Any]]:
        """Measure one example; raises what the model raises."""
        with _measuring, evaluating(self.scorer.model):
            (measured,) = self._measure([self.scorer.reader.read(given, self._target(target))])
        result = Evaluation([measured], special=self.special, k=self.k)
        return list(result.rows())

    def run(
        self, inputs: Iterable[Any], *, targets: Iterable[Any] | None = None, progress: bool = True
    ) -> Evaluation:
        """Measure many examples; see `evaluate`."""
        if isinstance(inputs, (str, bytes)):
            message = f"inputs must be a list of examples, not one text: give [{brief(inputs)}]."
            raise AttentionError(message)
        given = list(inputs)
        if not given:
            message = "There is nothing to evaluate: inputs is empty."
            raise AttentionError(message)
        wanted = [None] * len(given) if targets is None else list(targets)
        if len(wanted) != len(given):
            message = f"There are {len(given)} inputs and {len(wanted)} targets: give one each."
            raise AttentionError(message)
        failures: list[Failure] = []
        read: list[tuple[int, Example]] = []
        with _measuring, evaluating(self.scorer.model):
            for index, (one, target) in enumerate(zip(given, wanted, strict=True)):
                try:
                    read.append((index, self.scorer.reader.read(one, self._target(target))))
                except Exception as error:  # noqa: BLE001 - a tokenizer raises what it likes, too
                    failures.append(Failure(index, brief(one), _sentence(error)))
            measured = dict(self._measure_all(read, failures, progress=progress))
        if not measured:
            first = failures[0]
            message = f"No example could be evaluated; the first ({first.text}): {first.error}"
            raise AttentionError(message)
        return Evaluation(
            [measured[index] for index in sorted(measured)],
            examples=sorted(measured),
            special=self.special,
            k=self.k,
            failures=sorted(failures),
            methods=self.methods,
            settings=self.settings,
        )

    def _measure_all(
        self, read: list[tuple[int, Example]], failures: list[Failure], *, progress: bool
    ) -> Iterator[tuple[int, Measured]]:
        # Examples of one length share passes without padding.
        read = sorted(read, key=lambda one: (one[1].n_tokens, one[0]))
        bar = _bar(len(read), progress=progress)
        try:
            for _, group in itertools.groupby(read, key=_shape):
                examples = list(group)
                for begin in range(0, len(examples), self.scorer.batch_size):
                    some = examples[begin : begin + self.scorer.batch_size]
                    yield from self._measure_some(some, failures)
                    bar.update(len(some))
        finally:
            bar.close()

    def _measure_some(
        self, some: list[tuple[int, Example]], failures: list[Failure]
    ) -> Iterator[tuple[int, Measured]]:
        try:
            measured = self._measure([example for _, example in some])
        except Exception as error:  # noqa: BLE001 - a user's model raises what it likes
            if len(some) == 1:
                index, example = some[0]
                failures.append(Failure(index, brief(example.text), _sentence(error)))
                return
            for single in some:  # which of them was it?
                yield from self._measure_some([single], failures)
            return
        for (index, _), one in zip(some, measured, strict=True):
            yield index, one

    def _measure(self, examples: list[Example]) -> list[Measured]:
        """Measure examples of one length."""
        torch = import_torch()
        scorer = self.scorer
        with torch.no_grad(), capture(scorer.model) as captured:
            outputs = scorer.outputs(examples)
        examples = scorer.predicted(examples, outputs)
        with torch.no_grad():
            scores = scorer.scores(examples, outputs).tolist()
        references = importances(scorer, examples, self.references)
        found: list[Measured] = []
        for index, example in enumerate(examples):
            attention = self._attention(captured, example, index, len(examples))
            relevance = relevance_of(attention, self.methods, self.settings)
            found.append(
                Measured(
                    text=example.text,
                    tokens=attention.tokens,
                    special=attention.special,
                    target=example.target if is_index(example.target) else None,
                    score=float(scores[index]),
                    relevance=relevance,
                    references={name: values[index] for name, values in references.items()},
                    attention=attention if self.keep_attention else None,
                )
            )
        if self.curves:
            self._add_curves(examples, found)
        return found

    def _attention(self, captured: Any, example: Example, index: int, count: int) -> Attention:
        batch = index if count > 1 else None
        attention: Attention
        if example.tokens.is_floating_point():
            attention = captured.attention(batch=batch)
        else:
            ids = example.tokens.cpu()[None].repeat(count, 1)
            tokenizer = self.scorer.reader.tokenizer
            named = tokenizer if _names_tokens(tokenizer) else None
            # Nothing is padded, so nothing may be cropped, be it spelt like padding or not.
            attention = captured.attention(
                batch=batch, tokenizer=named, input_ids=ids, attention_mask=ids * 0 + 1
            )
        if attention.n_tokens != example.n_tokens:
            message = (
                f"The example has {example.n_tokens} tokens and the attention {attention.n_tokens}:"
                " evaluation needs one state a token, so give an encoder or a decoder by itself."
            )
            raise AttentionError(message)
        return attention

    def _add_curves(self, examples: list[Example], found: list[Measured]) -> None:
        for key in found[0].relevance:
            orders = [_falling(one.relevance[key], one.kept(special=self.special)) for one in found]
            for count in {len(order) for order in orders}:
                rows = [row for row, order in enumerate(orders) if len(order) == count]
                results = curves(
                    self.scorer, [examples[row] for row in rows], [orders[row] for row in rows]
                )
                for row, result in zip(rows, results, strict=True):
                    found[row].curves[key] = result

    def _target(self, target: Any) -> Any:
        if self.scorer.output == "similarity" and isinstance(target, (str, tuple, dict)):
            return self.scorer.embed(target)
        return target


def _shape(one: tuple[int, Example]) -> tuple[Any, ...]:
    example = one[1]
    return (example.n_tokens, example.key, tuple(sorted(example.inputs)))


def _falling(relevance: TokenRelevance, kept: Sequence[int]) -> list[int]:
    """Positions by falling relevance; ties from left to right."""
    values = np.asarray(relevance.values)[list(kept)]
    return [int(kept[place]) for place in np.argsort(-values, kind="stable")]


def _names_tokens(tokenizer: Any) -> bool:
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    return hasattr(inner, "convert_ids_to_tokens") or hasattr(inner, "id_to_token")


def _sentence(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, AttentionError) else f"{type(error).__name__}: {said}"


def _frozen(levels: Any) -> Any:
    if levels is None or isinstance(levels, str):
        return levels
    return tuple(levels)


class _NoBar:
    """Stands in for tqdm."""

    def update(self, _count: int) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


def _bar(total: int, *, progress: bool) -> Any:
    if not progress:
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _NoBar()
    return tqdm(total=total, desc="evaluate", unit="example", delay=1)
