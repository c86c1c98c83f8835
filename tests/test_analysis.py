"""One definition of each number, against the public functions."""

from __future__ import annotations

import numpy as np
import pytest

import attn_widget as aw
from attn_widget.analysis import Analysis
from attn_widget.selection import Selection, ends
from attn_widget.settings import Settings
from attn_widget.shown import shown_matrix, shown_trace
from attn_widget.wire import unpack

SAMPLE = aw.load_sample()
LEVELS = (1, 5)
SETTINGS = [
    Settings("rollout", LEVELS),
    Settings("rollout", LEVELS, heads=3, residual=0.65),
    Settings("rollout", LEVELS, heads="max", top_head=8, residual=(0.1, 0.5, 0.9, 0.0)),
    Settings("flow", LEVELS, heads=(8, 2), residual=0.7),
]
SELECTIONS = [
    [],
    [(5, 10)],
    [(3, 10)],
    [(1, 14)],
    [(5, 10), (5, 3)],
    [(5, 10), (1, 14)],
    [(4, 10), (2, 14), (2, 8)],
]


def options(settings):
    heads = list(settings.heads) if isinstance(settings.heads, tuple) else settings.heads
    return {"heads": heads, "top_head": settings.top_head, "residual": settings.residual}


def evaluate(wire, first, rows, residual):
    """What the browser does with terms: trace.ts, `evaluateTerms`."""
    terms = unpack(wire).astype(float)[first : first + rows]
    degree = rows - 1
    return sum((1 - residual) ** k * residual ** (degree - k) * terms[k] for k in range(rows))


