"""Bytes on the wire, and the two declarations of the synced state."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from attn_widget.flow import BINDINGS
from attn_widget.state import State
from attn_widget.wire import pack, unpack

MODEL_TS = Path(__file__).parent.parent / "js" / "src" / "model.ts"


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.linspace(0, 1, 12).reshape(3, 4), "float32"),
        (np.arange(6, dtype=np.int64).reshape(2, 3), "int32"),
        (np.array([[True, False]]), "uint8"),
        (np.zeros((0, 3)), "float32"),
        (np.arange(12.0).reshape(3, 4).T, "float32"),
        (np.array([np.nan, 1.0]), "float32"),
    ],
)
def test_a_packed_array_comes_back(array, dtype):
    wire = pack(array)
    assert wire["dtype"] == dtype
    assert wire["view"].nbytes == array.size * np.dtype(dtype).itemsize
    np.testing.assert_array_equal(unpack(wire), array.astype(dtype))


def test_the_two_languages_declare_the_same_state():
    declared = re.search(
        r"export interface WidgetState \{(.*?)\n\}", MODEL_TS.read_text(), re.DOTALL
    )
    assert declared is not None
    in_typescript = set(re.findall(r"^ {2}(\w+)\??:", declared[1], re.MULTILINE))
    assert in_typescript == set(State.class_trait_names(sync=True))


def test_the_two_languages_number_the_bindings_alike():
    listed = re.search(r"export const BINDINGS = \[(.*?)\]", MODEL_TS.read_text(), re.DOTALL)
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == [*BINDINGS, "unknown"]
