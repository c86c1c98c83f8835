"""What a selection means as the two ends of a trace."""

from __future__ import annotations

import numpy as np
import pytest

from attn_widget import AttentionError
from attn_widget.selection import Selection, check_nodes, ends, follow


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], Selection(1, 5, None, None)),
        ([(5, 2)], Selection(1, 5, (2,), None)),
        ([(3, 2)], Selection(1, 3, (2,), None)),
        ([(1, 2)], Selection(1, 5, None, (2,))),
        ([(5, 2), (5, 0)], Selection(1, 5, (2, 0), None)),
        ([(1, 4), (5, 2)], Selection(1, 5, (2,), (4,))),
        ([(2, 4), (4, 2), (2, 0)], Selection(2, 4, (2,), (4, 0))),
    ],
)
def test_one_level_is_one_end_and_two_levels_are_two(nodes, expected):
    assert ends(nodes, (1, 5)) == expected


def test_nodes_are_normalised_and_named_once():
    nodes = check_nodes([[np.int64(3), 1], (3, 1), (0, 0)], 6, 4)
    assert nodes == [(3, 1), (0, 0)]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (7, "list of"),
        ("it", "list of"),
        ([3], "pair of whole numbers"),
        ([(1, 2, 3)], "pair of whole numbers"),
        ([(1, 2.5)], "pair of whole numbers"),
        ([(True, 1)], "pair of whole numbers"),
        ([(7, 0)], "level 7"),
        ([(-1, 0)], "level -1"),
        ([(0, 4)], "token 4"),
        ([(0, 0), (1, 0), (2, 0)], "at most two"),
    ],
)
def test_what_is_no_selection_is_refused_in_one_sentence(nodes, words):
    with pytest.raises(AttentionError, match=words):
        check_nodes(nodes, 6, 4)


def test_a_selection_stays_at_the_ends_of_the_range_it_sat_at():
    nodes = [(6, 1), (0, 2)]
    assert follow(nodes, (0, 6), (1, 4)) == [(4, 1), (1, 2)]


def test_what_falls_out_of_the_range_is_dropped():
    assert follow([(5, 1)], (0, 6), (0, 4)) == []
    assert follow([(3, 1)], (0, 6), (0, 4)) == [(3, 1)]
