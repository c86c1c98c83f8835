"""Agreement of rankings against scipy, brute force, closed forms and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import attn_widget as aw
from attn_widget.agreement import curve_area, mean_interval, overlap, paired, spearman

few = st.integers(min_value=0, max_value=4)  # many ties
rankings = st.integers(min_value=2, max_value=9).flatmap(
    lambda n: st.tuples(
        st.lists(few, min_size=n, max_size=n), st.lists(few, min_size=n, max_size=n)
    )
)


@given(rankings)
@settings(max_examples=60, deadline=None)
def test_spearman_is_scipys_with_ties(pair):
    first, second = map(np.array, pair)
    found = spearman(first, second)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(scipy.stats.spearmanr(first, second).statistic)


def test_spearman_of_many_rankings_is_that_of_each():
    random = np.random.default_rng(0)
    many, one = random.integers(0, 5, (3, 4, 7)), random.random(7)
    found = spearman(many, one)
    assert found.shape == (3, 4)
    for index in np.ndindex(3, 4):
        assert found[index] == spearman(many[index], one)


@pytest.mark.parametrize(
    ("first", "second"),
    [([1], [2]), ([], []), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5]), ([1, np.nan], [1, 2])],
)
def test_nothing_to_compare_is_nan(first, second):
    assert np.isnan(spearman(first, second))


def test_a_number_for_each_token_is_wanted():
    with pytest.raises(aw.AttentionError, match=r"\(3,\).*\(2,\).*one number a token"):
        spearman([1, 2, 3], [1, 2])


@given(rankings, st.integers(min_value=1, max_value=9))
@settings(max_examples=60, deadline=None)
def test_overlap_is_the_expectation_over_every_way_to_break_ties(pair, k):
    first, second = pair
    n = len(first)
    size = min(k, n)

    def tops(values):
        falling = sorted(values, reverse=True)[:size]
        return [
            set(chosen)
            for chosen in itertools.combinations(range(n), size)
            if sorted((values[i] for i in chosen), reverse=True) == falling
        ]

    shares = [len(a & b) / size for a in tops(first) for b in tops(second)]
    assert overlap(first, second, k) == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3"])
def test_overlap_refuses_a_count_that_is_none(k):
    with pytest.raises(aw.AttentionError, match="k must be a whole number from 1"):
        overlap([1, 2], [1, 2], k)


def test_area_under_straight_lines_and_a_parabola():
    assert curve_area([1, 0]) == 0.5
    assert curve_area([[2, 2, 2], [0, 1, 2]]).tolist() == [2, 1]
    x = np.linspace(0, 1, 2001)
    assert curve_area(x**2) == pytest.approx(1 / 3, abs=1e-6)
    assert np.isnan(curve_area([3]))


def test_interval_covers_the_true_mean_as_often_as_it_says():
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        found = mean_interval(random.exponential(2, 60), confidence=0.9, resamples=400)
        assert found.low <= found.mean <= found.high
        covered += found.low <= 2 <= found.high
    # 180 of 200 expected, with a standard deviation of 4; the percentile method is a bit narrow.
    assert 162 <= covered <= 192


def test_interval_leaves_out_and_counts_what_is_undefined():
    found = mean_interval([1, np.nan, 3, np.nan, 2])
    assert (found.mean, found.std, found.n, found.undefined) == (2, 1, 3, 2)
    assert mean_interval([1, np.nan, 3, 2], seed=5) == mean_interval([1, 3, 2], seed=5)._replace(
        undefined=1
    )
    assert np.isnan(mean_interval([np.nan]).mean)
    alone = mean_interval([0.25])
    assert alone.mean == 0.25
    assert np.isnan(alone.low)
    same = mean_interval([0.5, 0.5, 0.5])
    assert (same.low, same.high, same.std) == (0.5, 0.5, 0)


def test_seed_decides_the_interval():
    values = np.random.default_rng(0).normal(size=30)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95])
def test_confidence_is_a_share(confidence):
    with pytest.raises(aw.AttentionError, match=r"confidence must be a share"):
        mean_interval([1, 2], confidence=confidence)


def test_pairing_sees_a_small_difference_under_large_noise():
    random = np.random.default_rng(0)
    hard = random.normal(0, 5, 80)
    first, second = hard + 0.5 + random.normal(0, 0.5, 80), hard
    found = paired(first, second)
    assert 0.3 < found.low < found.difference < found.high < 0.7
    assert found.p < 1e-6
    assert found.better > 0.7
    assert scipy.stats.ttest_ind(first, second).pvalue > 0.05  # what leaving out the pairs says
    back = paired(second, first)
    assert back.difference == pytest.approx(-found.difference)
    assert back.better == pytest.approx(1 - found.better)


def test_pairing_of_equals_and_of_nothing():
    same = paired([1, 2, np.nan], [1, 2, 3])
    assert (same.difference, same.better, same.p, same.n) == (0, 0.5, 1, 2)
    assert paired([np.nan], [1]).n == 0
    with pytest.raises(aw.AttentionError, match="2 and 1 values"):
        paired([1, 2], [1])
