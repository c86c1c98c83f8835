"""Reference importances: what a model itself says about its tokens, without its attention.

- "blank_out": replace each token in turn, and take the absolute change of the output (Abnar &
  Zuidema 2020, section 4; Zeiler & Fergus 2014 before them).
- "gradients": length of the output's gradient with respect to the token's embedding (Simonyan et
  al. 2014; the paper's "input gradients").
- "gradient_x_input": absolute value of the gradient times the embedding (Shrikumar et al. 2017).
- "integrated_gradients": absolute value of captum's integrated gradients (Sundararajan et al. 2017)
  from a text of blanks.

All are magnitudes, as a relevance is: a token that speaks against the output matters, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import AttentionError
from .examples import import_torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .examples import Example
    from .scoring import Scorer

    Floats = NDArray[np.float64]

REFERENCES = ("blank_out", "gradients", "gradient_x_input", "integrated_gradients")

_STEPS = 32  # of the path from blanks to the text


def importances(
    scorer: Scorer, examples: Sequence[Example], names: Sequence[str]
) -> dict[str, Floats]:
    """Compute references of examples of one length, whose targets are known.

    Parameters
    ----------
    scorer : Scorer
        Of a model in evaluation mode.
    examples : sequence of Example
    names : names in `REFERENCES`

    Returns
    -------
    dict of arrays, each of shape (examples, n), float64, not negative
    """
    found: dict[str, Floats] = {}
    if "blank_out" in names:
        found["blank_out"] = blank_out(scorer, examples)
    if "gradients" in names or "gradient_x_input" in names:
        gradients, vectors = _gradients(scorer, examples)
        found["gradients"] = _numpy(gradients.norm(dim=-1))
        found["gradient_x_input"] = _numpy((gradients * vectors).sum(dim=-1).abs())
    if "integrated_gradients" in names:
        found["integrated_gradients"] = integrated_gradients(scorer, examples)
    return {name: found[name] for name in names}


def blank_out(scorer: Scorer, examples: Sequence[Example]) -> Floats:
    """Replace each token in turn; the absolute change of the output, shape (examples, n)."""
    n = examples[0].n_tokens
    one_by_one = np.eye(n, dtype=bool)
    clean = blanked_scores(scorer, examples, np.zeros((len(examples), 1, n), dtype=bool))
    without = blanked_scores(scorer, examples, np.repeat(one_by_one[None], len(examples), axis=0))
    return np.abs(without - clean)


def blanked_scores(
    scorer: Scorer, examples: Sequence[Example], blanked: NDArray[np.bool_]
) -> Floats:
    """Score examples with some of their tokens replaced by the blank.

    Parameters
    ----------
    scorer : Scorer
    examples : sequence of Example, of one length n
    blanked : array, shape (examples, variants, n)
        True where a token is replaced.

    Returns
    -------
    array, shape (examples, variants)
    """
    torch = import_torch()
    variants = blanked.shape[1]
    order = [(row, one) for row in range(len(examples)) for one in range(variants)]
    scores = np.empty((len(examples), variants))
    for begin in range(0, len(order), scorer.batch_size):
        some = order[begin : begin + scorer.batch_size]
        batch = []
        for row, one in some:
            batch.append(_without(scorer, examples[row], blanked[row, one]))
        with torch.no_grad():
            found = _numpy(scorer.scores(batch, scorer.outputs(batch)))
        for (row, one), score in zip(some, found, strict=True):
            scores[row, one] = score
    return scores


def integrated_gradients(scorer: Scorer, examples: Sequence[Example]) -> Floats:
    """Magnitude of captum's integrated gradients from blanks to the text, (examples, n)."""
    method = import_captum()
    torch = import_torch()
    vectors = scorer.embedded(examples)
    everything = np.ones(examples[0].n_tokens, dtype=bool)
    baselines = scorer.embedded([_without(scorer, one, everything) for one in examples])

    def forward(path: Any, rows: Any) -> Any:
        return scorer.scores_at([examples[int(row)] for row in rows], path)

    found = method(forward, multiply_by_inputs=True).attribute(
        vectors,
        baselines,
        additional_forward_args=(torch.arange(len(examples)),),
        n_steps=_STEPS,
        internal_batch_size=max(scorer.batch_size, len(examples)),
    )
    return _numpy(found.sum(dim=-1).abs())


def import_captum() -> Any:
    """Import captum's integrated gradients, or say how to get it."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        message = "Integrated gradients are computed by captum: pip install captum."
        raise AttentionError(message) from None
    return IntegratedGradients


def curves(
    scorer: Scorer, examples: Sequence[Example], order: Sequence[Sequence[int]]
) -> Iterator[tuple[Floats, Floats]]:
    """Deletion and insertion curves (Petsiuk et al. 2018): the output, token by token.

    Parameters
    ----------
    scorer : Scorer
    examples : sequence of Example, of one length
    order : one sequence of positions an example, the most relevant first, each of one length m

    Yields
    ------
    (deletion, insertion), each of shape (m + 1,): the output with 0 ... m of these tokens replaced
    by the blank, and with 0 ... m of them put back while the rest of them is blank
    """
    n = examples[0].n_tokens
    m = len(order[0])
    blanked = np.zeros((len(examples), 2 * (m + 1), n), dtype=bool)
    for row, positions in enumerate(order):
        for count in range(m + 1):
            blanked[row, count, list(positions[:count])] = True
            blanked[row, m + 1 + count, list(positions[count:])] = True
    for found in blanked_scores(scorer, examples, blanked):
        yield found[: m + 1], found[m + 1 :]


def _gradients(scorer: Scorer, examples: Sequence[Example]) -> tuple[Any, Any]:
    torch = import_torch()
    vectors = scorer.embedded(examples).requires_grad_()
    with torch.enable_grad():
        scores = scorer.scores_at(examples, vectors)
        # Examples don't see each other, so the gradient of the sum holds that of each.
        (gradients,) = torch.autograd.grad(scores.sum(), vectors)
    return gradients.double(), vectors.detach().double()


def _without(scorer: Scorer, example: Example, blanked: NDArray[np.bool_]) -> Example:
    torch = import_torch()
    if not blanked.any():
        return example
    tokens = example.inputs[example.key].clone()
    blank = scorer.reader.blank_like(example)
    tokens[0, torch.from_numpy(blanked).to(tokens.device)] = blank
    return type(example)(
        example.text, {**example.inputs, example.key: tokens}, example.key, example.target
    )


def _numpy(values: Any) -> Floats:
    found: Floats = values.detach().cpu().double().numpy()
    return found
