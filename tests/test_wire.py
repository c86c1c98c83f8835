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
        (np.arange(6, dtype=np.int64).reshape(2, 3), "uint8"),
        (np.array([0, 255, 256]), "uint16"),
        (np.array([0, 65536]), "int32"),
        (np.array([-1, 3]), "int32"),
        (np.zeros((0, 3), dtype=np.int64), "uint8"),
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


def test_short_floats_keep_sixteen_bits():
    rng = np.random.default_rng(0)
    array = np.concatenate([[0.0, 1.0, 0.5, 1e-30], rng.uniform(0, 1, 999) ** 8])
    wire = pack(array.reshape(17, 59), short=True)
    assert (wire["dtype"], wire["view"].nbytes) == ("float24", 3 * array.size)
    back = unpack(wire)
    assert back.shape == (17, 59)
    np.testing.assert_allclose(back.ravel(), array, rtol=2.0**-16)
    np.testing.assert_array_equal(back.ravel()[:3], [0, 1, 0.5])


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
