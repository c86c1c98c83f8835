"""Every head at a glance."""

from __future__ import annotations

import numpy as np
import pytest

import attn_widget as aw
from attn_widget.headmaps import head_maps, head_shares
from attn_widget.rollout import masses_down, masses_up
from attn_widget.wire import unpack

SAMPLE = aw.load_sample()


def test_a_short_text_keeps_every_cell():
    found = head_maps(SAMPLE)
    weights = SAMPLE.weights.astype(float)
    assert found.maps.shape == (6, 12, 16, 16)
    scaled = np.minimum(weights / found.tops[:, :, None, None], 1)
    np.testing.assert_allclose(found.maps / 255, scaled, atol=0.5 / 255 + 1e-3)
    percentile = np.percentile(weights.reshape(6, 12, -1), 98.5, axis=-1)
    np.testing.assert_allclose(found.tops, percentile, rtol=1e-3)


def test_a_long_text_is_averaged():
    n = 100
    weights = np.full((1, 1, n, n), 1 / n)
    found = head_maps(aw.Attention(weights))
    assert found.maps.shape == (1, 1, 48, 48)
    assert (found.maps == 255).all()
    assert found.tops[0, 0] == pytest.approx(1 / n)


def test_entropy_has_its_closed_forms():
    n = 8
    identity, uniform = np.eye(n), np.full((n, n), 1 / n)
    found = head_maps(aw.Attention([[identity, uniform]]))
    np.testing.assert_allclose(found.entropy, [[0, 3]], atol=1e-6)


def test_shares_of_the_heads_add_up_to_the_trace():
    maps = aw.layer_maps(SAMPLE, residual=0.0)
    source, sink = np.eye(16)[10], np.eye(16)[13]
    down, up = masses_down(maps, source), masses_up(maps, sink)
    shares = head_shares(SAMPLE.weights, down, up)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    carried = np.einsum("bq,bhqk,bk->bh", down[1:], SAMPLE.weights.astype(float), up[:-1])
    np.testing.assert_allclose(shares, carried / carried.sum(axis=1, keepdims=True), atol=1e-6)


def test_a_trace_that_carries_nothing_is_shared_evenly():
    shares = head_shares(SAMPLE.weights, np.zeros((7, 16)), np.ones((7, 16)))
    np.testing.assert_allclose(shares, 1 / 12)


def test_the_overview_is_sent_when_it_is_unfolded():
    widget = aw.AttentionWidget(SAMPLE, selected=[(6, 10)])
    assert widget.head_maps == {}
    widget.set_state({"heads_open": True})
    assert unpack(widget.head_maps["maps"]).shape == (6, 12, 16, 16)
    before = unpack(widget.head_shares["shares"])
    assert before.shape == (6, 12)
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-6)
    widget.selected = [(3, 10)]
    assert widget.head_shares["levels"] == (0, 3)
    assert unpack(widget.head_shares["shares"]).shape == (3, 12)
