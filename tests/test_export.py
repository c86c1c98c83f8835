"""Data frames and datasets: the matrix with every setting, in the same columns for every method."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pandas as pd
import pytest

import attn_widget as aw

SAMPLE = aw.load_sample()
COLUMNS = [
    *("query", "query_token", "key", "key_token", "value", "bound", "binding"),
    *("method", "start", "stop", "heads", "top_head", "residual", "drop", "baseline"),
]


@pytest.fixture
def widget():
    made = aw.AttentionWidget(SAMPLE, levels=(0, 4), heads=3, residual=0.65)
    yield made
    made.close()


@pytest.mark.parametrize("method", ["attention", "rollout", "flow"])
def test_every_method_has_the_same_columns(widget, method):
    widget.method = method
    frame = widget.to_frame()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 256
    np.testing.assert_array_equal(frame["value"], widget.matrix.ravel())
    row = frame[(frame["query"] == 10) & (frame["key"] == 13)].iloc[0]
    assert (row["query_token"], row["key_token"], row["heads"]) == ("it", "big", 3)
    assert (row["start"], row["stop"]) == ((3, 4) if method == "attention" else (0, 4))
    for name in ("bound", "binding"):
        assert frame[name].isna().all() == (method != "flow")
    assert frame["residual"].isna().all() == (method == "attention")
    if method == "flow":
        assert (frame["value"] <= frame["bound"] + 1e-9).all()
        assert row["binding"] == "interior"
        bottom = aw.layer_maps(SAMPLE, levels=(0, 4), heads=3, residual=0.65)[0]
        expected = np.tile(np.minimum(1, bottom.sum(axis=0)), 16)
        np.testing.assert_allclose(frame["bound"].astype(float), expected, atol=1e-12)


def test_frames_of_all_methods_stack(widget):
    frames = []
    for method in ("attention", "rollout", "flow"):
        widget.method = method
        frames.append(widget.to_frame())
    stacked = pd.concat(frames)
    assert stacked.groupby("method")["value"].count().tolist() == [256, 256, 256]


def test_every_setting_is_there(widget):
    widget.heads, widget.top_head, widget.drop = [1, 4], 0, [0, 15]
    widget.residual = [0.1, 0.2, 0.3, 0.4]
    row = widget.to_frame().iloc[0]
    assert json.loads(row["heads"]) == [1, 4]
    assert json.loads(row["drop"]) == [0, 15]
    assert json.loads(row["residual"]) == [0.1, 0.2, 0.3, 0.4]
    assert row["top_head"] == 0
    widget.top_head = None
    assert widget.to_frame()["top_head"].isna().all()


def test_lone_surrogates_and_markup_are_text(widget, tmp_path):
    widget.attention = aw.Attention(
        SAMPLE.weights[:, :, :3, :3], ["\ud83d", "</script>", "a,b"], normalise=True
    )
    frame = widget.to_frame()
    assert frame["key_token"].tolist()[:3] == ["\ud83d", "</script>", "a,b"]
    frame.to_csv(tmp_path / "a.csv", errors="backslashreplace", index=False)
    back = pd.read_csv(tmp_path / "a.csv")
    assert back["key_token"].tolist()[:3] == [r"\ud83d", "</script>", "a,b"]
    data = widget.to_xarray()
    assert data["key_token"].values.tolist() == ["\ud83d", "</script>", "a,b"]


def without(monkeypatch, package):
    real = builtins.__import__

    def absent(name, *rest):
        if name == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)


@pytest.mark.parametrize(("package", "export"), [("pandas", "to_frame"), ("xarray", "to_xarray")])
def test_a_missing_package_is_named(widget, monkeypatch, package, export):
    without(monkeypatch, package)
    with pytest.raises(ImportError, match=f"{export} needs {package}: pip install {package}"):
        getattr(widget, export)()


@pytest.mark.parametrize("method", ["rollout", "flow"])
def test_a_dataset_has_named_dimensions(widget, method):
    widget.method = method
    data = widget.to_xarray()
    assert dict(data.sizes) == {"query": 16, "key": 16}
    np.testing.assert_array_equal(data["value"], widget.matrix)
    assert data["query_token"].values.tolist() == list(SAMPLE.tokens)
    assert float(data["value"].sel(query=10, key=13)) == widget.matrix[10, 13]
    assert data.attrs["heads"] == 3
    assert data.attrs["method"] == method
    assert bool(np.isnan(data["bound"]).all()) == (method == "rollout")
    assert (data["binding"] == "").all() == (method == "rollout")
