"""One file an attention: what comes back is what went in, and a broken file says so."""

from __future__ import annotations

import errno
import json
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

import attn_widget as aw
from attn_widget import writing
from attn_widget.layout import Network, Picture
from attn_widget.words import Words

SAMPLE = aw.load_sample()


@pytest.fixture
def saved(tmp_path):
    return aw.save(SAMPLE, tmp_path / "trophy.attn")


def on_disk(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def same(a, b):
    np.testing.assert_array_equal(a.weights, b.weights)
    assert a.weights.dtype == b.weights.dtype
    for name in ("tokens", "special", "kind", "dtype", "notes", "words", "produced", "network"):
        assert getattr(a, name) == getattr(b, name), name


@pytest.mark.parametrize("mmap", [True, False])
def test_what_comes_back_is_what_went_in(saved, mmap):
    same(aw.load(saved, mmap=mmap), SAMPLE)


def test_the_weights_stay_on_disk_if_wished(saved):
    mapped = aw.load(saved)
    assert on_disk(mapped.weights)
    assert not on_disk(aw.load(saved, mmap=False).weights)
    np.testing.assert_array_equal(aw.rollout(mapped), aw.rollout(SAMPLE))
    # Writing over the file that is being read leaves what is mapped alone.
    aw.save(aw.load_sample("keys"), saved, overwrite=True)
    same(mapped, SAMPLE)


def test_everything_about_the_tokens_survives(tmp_path):
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.ones(6), size=(4, 2, 6)).astype(np.float32)
    image = rng.integers(0, 255, (8, 6, 3), dtype=np.uint8)
    given = aw.Attention(
        weights,
        ["\ud83d", "</script>", "a\nb", "Ġx", "😀", ""],
        special=[0, 5],
        produced=[None, "b", "\udc00", None, None, "e"],
        words=Words(("a", "b"), (0, 0, 0, 1, 1, 1)),
        network=Network(3, ("encoder", "encoder", "decoder", "cross")),
        picture=Picture((2, 2), 1, image),
    )
    back = aw.load(aw.save(given, tmp_path / "all.attn"))
    same(back, given)
    assert (back.picture.grid, back.picture.first) == ((2, 2), 1)
    np.testing.assert_array_equal(back.picture.image, image)


def test_rows_that_are_rescaled_later_and_types_that_numpy_lacks_survive(tmp_path):
    fused = aw.Attention(SAMPLE.weights * np.float16(0.5), normalise="fused")
    same(aw.load(aw.save(fused, tmp_path / "fused.attn")), fused)
    brain = aw.Attention(torch.tensor(SAMPLE.weights, dtype=torch.float32).bfloat16())
    back = aw.load(aw.save(brain, tmp_path / "brain.attn"))
    same(back, brain)
    assert back.dtype == "bfloat16"


def test_a_file_is_never_replaced_unasked(saved):
    before = saved.read_bytes()
    with pytest.raises(aw.AttentionError, match=r"is there already: .*overwrite=True"):
        aw.save(aw.load_sample("keys"), saved)
    assert saved.read_bytes() == before
    aw.save(aw.load_sample("keys"), saved, overwrite=True)
    assert aw.load(saved).tokens[2] == "keys"
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_full_disk_leaves_no_half_file(saved, monkeypatch, overwrite):
    before = saved.read_bytes()
    path = saved if overwrite else saved.with_name("new.attn")

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(aw.AttentionError, match="No space left on device") as caught:
        aw.save(aw.load_sample("keys"), path, overwrite=overwrite)
    assert isinstance(caught.value, OSError)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    for path in (tmp_path / "no" / "where.attn", tmp_path):
        with pytest.raises(aw.AttentionError, match=str(path)):
            aw.save(SAMPLE, path)
    with pytest.raises(aw.AttentionError, match="make it an aw"):
        aw.save(SAMPLE.weights, tmp_path / "x.attn")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("mmap", [True, False])
def test_a_file_that_is_cut_short_says_so(saved, tenth, mmap):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) * tenth // 10])
    with pytest.raises(aw.AttentionError) as caught:
        aw.load(saved, mmap=mmap)
    message = str(caught.value)
    assert str(saved) in message
    assert ("no attention file" if tenth == 0 else "cut short or damaged") in message
    assert "\n" not in message