def drawn(wire, settings, n):
    """Edges and node masses as the browser evaluates them."""
    levels = wire["levels"][1] - wire["levels"][0] + 1
    triples, weights = unpack(wire["edges"]), unpack(wire["weights"]).astype(float)
    edges = np.zeros((levels - 1, n, n))
    block, query, key = triples[:, 0] - wire["levels"][0], triples[:, 1], triples[:, 2]
    if wire["kind"] == "flow":
        edges[block, query, key] = weights
        return edges, unpack(wire["down"])
    rows_down = [levels - i if wire["polynomial"] else 1 for i in range(levels)]
    rows_up = [i + 1 if wire["polynomial"] else 1 for i in range(levels)]
    first_down, first_up = np.cumsum([0, *rows_down]), np.cumsum([0, *rows_up])
    residual = settings.residual if wire["polynomial"] else 0.5
    down = np.array(
        [evaluate(wire["down"], first_down[i], rows_down[i], residual) for i in range(levels)]
    )
    up = np.array([evaluate(wire["up"], first_up[i], rows_up[i], residual) for i in range(levels)])
    if wire["mixed"]:
        weights = (1 - residual) * weights + residual * (query == key)
    edges[block, query, key] = down[block + 1, query] * weights * up[block, key]
    return edges, down * up


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_matrix_is_the_public_one(settings):
    public = aw.rollout if settings.method == "rollout" else aw.attention_flow
    expected = public(SAMPLE, levels=LEVELS, **options(settings))
    np.testing.assert_allclose(Analysis(SAMPLE).matrix(settings), expected, atol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("nodes", SELECTIONS, ids=str)
def test_what_is_drawn_is_the_public_trace(settings, nodes):
    analysis, selection = Analysis(SAMPLE), ends(nodes, LEVELS)
    relevance = analysis.relevance(settings, selection)
    wire = shown_trace(analysis, settings, selection, relevance)
    edges, masses = drawn(wire, settings, 16)
    # A flow from a source to every input is the walk: see shown.py.
    method = "flow" if settings.method == "flow" and selection.sinks is not None else "rollout"
    if selection.empty:
        source = [(5, token) for token in range(16)]
    else:
        source = [(selection.stop, t) for t in selection.sources or ()] or None
    expected = aw.trace(
        SAMPLE,
        source=source,
        sink=[(selection.start, t) for t in selection.sinks or ()] or None,
        method=method,
        levels=LEVELS,
        **options(settings),
    )
    np.testing.assert_allclose(edges, expected.edges, atol=1e-6)
    np.testing.assert_allclose(masses, expected.nodes, atol=1e-6)
    if method == "flow":
        assert wire["value"] == pytest.approx(expected.value, abs=1e-9)
        assert wire["binding"] == expected.binding
        assert [tuple(edge) for edge in unpack(wire["cut"]).tolist()] == expected.cut
        assert unpack(wire["cut_capacity"]).sum() == pytest.approx(expected.value, abs=1e-5)


@pytest.mark.parametrize("residual", [0.0, 0.3, 1.0])
def test_the_terms_sent_once_give_the_matrix_at_every_residual(residual):
    analysis = Analysis(SAMPLE)
    wire = shown_matrix(analysis, Settings("rollout", LEVELS, heads=3))
    terms = unpack(wire["terms"])
    assert terms.shape == (5, 16, 16)
    got = sum((1 - residual) ** k * residual ** (4 - k) * terms[k] for k in range(5))
    expected = aw.rollout(SAMPLE, levels=LEVELS, heads=3, residual=residual)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_relevance_is_a_row_a_column_or_a_mean():
    analysis, settings = Analysis(SAMPLE), SETTINGS[1]
    matrix = aw.rollout(SAMPLE, levels=LEVELS, heads=3, residual=0.65)

    def relevance(nodes):
        return analysis.relevance(settings, ends(nodes, LEVELS)).values

    np.testing.assert_allclose(relevance([]), matrix.mean(axis=0))
    np.testing.assert_allclose(relevance([(5, 10)]), matrix[10])
    np.testing.assert_allclose(relevance([(5, 10), (5, 3)]), matrix[[10, 3]].mean(axis=0))
    np.testing.assert_allclose(relevance([(1, 14)]), matrix[:, 14])
    np.testing.assert_allclose(relevance([(5, 10), (1, 14)]), matrix[10])


def test_flow_relevance_of_a_set_is_the_flow_of_the_set():
    analysis, settings = Analysis(SAMPLE), SETTINGS[3]
    for nodes in ([(5, 10), (5, 3)], [(1, 14), (1, 2)]):
        selection = ends(nodes, LEVELS)
        found = analysis.relevance(settings, selection)
        for token in (0, 8, 15):
            pair = (selection.sources or [token], selection.sinks or [token])
            trace = aw.trace(
                SAMPLE,
                source=[(5, t) for t in pair[0]],
                sink=[(1, t) for t in pair[1]],
                method="flow",
                **options(settings),
            )
            assert found.values[token] == pytest.approx(trace.value, abs=1e-9)
            assert found.bound is not None
            assert found.bound[token] == pytest.approx(trace.bound, abs=1e-9)


def test_raw_attention_goes_one_layer_and_no_further():
    analysis = Analysis(SAMPLE)
    settings = Settings("attention", LEVELS, heads=3)
    raw = SAMPLE.weights[:, 3].astype(float)
    raw /= raw.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(analysis.matrix(settings), raw[4])
    assert analysis.matrix_levels(settings) == (4, 5)

    def traced(nodes):
        selection = ends(nodes, LEVELS)
        relevance = analysis.relevance(settings, selection)
        edges, _ = drawn(shown_trace(analysis, settings, selection, relevance), settings, 16)
        return relevance.values, edges

    values, edges = traced([(3, 10)])
    np.testing.assert_allclose(values, raw[2, 10])
    np.testing.assert_allclose(edges[1, 10], raw[2, 10], atol=1e-6)
    assert edges.sum() == pytest.approx(1)
    values, edges = traced([(1, 14)])
    np.testing.assert_allclose(values, raw[1][:, 14])
    assert edges[1:].sum() == 0
    values, edges = traced([])
    np.testing.assert_allclose(values, raw[4].mean(axis=0))
    np.testing.assert_allclose(edges, raw[1:5] / 16, atol=1e-6)


def test_a_large_graph_sends_its_strongest_edges(rng):
    n = 128
    logits = 4 * rng.standard_normal((2, 1, n, n))
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    analysis = Analysis(aw.Attention(weights))
    settings = Settings("rollout", (0, 2))
    wire = shown_trace(analysis, settings, Selection(0, 2, (7,), None), None)
    triples = unpack(wire["edges"])
    assert len(triples) < 2 * 3 * 1500 + 1
    edges, _ = drawn(wire, settings, n)
    exact = aw.trace(aw.Attention(weights), source=(2, 7), method="rollout").edges
    strongest = np.sort(exact[0].ravel())[-1500:]
    np.testing.assert_allclose(
        np.sort(edges[0].ravel())[-1500:], strongest, rtol=2.0**-15, atol=1e-7
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_flow_along_a_dragged_residual_is_the_flow_at_each():
    analysis = Analysis(SAMPLE)
    for residual in (0.5, 0.9, 0.7, 0.6, 0.65, 0.0, 1.0, 0.3):
        settings = Settings("flow", LEVELS, residual=residual)
        expected = aw.attention_flow(SAMPLE, levels=LEVELS, residual=residual)
        row = analysis.relevance(settings, ends([(5, 10)], LEVELS))
        np.testing.assert_allclose(row.values, expected[10], atol=1e-9)
        column = analysis.relevance(settings, ends([(1, 14)], LEVELS))
        np.testing.assert_allclose(column.values, expected[:, 14], atol=1e-9)


# --- against even attention -----------------------------------------------------------------------

CAUSAL = aw.Attention(np.tril(np.random.default_rng(0).random((4, 2, 9, 9))) ** 3, normalise=True)


@pytest.mark.parametrize("residual", [0.3, (0.1, 0.5, 0.9)])
def test_a_matrix_against_even_attention_is_that_of_rollout(residual):
    settings = Settings("rollout", (1, 4), residual=residual, drop=(2,), baseline="uniform")
    wanted = aw.rollout(CAUSAL, levels=(1, 4), residual=residual, drop=[2], baseline="uniform")
    found = Analysis(CAUSAL).matrix(settings)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    wire = shown_matrix(Analysis(CAUSAL), settings)
    rows = wire["terms"]["shape"][0]
    at = residual if rows > 1 else 0.5
    even = evaluate(wire["even"], 0, rows, at)
    shares = evaluate(wire["terms"], 0, rows, at)
    np.testing.assert_allclose(
        np.divide(shares, even, out=np.zeros_like(even), where=even > 0), wanted, rtol=1e-5
    )


@pytest.mark.parametrize("method", ["rollout", "attention"])
@pytest.mark.parametrize(
    "nodes", [[], [(3, 6)], [(2, 6)], [(0, 1)], [(3, 6), (3, 8)], [(3, 7), (1, 2)]]
)
def test_relevance_against_even_attention_compares_the_same_question(method, nodes):
    """Even attention, asked the same, is an Attention of its own with uniform rows."""
    settings = Settings(method, (0, 3), residual=0.4)
    selection = ends(nodes, (0, 3))
    spread = np.tril(np.ones((9, 9)))
    even = aw.Attention(np.tile(spread / spread.sum(axis=1, keepdims=True), (4, 1, 1, 1)))
    shares = Analysis(CAUSAL).relevance(settings, selection).values
    evenly = Analysis(even).relevance(settings, selection).values
    wanted = np.divide(shares, evenly, out=np.zeros(9), where=evenly > 0)
    compared = Settings(method, (0, 3), residual=0.4, baseline="uniform")
    analysis = Analysis(CAUSAL)
    np.testing.assert_allclose(analysis.relevance(compared, selection).values, wanted, rtol=1e-9)
    wire = shown_trace(analysis, compared, selection, None)
    rows = wire["even"]["shape"][0]
    np.testing.assert_allclose(evaluate(wire["even"], 0, rows, 0.4), evenly, rtol=1e-5)


def test_a_flow_has_no_baseline():
    given = {"heads": "mean", "top_head": None, "residual": 0.5, "drop": [], "baseline": "uniform"}
    assert Settings.of({"method": "flow", "levels": (0, 2), **given}).baseline is None
