"""Flow along the residual: the same numbers as at each residual alone, with less to search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import maps as any_maps
from strategies import random_weights

import attn_widget as aw
from attn_widget import flowslider
from attn_widget.flow import flow_values
from attn_widget.flowslider import FlowAlongResidual
from attn_widget.mixing import fused_maps, mix_residual


@given(any_maps(), st.lists(st.floats(0, 1), min_size=3, max_size=6))
def test_any_path_of_residuals_gives_the_flow_of_each(
    fused: np.ndarray, residuals: list[float]
) -> None:
    along = FlowAlongResidual(fused)
    for residual in residuals:
        alone = flow_values(mix_residual(fused, residual))
        found = along.at(residual)
        np.testing.assert_allclose(found.values, alone.values, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.bound, alone.bound, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(along.bound(residual), found.bound)
        assert (found.gap <= 1e-9).all()


@given(any_maps(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_flow_is_concave_in_the_residual(
    fused: np.ndarray, first: float, last: float, weight: float
) -> None:
    """What the chord proof rests on."""
    between = (1 - weight) * first + weight * last
    low, middle, high = (flow_values(mix_residual(fused, r)).values for r in (first, between, last))
    assert (middle >= (1 - weight) * low + weight * high - 1e-9).all()


def test_pairs_at_the_trivial_cut_on_both_sides_are_not_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fused = fused_maps(random_weights(0, layers=8, heads=1, n=6))
    along = FlowAlongResidual(fused, sources=[2])
    low, high = along.at(0.2), along.at(0.4)
    for found in (low, high):
        np.testing.assert_allclose(found.values, found.bound, rtol=0, atol=1e-12)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(flowslider, "flow_values", refuse)
    found = along.at(0.3)
    np.testing.assert_array_equal(found.values, found.bound)
    assert found.values.shape == (1, 6)
    assert along.at(0.2) is low


def test_many_residuals_are_remembered_within_bounds() -> None:
    fused = fused_maps(random_weights(0, layers=3, heads=1, n=3))
    along = FlowAlongResidual(fused)
    for residual in np.linspace(0, 1, 150):
        expected = flow_values(mix_residual(fused, float(residual))).values
        np.testing.assert_allclose(along.at(float(residual)).values, expected, atol=1e-9)
    assert len(along._known) <= 65


@pytest.mark.parametrize("residual", [-0.1, 1.5, float("nan"), "half"])
def test_a_residual_out_of_range_is_refused(residual: object) -> None:
    along = FlowAlongResidual(fused_maps(random_weights(0)))
    with pytest.raises(aw.AttentionError, match="residual"):
        along.at(residual)  # type: ignore[arg-type]
