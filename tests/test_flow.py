"""Attention flow as users ask for it: settings, closed forms, bindings, traces, real attention."""

from __future__ import annotations

import builtins
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import by_igraph, of_sets
from strategies import maps as any_maps
from strategies import random_weights, residuals, weights

import attn_widget as aw
from attn_widget import flow
from attn_widget.flow import BINDINGS, flow_trace, flow_values, verify
from attn_widget.mixing import mix_residual
from attn_widget.rollout import rollout_matrix

W = random_weights(0, layers=4, heads=3, n=5)


# --- closed forms --------------------------------------------------------------------------------


def test_one_block_is_its_map() -> None:
    for block in range(4):
        levels = (block, block + 1)
        expected = aw.layer_maps(W, levels=levels)[0]
        np.testing.assert_array_equal(aw.attention_flow(W, levels=levels), expected)


def test_two_blocks_by_hand() -> None:
    """Three tokens, two layers, residual 0: the flow through each middle token is a minimum."""
    lower = [[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    upper = [[0.25, 0.75, 0.0], [0.5, 0.0, 0.5], [0.25, 0.25, 0.5]]
    found = aw.attention_flow([[lower], [upper]], residual=0)
    # From token 0: min(.25, .5) + min(.75, 0) + min(0, 1) to token 0, and so on.
    expected = [[0.25, 0.75, 0.75], [1.0, 0.25, 0.25], [0.75, 0.5, 0.5]]
    np.testing.assert_array_equal(found, expected)


def test_residual_one_lets_each_token_keep_to_itself() -> None:
    np.testing.assert_array_equal(aw.attention_flow(W, residual=1), np.eye(5))


def test_uniform_attention_lets_everything_through() -> None:
    uniform = np.full((4, 1, 5, 5), 1 / 5)
    np.testing.assert_allclose(aw.attention_flow(uniform, residual=0), 1, rtol=0, atol=1e-15)


def test_nothing_flows_to_a_later_token() -> None:
    causal = random_weights(1, layers=5, n=7, causal=True)
    found = flow_values(aw.layer_maps(causal), checked=True)
    later = ~np.tri(7, dtype=bool)
    assert not found.values[later].any()
    assert (found.values[~later] > 0).all()
    assert {BINDINGS[code] for code in found.binding[later]} == {"none"}


def test_one_token_keeps_all() -> None:
    np.testing.assert_array_equal(aw.attention_flow(np.ones((6, 2, 1, 1))), [[1.0]])


# --- properties ----------------------------------------------------------------------------------


@given(any_maps(), residuals)
def test_flow_lies_between_rollout_and_the_trivial_cuts(fused: np.ndarray, residual: float) -> None:
    maps = mix_residual(fused, residual)
    found = flow_values(maps, checked=True)
    assert (found.values >= rollout_matrix(maps) - 1e-9).all()
    outs, ins = maps[-1].sum(axis=1), maps[0].sum(axis=0)
    np.testing.assert_allclose(found.bound, np.minimum.outer(outs, ins), rtol=0, atol=1e-15)
    assert (found.values <= found.bound).all()
    assert (found.gap <= 1e-9).all()
    for (q, k), value in np.ndenumerate(found.values):
        at_source = abs(value - outs[q]) <= 1e-9
        at_sink = abs(value - ins[k]) <= 1e-9
        name = BINDINGS[found.binding[q, k]]
        if name == "none":
            assert value == 0
        else:
            assert name == ("interior", "source", "sink", "both")[at_source + 2 * at_sink]


@given(weights(max_layers=4, max_tokens=6), st.randoms(use_true_random=False))
def test_renaming_tokens_renames_the_flow(given_weights: np.ndarray, random: Any) -> None:
    n = given_weights.shape[-1]
    order = list(range(n))
    random.shuffle(order)
    renamed = given_weights[..., order, :][..., order]
    np.testing.assert_allclose(
        aw.attention_flow(renamed),
        aw.attention_flow(given_weights)[np.ix_(order, order)],
        rtol=0,
        atol=1e-12,
    )


@given(any_maps(max_blocks=4, max_tokens=6), residuals, st.data())
@settings(max_examples=60)
def test_a_set_draws_no_less_than_its_best_and_no_more_than_the_sum(
    fused: np.ndarray, residual: float, data: st.DataObject
) -> None:
    maps = mix_residual(fused, residual)
    tokens = st.lists(st.integers(0, maps.shape[1] - 1), min_size=1, unique=True)
    sources, sinks = data.draw(tokens), data.draw(tokens)
    pairs = flow_values(maps, sources, sinks).values
    value = flow_trace(maps, sources, sinks).value
    assert pairs.max() - 1e-9 <= value <= pairs.sum() + 1e-9


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        {"levels": (1, 4)},
        {"heads": 2},
        {"heads": [0, 2]},
        {"heads": "max"},
        {"top_head": 1},
        {"residual": 0.0},
        {"residual": [0.1, 0.5, 0.9, 0.3]},
        {"drop": [0]},
        {"keep_mass": 0.6},
    ],
)
def test_settings_mean_what_they_mean_for_layer_maps(chosen: dict[str, Any]) -> None:
    expected = by_igraph(aw.layer_maps(W, **chosen))
    np.testing.assert_allclose(aw.attention_flow(W, **chosen), expected, rtol=0, atol=1e-12)


