"""How far two rankings of the same tokens agree, over many examples and with what certainty.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 4, compares by
Spearman's rank correlation. Deletion and insertion curves are those of Petsiuk et al., "RISE",
BMVC 2018. Ranks, tests and the bootstrap are scipy's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import AttentionError, brief, is_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

TIE = 9
"""Decimals that count: relevances closer than this are ties, not an order made by rounding."""


class Interval(NamedTuple):
    """A mean over examples and what is known of it.

    Attributes
    ----------
    mean, std : float
        Over the examples where the measure is defined; `std` is theirs, not that of the mean.
    low, high : float
        Confidence interval of the mean, by bootstrap over examples.
    n : int
        Examples where the measure is defined.
    undefined : int
        Examples where it is not, for instance because all tokens tie. They are left out.
    """

    mean: float
    std: float
    low: float
    high: float
    n: int
    undefined: int


class Comparison(NamedTuple):
    """Two methods on the same examples, pair by pair.

    Attributes
    ----------
    difference, low, high : float
        Mean of first minus second, and its confidence interval by bootstrap over examples.
    better : float
        Share of examples where the first is larger; ties count half.
    p : float
        Wilcoxon's signed-rank test of "no difference"; 1 where no example differs.
    n : int
        Examples where both are defined.
    """

    difference: float
    low: float
    high: float
    better: float
    p: float
    n: int


def spearman(relevance: ArrayLike, reference: ArrayLike) -> Any:
    """Compute Spearman's rank correlation of relevances with a reference; ties share their rank.

    Parameters
    ----------
    relevance : array, shape (..., n)
        One ranking, or several.
    reference : array, shape (..., n), one ranking for all, or one for each

    Returns
    -------
    float, or array of shape (...)
        From -1 to 1. NaN where there is nothing to compare: fewer than two tokens, a value that is
        not finite, or one side that is the same for all tokens.

    Examples
    --------
    >>> spearman([1, 2, 3], [0.1, 0.2, 0.9])
    1.0
    >>> spearman([[1, 2, 3], [3, 1, 1]], [1, 2, 3])
    array([ 1.        , -0.8660254])
    """
    import_scipy()
    from scipy.stats import rankdata

    first, second = _aligned(relevance, reference)
    if first.shape[-1] == 0:
        return np.nan if first.ndim == 1 else np.full(first.shape[:-1], np.nan)
    ranks = [rankdata(one, axis=-1) for one in (first, second)]
    a, b = (one - one.mean(axis=-1, keepdims=True) for one in ranks)
    norm = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    known = np.isfinite(first).all(axis=-1) & np.isfinite(second).all(axis=-1) & (norm > 0)
    product = (a * b).sum(axis=-1)
    found = np.full(np.shape(norm), np.nan)
    np.divide(product, norm, out=found, where=known)
    np.clip(found, -1, 1, out=found)
    return float(found) if found.ndim == 0 else found


def overlap(relevance: ArrayLike, reference: ArrayLike, k: int = 3) -> Any:
    """Share of the `k` tokens that the reference ranks highest among the `k` of the relevance.

    A tie across the k-th place is not decided by chance: each of the tied tokens is in with the
    share of places that are left for them, and the result is the expected overlap.

    Parameters
    ----------
    relevance, reference : arrays, shape (..., n)
    k : int
        Of fewer than `k` tokens all are taken.

    Returns
    -------
    float, or array of shape (...)
        From 0 to 1; NaN where a value is not finite, or there is no token.

    Examples
    --------
    >>> overlap([5, 4, 0, 0], [5, 0, 4, 0], k=2)
    0.5
    """
    if not is_index(k) or k < 1:
        message = f"k must be a whole number from 1, the tokens to compare, not {brief(k)}."
        raise AttentionError(message)
    first, second = _aligned(relevance, reference)
    n = first.shape[-1]
    if n == 0:
        found = np.full(first.shape[:-1], np.nan)
    else:
        k = min(int(k), n)
        found = (_in_top(first, k) * _in_top(second, k)).sum(axis=-1) / k
        known = np.isfinite(first).all(axis=-1) & np.isfinite(second).all(axis=-1)
        found = np.where(known, found, np.nan)
    return float(found) if found.ndim == 0 else found


def curve_area(scores: ArrayLike) -> Any:
    """Area under a deletion or insertion curve, by the trapezoidal rule on [0, 1].

    Parameters
    ----------
    scores : array, shape (..., steps)
        The output with none, one, ... all of the tokens deleted (or inserted), evenly spaced.

    Returns
    -------
    float, or array of shape (...): the mean height of the curve; NaN with a single step

    Examples
    --------
    >>> curve_area([1.0, 0.5, 0.0])
    0.5
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.shape[-1] < 2:
        found = np.full(values.shape[:-1], np.nan)
    else:
        found = (values[..., 1:] + values[..., :-1]).sum(axis=-1) / (2 * (values.shape[-1] - 1))
    return float(found) if found.ndim == 0 else found


