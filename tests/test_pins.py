"""Selections kept with their settings, and the difference of two."""

from __future__ import annotations

import re

import numpy as np
import pytest

import attn_widget as aw
from attn_widget.wire import unpack

SAMPLE = aw.load_sample()


@pytest.fixture
def widget():
    made = aw.AttentionWidget(SAMPLE, levels=(0, 4), heads=3, residual=0.65, selected=[(4, 10)])
    yield made
    made.close()


def compared(widget):
    widget._comparison_job.wait()
    return {side: shown["matrix"] for side, shown in widget.shown_comparison.items()}


def test_a_pin_keeps_the_settings_and_brings_them_back(widget):
    pin = widget.pin()
    assert pin["name"] == "‘it’, head 3"
    widget.set_state({"method": "flow", "heads": "max", "levels": [1, 6], "residual": 0.2})
    widget.selected = [(6, 2), (1, 3)]
    assert widget.pin("mine")["name"] == "mine"
    widget.show_pin(0)
    assert (widget.method, widget.heads, widget.levels) == ("rollout", 3, (0, 4))
    assert (widget.residual, widget.selected) == (0.65, [(4, 10)])
    widget.show_pin("mine")
    assert (widget.levels, widget.selected) == ((1, 6), [(6, 2), (1, 3)])
    with pytest.raises(aw.AttentionError, match="no pin"):
        widget.show_pin("yours")
    with pytest.raises(aw.AttentionError, match="no pin"):
        widget.show_pin(2)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "all outputs, all heads"),
        (
            {"selected": [[4, 10], [0, 13]], "heads": 8, "method": "flow"},
            "‘it’ from ‘big’, head 8, flow",
        ),
        ({"selected": [[4, 10], [4, 13]], "heads": [1, 2]}, "‘big’ and ‘it’, heads 1, 2"),
        ({"selected": [[0, 2]], "heads": "max"}, "‘trophy’, max"),
    ],
)
def test_a_pin_is_named_by_what_is_particular_to_it(widget, settings, name):
    widget.pins = [{"levels": [0, 4], **settings}]
    assert widget.pins[0]["name"] == name


def test_two_pins_are_compared_number_by_number(widget):
    widget.pin()
    widget.heads = "mean"
    widget.pin()
    widget.set_state({"compared": [0, 1]})
    shown = compared(widget)
    a, b = (unpack(shown[side]["terms"])[0] for side in "ab")
    np.testing.assert_allclose(
        a, aw.rollout(SAMPLE, levels=(0, 4), heads=3, residual=0.65), atol=1e-6
    )
    np.testing.assert_allclose(b, aw.rollout(SAMPLE, levels=(0, 4), residual=0.65), atol=1e-6)
    relevance = unpack(widget.shown_comparison["a"]["trace"]["relevance"])
    np.testing.assert_allclose(relevance, a[10], atol=1e-6)
    widget.compared = []
    assert widget.shown_comparison == {}


def test_flow_is_compared_too(widget):
    widget.pins = [{"method": "flow", "selected": [[6, 10]]}, {"selected": [[6, 10]]}]
    widget.compared = [0, 1]
    shown = compared(widget)
    np.testing.assert_allclose(unpack(shown["a"]["terms"])[0], aw.attention_flow(SAMPLE), atol=1e-6)
    assert shown["a"]["method"] == "flow"


def test_a_removed_pin_ends_its_comparison(widget):
    widget.pin()
    widget.heads = "mean"
    widget.pin()
    widget.compared = [0, 1]
    widget.pins = widget.pins[:1]
    assert widget.compared == []
    assert widget.shown_comparison == {}


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ("it", "pins[0] is 'it'"),
        ([3], "pins[0] is 3"),
        ([{"metod": "flow"}], "no setting 'metod'"),
        ([{}, {"heads": 12}], "pins[1]: head 12"),
        ([{"levels": [3, 1]}], "pins[0]: levels"),
        ([{"levels": [0, 4], "selected": [[6, 1]]}], "level 6"),
    ],
)
def test_what_is_no_pin_is_refused(widget, pins, words):
    widget.pin()
    with pytest.raises(aw.AttentionError, match=re.escape(words)):
        widget.pins = pins
    assert len(widget.pins) == 1


@pytest.mark.parametrize(
    ("pair", "words"),
    [([0], "two indices"), ([0, 2], "pin 2"), ([1, 1], "twice"), ([0, True], "True")],
)
def test_what_cannot_be_compared_is_refused(widget, pair, words):
    widget.pins = [{}, {}]
    with pytest.raises(aw.AttentionError, match=words):
        widget.compared = pair
    assert widget.compared == []