def array_file(path):
    weights = SAMPLE.weights.astype(np.float32)
    if path.suffix == ".npy":
        np.save(path, weights)
    elif path.suffix == ".npz":
        np.savez(path, attentions=weights, tokens=np.array(SAMPLE.tokens))
    else:
        save_file({"attentions": weights}, path, {"tokens": json.dumps(SAMPLE.tokens)})


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors"])
def test_an_array_file_that_is_cut_short_says_so(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    array_file(path)
    whole = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(whole[: len(whole) * tenth // 10])
        with pytest.raises(aw.AttentionError) as caught:
            aw.load(path)
        message = str(caught.value)
        assert str(path) in message
        assert "cut short" in message
        assert "\n" not in message


@pytest.mark.parametrize("path", [None, 5, "", "a\0b.attn", "x" * 300 + ".attn", "~nobody-here/x"])
def test_what_is_no_path_gets_a_sentence(path):
    for use in (aw.load, lambda path: aw.save(SAMPLE, path)):
        with pytest.raises(aw.AttentionError) as caught:
            use(path)
        assert "\n" not in str(caught.value)


def test_the_home_folder_is_found_and_a_name_may_be_long(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    name = "x" * 240 + ".attn"  # as long as a file system takes
    assert aw.save(SAMPLE, f"~/{name}") == tmp_path / name
    same(aw.load(f"~/{name}"), SAMPLE)


def test_a_misspelt_setting_is_named(tmp_path):
    with pytest.raises(aw.AttentionError, match="did you mean 'overwrite'"):
        aw.save(SAMPLE, tmp_path / "a.attn", overwite=True)
    with pytest.raises(aw.AttentionError, match="did you mean 'mmap'"):
        aw.load(tmp_path / "a.attn", nmap=True)


def test_every_byte_of_the_header_is_guarded(saved):
    whole = saved.read_bytes()
    length = int.from_bytes(whole[16:24], "little")
    for at in [*range(24), *range(24, 24 + length, 37)]:
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(aw.AttentionError):
            aw.load(saved)
    saved.write_bytes(whole + b"\0")
    with pytest.raises(aw.AttentionError, match="cut short or damaged"):
        aw.load(saved)


def test_a_newer_version_a_foreign_file_and_none_are_three_sentences(saved):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:8] + (7).to_bytes(4, "little") + whole[12:])
    with pytest.raises(aw.AttentionError, match="version 7 and this package reads version 1"):
        aw.load(saved)
    saved.write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(aw.AttentionError, match="is no attention file"):
        aw.load(saved)
    saved.unlink()
    with pytest.raises(aw.AttentionError, match="There is no file"):
        aw.load(saved)


def test_weights_that_are_none_are_refused(saved):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-64] + np.full(32, np.nan, "<f2").tobytes())
    with pytest.raises(aw.AttentionError, match="holds no attention"):
        aw.load(saved)


def test_arrays_of_other_tools_are_read(tmp_path):
    weights = SAMPLE.weights.astype(np.float32)
    tokens = list(SAMPLE.tokens)
    np.save(tmp_path / "a.npy", weights)
    np.savez(tmp_path / "b.npz", attentions=weights, tokens=np.array(tokens))
    np.savez(tmp_path / "c.npz", **{f"layer.{i}": w[None] for i, w in enumerate([*weights] * 2)})
    for name in ("a.npy", "b.npz"):
        np.testing.assert_array_equal(aw.load(tmp_path / name).weights, weights)
    assert aw.load(tmp_path / "b.npz").tokens == SAMPLE.tokens
    twelve = aw.load(tmp_path / "c.npz")  # layer 10 after layer 9
    np.testing.assert_array_equal(twelve.weights, np.concatenate([weights, weights]))


def test_arrays_that_are_no_attention_are_told_with_their_shapes(tmp_path):
    weights = SAMPLE.weights.astype(np.float32)
    path = tmp_path / "a.npz"
    np.savez(path, queries=weights, keys=weights)
    with pytest.raises(aw.AttentionError, match=r"keys \(6, 12, 16, 16\).*show \"attentions\""):
        aw.load(path)
    np.savez(path, logits=np.eye(3))
    with pytest.raises(aw.AttentionError, match=r"holds logits \(3, 3\): one array"):
        aw.load(path)
    np.savez(path)
    with pytest.raises(aw.AttentionError, match="holds no array"):
        aw.load(path)


def test_safetensors_are_read(tmp_path):
    weights = SAMPLE.weights.astype(np.float32)
    save_file(
        {"attentions": weights}, tmp_path / "a.safetensors", {"tokens": json.dumps(SAMPLE.tokens)}
    )
    back = aw.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(back.weights, weights)
    assert back.tokens == SAMPLE.tokens
    (tmp_path / "b.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(aw.AttentionError, match="is no safetensors file, or is cut short"):
        aw.load(tmp_path / "b.safetensors")
    save_torch({"attentions": torch.tensor(weights).bfloat16()}, tmp_path / "c.safetensors")
    with pytest.raises(aw.AttentionError, match="holds bfloat16, which numpy lacks"):
        aw.load(tmp_path / "c.safetensors")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_pickle_in_an_array_file_is_never_loaded(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(aw.AttentionError):
        aw.load(tmp_path / name)
    save = np.save if name == "a.npy" else np.savez
    save(tmp_path / name, np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(aw.AttentionError, match="pickle"):
        aw.load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