def test_sources_and_sinks_pick_rows_and_columns() -> None:
    whole = aw.attention_flow(W)
    some = aw.attention_flow(W, sources=[0, 3], sinks=[4])
    np.testing.assert_allclose(some, whole[np.ix_([0, 3], [4])], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_computed_in_float64(dtype: torch.dtype) -> None:
    tensor = torch.tensor(W).to(dtype)
    found = aw.attention_flow(tensor)
    assert found.dtype == np.float64
    expected = by_igraph(aw.layer_maps(tensor))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sources": [5]}, "source 5 is out of range: choose one from 0 to 4"),
        ({"sinks": [-1]}, "sink -1 is out of range"),
        ({"sources": ["the"]}, "source must be a whole number.*'the'"),
        ({"sinks": [True]}, "sink must be a whole number.*True"),
        ({"sources": 3}, "sources must be a list of tokens.*3"),
        ({"residual": 2}, "residual"),
        ({"source": [1]}, "did you mean 'sources'"),
    ],
)
def test_mistakes_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(aw.AttentionError, match=message):
        aw.attention_flow(W, **wrong)


# --- traces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("residual", [0.0, 0.5, 0.9, 1.0])
def test_a_source_alone_is_traced_as_its_rollout_walk(residual: float) -> None:
    maps = aw.layer_maps(W, residual=residual)
    trace = flow_trace(maps, [3])
    mass = np.eye(5)[3]
    for block in reversed(range(4)):
        np.testing.assert_allclose(trace.edges[block], mass[:, None] * maps[block], atol=1e-12)
        mass = mass @ maps[block]
    assert trace.value == pytest.approx(1, abs=1e-12)
    assert trace.binding in {"source", "both"}
    verify(maps, trace, [3])


def test_traces_of_pairs_have_the_value_and_binding_of_the_matrix() -> None:
    maps = aw.layer_maps(W)
    found = flow_values(maps)
    for source, sink in itertools.product(range(5), repeat=2):
        trace = flow_trace(maps, [source], [sink])
        verify(maps, trace, [source], [sink])
        assert trace.value == pytest.approx(found.values[source, sink], abs=1e-12)
        assert trace.bound == pytest.approx(found.bound[source, sink], abs=1e-12)
        assert trace.binding == BINDINGS[found.binding[source, sink]]
        # Only what the source sends and what the sink receives.
        assert not np.delete(trace.edges[-1], source, axis=0).any()
        assert not np.delete(trace.edges[0], sink, axis=1).any()


def test_a_trace_is_the_same_every_time() -> None:
    maps = aw.layer_maps(W)
    first, second = flow_trace(maps, [4], [0]), flow_trace(maps.copy(), [4], [0])
    np.testing.assert_array_equal(first.edges, second.edges)
    assert first.cut == second.cut


def test_a_trace_keeps_the_rollout_walk_where_it_is_all_there_is() -> None:
    """One path only: the walk, and what can be added to it, lie on that path."""
    chain = np.zeros((3, 2, 2))
    chain[:, 0, 0] = 1, 0.5, 1
    trace = flow_trace(chain, [0], [0])
    np.testing.assert_array_equal(trace.edges[:, 0, 0], 0.5)
    assert trace.cut == [(1, 0, 0)]
    assert trace.binding == "interior"


# --- real attention ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> aw.Attention:
    return aw.load_sample()


@pytest.mark.parametrize("heads", ["mean", 0, 7])
@pytest.mark.parametrize("levels", [None, (0, 3), (2, 6)])
def test_real_attention_agrees_with_igraph_and_networkx(
    sample: aw.Attention, heads: Any, levels: Any
) -> None:
    maps = aw.layer_maps(sample, heads=heads, levels=levels)
    found = flow_values(maps)
    np.testing.assert_allclose(found.values, by_igraph(maps), rtol=0, atol=1e-9)
    assert found.gap.max() <= 1e-12
    sources, sinks = [1, 4], [2, 3, 5]
    trace = flow_trace(maps, sources, sinks)
    verify(maps, trace, sources, sinks)
    assert trace.value == pytest.approx(of_sets(maps, sources, sinks), abs=1e-9)


def test_a_long_call_shows_a_bar_and_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock runs a minute ahead at every look, so that any call is a long one."""
    shown: list[Any] = []

    class Bar:
        def __init__(self, total: int, **_: Any) -> None:
            self.n, self.total, self.closed = 0, total, False
            shown.append(self)

        def update(self, more: int) -> None:
            self.n += more

        def close(self) -> None:
            self.closed = True

    real = builtins.__import__

    def fake(name: str, *rest: Any) -> Any:
        return type("module", (), {"tqdm": Bar}) if name == "tqdm.auto" else real(name, *rest)

    ticks = itertools.count(0, 60)
    monkeypatch.setattr(builtins, "__import__", fake)
    monkeypatch.setattr(flow, "monotonic", lambda: next(ticks))
    aw.attention_flow(random_weights(3, layers=6, n=70, sharpness=5))
    (bar,) = shown
    assert bar.total == 4900
    assert bar.closed
