from __future__ import annotations

import warnings
from dataclasses import FrozenInstanceError

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_weights, residuals, weights

import attn_widget as aw
from attn_widget.trace import walk_of_maps

W = random_weights(0, layers=4, heads=3, n=5)
METHODS = ["rollout", "flow"]


def assert_carries(trace: aw.Trace) -> None:
    """Mass is conserved: what enters a node leaves it, and every level carries the value."""
    edges, nodes = trace.edges, trace.nodes
    assert (edges >= 0).all()
    assert nodes.shape == (len(edges) + 1, edges.shape[-1])
    np.testing.assert_allclose(edges.sum(axis=2), nodes[1:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(edges.sum(axis=1), nodes[:-1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(nodes.sum(axis=1), trace.value, rtol=1e-9, atol=1e-9)
    for end, at in ((trace.sources, nodes[-1]), (trace.sinks, nodes[0])):
        if end is not None:
            outside = np.delete(at, list(end))
            assert (outside == 0).all()


def assert_maximum(trace: aw.Trace, maps: np.ndarray) -> None:
    """The flow fits its edges, and a cut that separates the ends has the same value."""
    assert (trace.edges <= maps + 1e-12).all()
    start, stop = trace.levels
    open_edges = maps > 0
    for block, query, key in trace.cut:
        assert start <= block < stop
        open_edges[block - start, query, key] = False
    n = maps.shape[-1]
    reached = np.zeros(n, bool)
    reached[list(range(n) if trace.sources is None else trace.sources)] = True
    for block in reversed(open_edges):
        reached = (reached[:, None] & block).any(axis=0)
    ends = list(range(n) if trace.sinks is None else trace.sinks)
    assert not reached[ends].any()
    capacity = sum(maps[block - start, query, key] for block, query, key in trace.cut)
    assert capacity == pytest.approx(trace.value, abs=1e-9)
    assert trace.gap <= 1e-9


# --- rollout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [(0, 4), (1, 4), (0, 2), (2, 3)])
def test_a_rollout_pair_is_the_entry_of_the_rollout(levels: tuple[int, int]) -> None:
    start, stop = levels
    settings = {"heads": "max", "top_head": 1, "residual": 0.3}
    matrix = aw.rollout(W, levels=levels, **settings)
    for q, k in ((0, 0), (4, 1), (2, 3)):
        found = aw.trace(W, source=(stop, q), sink=(start, k), method="rollout", **settings)
        assert found.value == pytest.approx(matrix[q, k], rel=1e-13)
        assert found.levels == levels
        assert (found.sources, found.sinks) == ((q,), (k,))
        assert_carries(found)


def test_a_source_alone_goes_down_to_the_embeddings() -> None:
    found = aw.trace(W, source=(3, 2), method="rollout")
    assert found.levels == (0, 3)
    assert found.sinks is None
    assert found.value == pytest.approx(1)
    row = aw.rollout(W, levels=(0, 3))[2]
    np.testing.assert_allclose(found.nodes[0], row, rtol=1e-13)
    np.testing.assert_allclose(found.nodes[-1], np.eye(5)[2], rtol=1e-13)
    assert_carries(found)


def test_a_sink_alone_goes_up_to_the_output() -> None:
    found = aw.trace(W, sink=(1, 0), method="rollout")
    assert found.levels == (1, 4)
    assert found.sources is None
    column = aw.rollout(W, levels=(1, 4))[:, 0]
    np.testing.assert_allclose(found.nodes[-1], column, rtol=1e-13)
    assert found.value == pytest.approx(column.sum(), rel=1e-13)
    assert_carries(found)


def test_a_set_of_sources_is_their_mean_and_a_set_of_sinks_their_sum() -> None:
    matrix = aw.rollout(W)
    found = aw.trace(W, source=[(4, 3), (4, 1)], sink=[(0, 0), (0, 2)], method="rollout")
    assert (found.sources, found.sinks) == ((1, 3), (0, 2))
    expected = matrix[[1, 3]][:, [0, 2]].sum(axis=1).mean()
    assert found.value == pytest.approx(expected, rel=1e-13)
    assert_carries(found)


def test_edges_are_shares_of_the_walk_by_hand() -> None:
    # A0 = [[1, 0], [1/4, 3/4]]; A1 = [[1/2, 1/2], [0, 1]]
    given_weights = [[[[1.0, 0.0], [0.5, 0.5]]], [[[0.0, 1.0], [0.0, 1.0]]]]
    found = aw.trace(given_weights, source=(2, 0), method="rollout")
    np.testing.assert_array_equal(found.edges[1], [[0.5, 0.5], [0, 0]])
    np.testing.assert_array_equal(found.edges[0], [[0.5, 0], [0.125, 0.375]])
    np.testing.assert_array_equal(found.nodes, [[0.625, 0.375], [0.5, 0.5], [1, 0]])
    assert (found.cut, found.binding, found.bound, found.gap) == ([], None, None, 0)


@given(weights(), residuals, st.data())
def test_rollout_traces_conserve_mass(
    given_weights: np.ndarray, residual: float, data: st.DataObject
) -> None:
    layers, n = given_weights.shape[0], given_weights.shape[-1]
    tokens = st.none() | st.sets(st.integers(0, n - 1), min_size=1).map(sorted).map(tuple)
    sources, sinks = data.draw(tokens), data.draw(tokens)
    maps = aw.layer_maps(given_weights, residual=residual)
    found = walk_of_maps(maps, sources, sinks)
    assert_carries(found)
    assert found.levels == (0, layers)
    rows = aw.rollout(given_weights, residual=residual)[:, list(sinks or range(n))].sum(axis=1)
    if sinks is None and sources is None:
        assert found.value == pytest.approx(n)
    expected = rows.sum() if sources is None else rows[list(sources)].mean()
    assert found.value == pytest.approx(expected, rel=1e-12, abs=1e-300)


# --- flow ----------------------------------------------------------------------------------------


def test_flow_is_the_default() -> None:
    assert aw.trace(W, source=(1, 0), sink=(0, 0)).method == "flow"


def test_the_flow_of_one_block_is_its_edge() -> None:
    maps = aw.layer_maps(W, levels=(2, 3))
    found = aw.trace(W, source=(3, 1), sink=(2, 4))
    assert found.value == maps[0, 1, 4]
    assert found.cut == [(2, 1, 4)]
    assert_carries(found)


def test_the_flow_of_two_blocks_is_a_sum_of_minima() -> None:
    bottom, top = aw.layer_maps(W, levels=(1, 3))
    found = aw.trace(W, source=(3, 1), sink=(1, 4))
    assert found.value == pytest.approx(np.minimum(top[1], bottom[:, 4]).sum(), abs=1e-12)
    assert {block for block, _, _ in found.cut} <= {1, 2}
    assert_carries(found)
    assert_maximum(found, np.stack([bottom, top]))


@pytest.mark.parametrize(
    ("sources", "sinks"),
    [((2,), (3,)), ((0, 4), (1,)), ((1,), (0, 1, 3)), ((0, 1), (2, 3)), ((2,), None), (None, (3,))],
)
@pytest.mark.parametrize("settings", [{}, {"heads": 0, "residual": 0.1}, {"residual": 0.9}])
def test_flow_equals_networkx_and_is_certified(
    sources: tuple[int, ...] | None, sinks: tuple[int, ...] | None, settings: dict[str, object]
) -> None:
    maps = aw.layer_maps(W, levels=(1, 4), **settings)
    found = aw.trace(
        W,
        source=None if sources is None else [(4, t) for t in sources],
        sink=[(1, t) for t in range(5)] if sinks is None else [(1, t) for t in sinks],
        **settings,
    )
    graph = nx.DiGraph()
    for (block, q, k), capacity in np.ndenumerate(maps):
        graph.add_edge((block + 1, q), (block, k), capacity=capacity)
    graph.add_edges_from(("S", (3, q)) for q in sources or range(5))
    graph.add_edges_from(((0, k), "T") for k in sinks or range(5))
    assert found.value == pytest.approx(nx.maximum_flow_value(graph, "S", "T"), abs=1e-9)
    assert_carries(found)
    assert_maximum(found, maps)
    out = maps[-1][list(sources or range(5))].sum()
    into = maps[0][:, list(sinks or range(5))].sum()
    assert found.bound == pytest.approx(min(out, into))
    at_bound = (abs(found.value - out) < 1e-9, abs(found.value - into) < 1e-9)
    names = {(0, 0): "interior", (1, 0): "source", (0, 1): "sink", (1, 1): "both"}
    assert found.binding == names[at_bound]


@given(weights(max_layers=4, max_tokens=6), residuals, st.data())
def test_flow_is_at_least_the_rollout_and_at_most_its_bound(
    given_weights: np.ndarray, residual: float, data: st.DataObject
) -> None:
    layers, n = given_weights.shape[0], given_weights.shape[-1]
    source, sink = (layers, data.draw(st.integers(0, n - 1))), (0, data.draw(st.integers(0, n - 1)))
    found = aw.trace(given_weights, source=source, sink=sink, residual=residual)
    walked = aw.trace(given_weights, source=source, sink=sink, residual=residual, method="rollout")
    assert walked.value - 1e-9 <= found.value <= found.bound + 1e-9
    assert_carries(found)
    assert_maximum(found, aw.layer_maps(given_weights, residual=residual))


def test_no_flow_to_a_later_token() -> None:
    causal = random_weights(3, causal=True)
    for method in METHODS:
        found = aw.trace(causal, source=(3, 1), sink=(0, 4), method=method)
        assert found.value == 0
        assert not found.edges.any()
        assert_carries(found)


# --- attention -----------------------------------------------------------------------------------


def test_attention_is_the_direct_edges_without_residual() -> None:
    fused = aw.layer_maps(W, residual=0)
    down = aw.trace(W, source=(3, 1), method="attention", residual=0.9)
    assert down.levels == (2, 3)
    np.testing.assert_array_equal(down.edges[0, 1], fused[2, 1])
    assert down.edges[0].sum() == pytest.approx(1)
    up = aw.trace(W, sink=(2, 4), method="attention")
    assert up.levels == (2, 3)
    np.testing.assert_array_equal(up.edges[0, :, 4], fused[2, :, 4])
    assert up.value == pytest.approx(fused[2, :, 4].sum())
    pair = aw.trace(W, source=(3, 1), sink=(2, 4), method="attention", heads=2)
    assert pair.value == pytest.approx(W[2, 2, 1, 4])
    for found in (down, up, pair):
        assert_carries(found)


# --- levels and settings -------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_given_levels_end_the_trace_and_own_the_settings(method: str) -> None:
    settings = {"residual": [0.1, 0.2, 0.3], "top_head": 0, "heads": "min"}
    levels = (1, 4)
    maps = aw.layer_maps(W, levels=levels, **settings)
    found = aw.trace(W, source=(3, 1), levels=levels, method=method, **settings)
    assert found.levels == (1, 3)
    # The range goes on above the trace: block 2 is not its top block, and keeps all its heads.
    expected = walk_of_maps(maps[:2], (1,), None, start=1)
    assert found.value == pytest.approx(expected.value)
    if method == "rollout":
        np.testing.assert_allclose(found.edges, expected.edges, rtol=1e-13)
    up = aw.trace(W, sink=(2, 1), levels=(1, 3), method=method)
    assert up.levels == (2, 3)


def test_without_levels_the_settings_refer_to_the_trace_itself() -> None:
    found = aw.trace(W, source=(2, 1), method="rollout", residual=[0.1, 0.9], top_head=2)
    row = aw.rollout(W, levels=(0, 2), residual=[0.1, 0.9], top_head=2)[1]
    np.testing.assert_allclose(found.nodes[0], row, rtol=1e-13)


def test_rows_that_had_nothing_left_are_told() -> None:
    causal = random_weights(0, causal=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = aw.trace(causal, source=(2, 3), method="rollout", drop=[0])
    assert found.empty_rows == ((0, 0), (1, 0))
    assert aw.trace(W, source=(2, 3), method="rollout", drop=[0]).empty_rows == ()


def test_it_is_frozen_and_says_what_it_is() -> None:
    found = aw.trace(W, source=[(4, 0), (4, 1)], sink=(0, 2), method="rollout")
    assert repr(found) == f"Trace(rollout from {{(4, 0), (4, 1)}} to (0, 2): {found.value:.6g})"
    with pytest.raises(FrozenInstanceError):
        found.value = 1.0
    assert "binding 'sink'" in repr(aw.trace(np.full((4, 1, 4, 4), 0.25), sink=(0, 1)))


@pytest.mark.parametrize(
    "source", [(4, 2), [4, 2], [(4, 2)], [[4, 2]], np.array([4, 2]), np.array([[4, 2], [4, 2]])]
)
def test_ends_in_every_spelling(source: object) -> None:
    assert aw.trace(W, source=source, method="rollout").sources == (2,)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs an end: give source="),
        ({"source": (5, 0)}, "source: level 5 is out of range: choose one from 0 to 4"),
        ({"source": (-1, 0)}, "source: level -1 is out of range"),
        ({"source": (4, 5)}, "source: token 5 is out of range: choose one from 0 to 4"),
        ({"sink": (0, -1)}, "sink: token -1 is out of range"),
        ({"source": (True, 0)}, r"source must be \(level, token\)"),
        ({"source": [(4, False)]}, "source: token must be a whole number from 0 to 4, not False"),
        ({"source": (4.0, 1)}, r"source must be \(level, token\)"),
        ({"source": 4}, r"source must be \(level, token\), two whole numbers.*not 4"),
        ({"source": "41"}, "not '41'"),
        ({"source": []}, r"not \[\]"),
        ({"source": (4, 1, 2)}, r"source must be \(level, token\)"),
        ({"source": [(4, 1, 2)]}, r"source must be \(level, token\)"),
        ({"source": ["41"]}, r"source must be \(level, token\)"),
        ({"source": [(4, 1), (3, 1)]}, r"source has tokens at levels \[3, 4\]"),
        (
            {"source": (2, 1), "sink": (2, 1)},
            "source at level 2 must lie above the sink at level 2",
        ),
        ({"source": (1, 1), "sink": (3, 1)}, "must lie above the sink at level 3"),
        ({"source": (0, 1)}, "source is at level 0, the lowest, and nothing lies below it"),
        ({"sink": (4, 1)}, "sink is at level 4, the highest, and nothing lies above it"),
        ({"source": (4, 1), "levels": (0, 3)}, r"level 4, outside levels \(0, 3\)"),
        ({"source": (3, 1), "levels": (0, 9)}, "out of range"),
        ({"source": (1, 1), "levels": (1, 3)}, "source is at level 1, the lowest"),
        ({"source": (4, 1), "sink": (0, 1), "method": "attention"}, "neighbouring levels only"),
        ({"source": (4, 1), "method": "gradient"}, "'rollout' or 'flow', not 'gradient'"),
        ({"source": (4, 1), "method": None}, "not None"),
        ({"source": (4, 1), "method": ["flow"]}, r"not \['flow'\]"),
        ({"source": (4, 1), "residual": [0.5] * 3}, "residual has 3 numbers for 4 blocks"),
        ({"source": (4, 1), "residual": 2}, "not 2"),
        ({"source": (4, 1), "heads": 3}, "head 3 is out of range"),
        ({"sources": (4, 1)}, "did you mean 'source'"),
    ],
)
def test_bad_ends_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(aw.AttentionError, match=words):
        aw.trace(W, **{"method": "rollout", **settings})