def mean_interval(
    values: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean over examples with a percentile bootstrap interval; undefined (NaN) ones are left out.

    Parameters
    ----------
    values : array, shape (examples,)
    confidence : float in (0, 1)
    resamples : int
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    Interval
    """
    given = np.asarray(values, dtype=np.float64).ravel()
    known = given[~np.isnan(given)]
    n = len(known)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, len(given))
    mean = float(known.mean())
    std = float(known.std(ddof=1)) if n > 1 else np.nan
    low, high = _bootstrap(known, confidence, resamples, seed)
    return Interval(mean, std, low, high, n, len(given) - n)


def paired(
    first: ArrayLike,
    second: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare two methods example by example, which leaves out how hard the examples are.

    Parameters
    ----------
    first, second : arrays, shape (examples,), of the same examples in the same order
    confidence, resamples, seed
        As in `mean_interval`.

    Returns
    -------
    Comparison
        Over the examples where both are defined.
    """
    a, b = (np.asarray(one, dtype=np.float64).ravel() for one in (first, second))
    if a.shape != b.shape:
        message = (
            f"A paired comparison was given {len(a)} and {len(b)} values: give both methods on the "
            "same examples."
        )
        raise AttentionError(message)
    difference = (a - b)[~np.isnan(a - b)]
    if len(difference) == 0:
        return Comparison(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    low, high = _bootstrap(difference, confidence, resamples, seed)
    better = float(np.mean(np.sign(difference) / 2 + 0.5))
    p = 1.0
    if difference.any():
        from scipy.stats import wilcoxon

        p = float(wilcoxon(difference, zero_method="zsplit", method="approx").pvalue)
    return Comparison(float(difference.mean()), low, high, better, p, len(difference))


def import_scipy() -> None:
    """Say in one sentence how to get scipy, where it is missing."""
    try:
        import scipy.stats  # noqa: F401 - only to see whether it is there
    except ImportError:
        message = "Evaluation needs scipy: install it with pip install 'attn-widget[evaluate]'."
        raise AttentionError(message) from None


def _aligned(relevance: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    first = np.asarray(relevance, dtype=np.float64)
    second = np.asarray(reference, dtype=np.float64)
    if first.ndim == 0 or second.ndim == 0 or first.shape[-1] != second.shape[-1]:
        message = (
            f"A relevance of shape {first.shape} was compared with a reference of shape "
            f"{second.shape}: both need one number a token."
        )
        raise AttentionError(message)
    return np.broadcast_arrays(first, second)  # type: ignore[return-value]


def _in_top(values: Floats, k: int) -> Floats:
    """Share in which each token is among the `k` largest: 1, 0, or between for a tie."""
    limit = -np.partition(-values, k - 1, axis=-1)[..., k - 1 : k]
    above, at = values > limit, values == limit
    places = k - above.sum(axis=-1, keepdims=True)
    shared = np.divide(places, at.sum(axis=-1, keepdims=True), where=at, out=np.zeros(at.shape))
    return np.where(above, 1.0, shared)


def _bootstrap(values: Floats, confidence: float, resamples: int, seed: int) -> tuple[float, float]:
    if not 0 < confidence < 1:
        message = f"confidence must be a share between 0 and 1 such as 0.95, not {confidence!r}."
        raise AttentionError(message)
    import_scipy()
    from scipy.stats import bootstrap

    if len(values) < 2:
        return np.nan, np.nan
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, int(4e6) // len(values)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def check_names(given: Any, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Check one name or several out of `known`; each once, in the order given."""
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            message = f"{what} must be among {', '.join(map(repr, known))}, not {brief(name)}."
            raise AttentionError(message)
    if not names or len(set(names)) < len(names):
        message = f"{what} must name at least one, and each once, not {brief(given)}."
        raise AttentionError(message)
    return tuple(names)
