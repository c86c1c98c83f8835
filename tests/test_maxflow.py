"""The flow engine on networks of every kind: its values, proofs, threads and interruptions."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import KINDS, by_igraph, network, of_sets

import attn_widget
from attn_widget import memory
from attn_widget.errors import AttentionError
from attn_widget.flow import (
    BINDINGS,
    FlowCancelled,
    flow_trace,
    flow_values,
    verify,
)

# Zeros, the smallest numbers there are, exact ties, and numbers that vanish beside one another.
ODD = (0.0, 5e-324, 1e-310, 1e-200, 1e-17, 0.25, 0.5, 0.5, 1.0, 1.0 + 2**-52, 3.0, 1e6)


@st.composite
def odd_maps(draw: st.DrawFn) -> np.ndarray:
    blocks, n = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    cells = draw(st.lists(st.sampled_from(ODD), min_size=blocks * n * n, max_size=blocks * n * n))
    return np.array(cells).reshape(blocks, n, n)


def engine_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("attn_widget-flow")]


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("blocks", "n"), [(1, 4), (2, 5), (3, 1), (3, 7), (4, 6), (6, 9), (9, 5)])
def test_every_pair_agrees_with_igraph_and_is_proved(kind: str, blocks: int, n: int) -> None:
    for seed in range(3):
        maps = network(kind, seed, blocks=blocks, n=n)
        found = flow_values(maps, checked=True)
        assert found.gap.max() <= 1e-12
        np.testing.assert_allclose(found.values, by_igraph(maps), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_dyadic_capacities_give_exact_values(seed: int) -> None:
    maps = network("dyadic", seed, blocks=5, n=7)
    np.testing.assert_array_equal(flow_values(maps).values, by_igraph(maps))


@pytest.mark.parametrize("n", [63, 64, 65, 130])
@pytest.mark.parametrize("kind", ["softmax", "causal", "sparse"])
def test_sizes_around_a_machine_word_agree_with_igraph(kind: str, n: int) -> None:
    maps = network(kind, n, blocks=4, n=n)
    sources, sinks = [0, n // 2, n - 1], [0, 1, n // 2, n - 2, n - 1]
    found = flow_values(maps, sources, sinks)
    np.testing.assert_allclose(found.values, by_igraph(maps, sources, sinks), rtol=0, atol=1e-12)


@pytest.mark.parametrize("blocks", [4, 6, 9])
@pytest.mark.parametrize("kind", ["softmax", "loose", "sparse"])
def test_pairs_proved_in_bulk_agree_with_igraph(kind: str, blocks: int) -> None:
    """Enough pairs, deep enough, for the half flows through a hub."""
    flatter = network(kind, 5, blocks=blocks, n=24) ** 0.3
    maps = flatter / flatter.sum(axis=-1, keepdims=True) if kind == "softmax" else flatter
    found = flow_values(maps)
    np.testing.assert_allclose(found.values, by_igraph(maps), rtol=1e-12, atol=1e-12)
    assert (found.gap <= 1e-12 * np.maximum(1, found.values)).all()
    some = flow_values(maps, [3, 7], [1, 2], checked=True)
    np.testing.assert_allclose(some.values, found.values[np.ix_([3, 7], [1, 2])], rtol=1e-12)


@given(odd_maps())
def test_odd_capacities_are_solved_and_proved_in_a_bounded_number_of_phases(
    maps: np.ndarray,
) -> None:
    blocks, n, _ = maps.shape
    found = flow_values(maps, checked=True)
    for source, sink in itertools.product(range(n), repeat=2):
        trace = flow_trace(maps, [source], [sink])
        assert trace.phases <= (blocks - 1) * n + 1
        assert abs(trace.value - found.values[source, sink]) <= 1e-9 * max(1, trace.value)


@given(odd_maps(), st.data())
def test_sets_agree_with_networkx_and_are_proved(maps: np.ndarray, data: st.DataObject) -> None:
    tokens = st.lists(st.integers(0, maps.shape[1] - 1), min_size=1, unique=True)
    sources = data.draw(st.none() | tokens)
    sinks = data.draw(st.none() | tokens)
    trace = flow_trace(maps, sources, sinks)
    verify(maps, trace, sources, sinks)
    expected = of_sets(maps, sources, sinks)
    assert trace.value == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_two_blocks_have_a_closed_form() -> None:
    lower, upper = maps = network("loose", 1, blocks=2, n=6)
    expected = np.minimum(upper[:, :, None], lower[None]).sum(axis=1)
    np.testing.assert_allclose(flow_values(maps).values, expected, rtol=0, atol=1e-15)
    assert flow_trace(maps, [4], [2]).value == pytest.approx(expected[4, 2], abs=1e-15)


def test_nothing_flows_where_there_is_no_edge() -> None:
    maps = np.zeros((4, 3, 3))
    found = flow_values(maps, checked=True)
    assert not found.values.any()
    assert not found.bound.any()
    trace = flow_trace(maps)
    verify(maps, trace)
    assert trace.value == 0
    assert trace.cut == []


@pytest.mark.parametrize("kind", KINDS)
def test_subsets_are_entries_of_the_whole(kind: str) -> None:
    maps = network(kind, 2, blocks=5, n=8)
    whole = flow_values(maps)
    some = flow_values(maps, [5, 0, 5], [7, 1])
    pick = np.ix_([5, 0, 5], [7, 1])
    np.testing.assert_allclose(some.values, whole.values[pick], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(some.binding, whole.binding[pick])
    np.testing.assert_allclose(some.bound, whole.bound[pick], rtol=0, atol=1e-15)


def test_no_sources_give_an_empty_result() -> None:
    maps = network("softmax", 0, blocks=4, n=3)
    assert flow_values(maps, []).values.shape == (0, 3)
    assert flow_values(maps, None, []).values.shape == (3, 0)


def test_given_arrays_are_left_alone_and_may_be_read_only() -> None:
    maps = network("softmax", 3, blocks=5, n=6)
    expected = flow_values(maps).values
    before = maps.copy()
    maps.flags.writeable = False
    np.testing.assert_array_equal(flow_values(maps).values, expected)
    np.testing.assert_array_equal(flow_values(np.asfortranarray(maps)).values, expected)
    flow_trace(maps, [1], [2])
    np.testing.assert_array_equal(maps, before)


# --- cuts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_cut_is_the_nearest_to_the_source_of_all_minimum_cuts(seed: int) -> None:
    maps = network("dyadic", seed, blocks=3, n=2)
    source, sink = seed % 2, seed // 2 % 2
    inner = list(itertools.product((False, True), repeat=4))
    cuts = []
    for outer in itertools.product((False, True), repeat=2):
        for sides in inner:
            side = np.zeros((4, 2), bool)
            side[1:3] = np.reshape(sides, (2, 2))
            side[3, source], side[3, 1 - source] = True, outer[0]
            side[0, 1 - sink] = outer[1]
            capacity = sum(maps[b][np.ix_(side[b + 1], ~side[b])].sum() for b in range(3))
            cuts.append((capacity, side))
    least = min(capacity for capacity, _ in cuts)
    smallest = np.logical_and.reduce([side for capacity, side in cuts if capacity == least])
    trace = flow_trace(maps, [source], [sink])
    assert trace.value == least
    np.testing.assert_array_equal(trace.source_side, smallest)


@pytest.mark.parametrize("kind", KINDS)
def test_every_edge_of_the_cut_is_full_and_none_leads_back(kind: str) -> None:
    maps = network(kind, 4, blocks=5, n=6)
    trace = flow_trace(maps, [5], [1])
    for block, query, key in trace.cut:
        assert trace.edges[block, query, key] == pytest.approx(maps[block, query, key], abs=1e-12)
        assert trace.source_side[block + 1, query]
        assert not trace.source_side[block, key]
    for block in range(5):
        inward = trace.edges[block][np.ix_(~trace.source_side[block + 1], trace.source_side[block])]
        assert not inward.any()


def test_verify_refuses_what_is_not_a_maximum_flow() -> None:
    maps = network("softmax", 6, blocks=4, n=5)
    good = flow_trace(maps, [4], [1])
    verify(maps, good, [4], [1])
    for field, wrong in {
        "value": good.value - 1e-6,
        "edges": good.edges * 0.99,
        "source_side": ~good.source_side,
        "cut": good.cut[1:],
    }.items():
        with pytest.raises(AssertionError, match="refuted"):
            verify(maps, type(good)(**{**vars(good), field: wrong}), [4], [1])
    with pytest.raises(AssertionError, match="refuted"):
        verify(maps, good, [3], [1])
    with pytest.raises(AssertionError, match="refuted"):
        verify(maps * 0.9, good, [4], [1])


# --- threads, order, progress, interruption ------------------------------------------------------


@pytest.mark.parametrize("kind", ["softmax", "causal", "loose"])
def test_the_number_of_threads_changes_no_bit(kind: str) -> None:
    maps = network(kind, 8, blocks=6, n=70)
    one, two, five = (flow_values(maps, threads=count) for count in (1, 2, 5))
    for other in (two, five):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.gap, other.gap)
        np.testing.assert_array_equal(one.binding, other.binding)
    assert not engine_threads()


@pytest.mark.parametrize("blocks", [1, 2, 6])
def test_every_row_is_handed_over_once_the_wanted_one_first(blocks: int) -> None:
    maps = network("causal", 9, blocks=blocks, n=70)
    order: list[int] = []
    got = np.full((70, 70), np.nan)

    def on_rows(rows: np.ndarray, values: np.ndarray) -> None:
        order.extend(rows.tolist())
        got[rows] = values

    found = flow_values(maps, first=41, on_rows=on_rows, threads=1)
    assert sorted(order) == list(range(70))
    if blocks > 2:
        assert order[0] == 41
    np.testing.assert_array_equal(got, found.values)


def test_progress_rises_to_the_number_of_pairs() -> None:
    told: list[tuple[int, int]] = []
    flow_values(network("softmax", 9, blocks=6, n=70), progress=lambda *report: told.append(report))
    done = [report[0] for report in told]
    assert done == sorted(done)
    assert told[-1] == (4900, 4900)
    assert {total for _, total in told} == {4900}


class SetAfter:
    """A flag that is found set when it is looked at for the `count`th time."""

    def __init__(self, count: int) -> None:
        self.count = count

    def is_set(self) -> bool:
        self.count -= 1
        return self.count < 0


@pytest.mark.parametrize("blocks", [2, 6])
@pytest.mark.parametrize("looks", [0, 1, 4])
def test_a_cancelled_computation_raises_and_leaves_no_thread(blocks: int, looks: int) -> None:
    maps = network("softmax", 9, blocks=blocks, n=300)
    with pytest.raises(FlowCancelled):
        flow_values(maps, cancel=SetAfter(looks))
    assert not engine_threads()
    # Nothing of it is left behind: the same question is answered as if for the first time.
    small = network("softmax", 9, blocks=6, n=12)
    np.testing.assert_allclose(flow_values(small).values, by_igraph(small), atol=1e-12)


def test_an_interrupt_ends_the_computation_and_its_threads() -> None:
    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow_values(network("softmax", 9, blocks=6, n=300), progress=interrupted)
    assert not engine_threads()


def test_a_caller_that_fails_on_a_row_ends_the_computation() -> None:
    def failing(rows: np.ndarray, values: np.ndarray) -> None:
        raise RuntimeError("no more, thank you")

    with pytest.raises(RuntimeError, match="thank you"):
        flow_values(network("causal", 9, blocks=6, n=150), on_rows=failing)
    assert not engine_threads()


# --- refusals ------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_with_the_number_of_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    with pytest.raises(AttentionError, match=r"25000000 pairs .* needs 8\d{8} bytes"):
        flow_values(network("softmax", 0, blocks=3, n=2), [0] * 5000, [1] * 5000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda maps: maps[0], r"shape \(3, 3\)"),
        (lambda maps: maps[:, :2], r"shape \(4, 2, 3\)"),
        (lambda maps: maps[:0], r"shape \(0, 3, 3\)"),
        (lambda maps: -maps, "negative"),
        (lambda maps: maps * np.nan, "not finite"),
        (lambda maps: np.where(np.eye(3), np.inf, maps), "not finite"),
    ],
)
def test_capacities_that_are_none_are_refused(change, message: str) -> None:
    maps = change(network("softmax", 0, blocks=4, n=3))
    with pytest.raises(AttentionError, match=message):
        flow_values(maps)
    with pytest.raises(AttentionError, match=message):
        flow_trace(maps)


@pytest.mark.parametrize("token", [-1, 3])
def test_tokens_out_of_range_are_refused(token: int) -> None:
    maps = network("softmax", 0, blocks=4, n=3)
    for name, arguments in (("source", ([token], None)), ("sink", (None, [token]))):
        with pytest.raises(AttentionError, match=rf"{name}.* {token} is out of range"):
            flow_values(maps, *arguments)
        with pytest.raises(AttentionError, match=rf"{name}.* {token} is out of range"):
            flow_trace(maps, *arguments)
    with pytest.raises(AttentionError, match="at least one"):
        flow_trace(maps, [])


# --- how the kernels arrive ----------------------------------------------------------------------


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_loads_no_numba_and_warming_up_does() -> None:
    assert run_python(
        "import sys, attn_widget; from attn_widget import flow, maxflow, flowtrace\n"
        "print('numba' in sys.modules, flow.ready())\n"
        "flow.warm_up(); flow.warm_up()\n"
        "print(flow.wait_ready(), flow.ready(), 'numba' in sys.modules)"
    ).split() == ["False", "False", "True", "True", "True"]


def test_a_wait_for_the_kernels_can_be_cancelled() -> None:
    assert "cancelled" in run_python(
        "import threading; from attn_widget import flow\n"
        "flag = threading.Event(); flag.set()\n"
        "try: flow.wait_ready(cancel=flag)\n"
        "except flow.FlowCancelled: print('cancelled')"
    )


def test_a_read_only_installation_keeps_its_kernels_elsewhere(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "attn_widget"
    shutil.copytree(
        Path(attn_widget.__file__).parent, installed, ignore=shutil.ignore_patterns("__pycache__")
    )
    # A file in its place keeps numba, even when root runs this, from writing to the folder.
    (installed / "__pycache__").write_bytes(b"")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import attn_widget; from attn_widget import flow; import numpy as np\n"
        f"assert attn_widget.__file__.startswith({str(tmp_path)!r})\n"
        "print(flow.flow_values(np.full((3, 2, 2), 0.5)).values.sum())"
    )
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / ".cache")}
    assert run_python(code, **home).strip() == "4.0"
    assert list((tmp_path / "home").rglob("*.nbc"))
    assert not list((tmp_path / "site").rglob("*.nbc"))


def test_a_forked_process_computes_its_own_flow() -> None:
    if not hasattr(os, "fork"):
        return
    assert (
        run_python(
            "import os, warnings, numpy as np; from attn_widget import flow\n"
            "warnings.simplefilter('ignore')\n"
            "maps = np.full((5, 40, 40), 1 / 40)\n"
            "before = flow.flow_values(maps, threads=2).values.sum()\n"
            "if os.fork() == 0:\n"
            "    same = flow.flow_values(maps, threads=2).values.sum() == before\n"
            "    os._exit(0 if same else 1)\n"
            "print(os.waitstatus_to_exitcode(os.wait()[1]))"
        ).strip()
        == "0"
    )


def test_codes_of_bindings_are_stable() -> None:
    assert BINDINGS == ("interior", "source", "sink", "both", "none")
