"""One computation over many texts: what is computed, what is kept, and what cannot be lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import attn_widget as aw
from attn_widget import writing
from attn_widget.corpusrun import GoneError
from attn_widget.flow import BINDINGS, flow_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUIET: dict[str, Any] = {"progress": False, "workers": 2}


def attention(seed: int, n: int = 7, *, layers: int = 3, heads: int = 2) -> aw.Attention:
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(n, 0.3), size=(layers, heads, n)).astype(np.float32)
    tokens = ["[CLS]", *(f"w{seed}.{i}" for i in range(1, n - 1)), "[SEP]"]
    return aw.Attention(weights, tokens)


def corpus_of(count: int) -> list[aw.Attention]:
    """Texts of mixed lengths, from 3 tokens on."""
    return [attention(seed, 3 + seed % 6) for seed in range(count)]


def count_tokens(one: aw.Attention) -> dict[str, Any]:
    return {"count": one.n_tokens, "first": one.tokens[1]}


def table(corpus: aw.Corpus) -> pd.DataFrame:
    return corpus.to_frame()


def same(left: aw.Corpus, right: aw.Corpus) -> None:
    names = [part.name for part in sorted(left.path.glob("part-*"))]
    assert names == [part.name for part in sorted(right.path.glob("part-*"))]
    for name in names:
        assert pq.read_table(left.path / name).equals(pq.read_table(right.path / name))
    assert left.meta == right.meta


# --- what is computed ----------------------------------------------------------------------------


def test_relevance_is_the_rollout_of_each_text(tmp_path: Path) -> None:
    items = corpus_of(9)
    settings = {"levels": (0, 2), "heads": "max", "residual": 0.3, "source": -1}
    frame = table(aw.map_corpus(iter(items), to=tmp_path / "out", chunk=4, **settings, **QUIET))
    assert frame["item"].tolist() == list(range(9))
    for row, one in zip(frame.itertuples(), items, strict=True):
        wanted = aw.rollout(one, levels=(0, 2), heads="max", residual=0.3)[-1]
        np.testing.assert_allclose(row.relevance, wanted, atol=1e-12)
        assert list(row.tokens) == list(one.tokens)
        assert row.special_share == pytest.approx(wanted[0] + wanted[-1])
        words = wanted[1:-1]
        assert row.top == one.tokens[1 + int(words.argmax())]
        assert row.top_share == pytest.approx(words.max())
        assert row.entropy == pytest.approx(-(wanted * np.log2(wanted)).sum())


def test_flow_is_the_flow_of_all_pairs(tmp_path: Path) -> None:
    items = corpus_of(5)
    frame = table(aw.map_corpus(items, "flow", to=tmp_path / "out", residual=0.8, **QUIET))
    for row, one in zip(frame.itertuples(), items, strict=True):
        n = one.n_tokens
        found = flow_values(aw.layer_maps(one, residual=0.8))
        np.testing.assert_array_equal(row.flow.reshape(n, n), found.values)
        held = (found.values >= found.bound - 1e-9).mean()  # every pair of these is joined
        assert row.bound_share == pytest.approx(held)
        speaks = found.binding == BINDINGS.index("interior")
        inner = np.zeros((n, n), dtype=bool)
        inner[1:-1, 1:-1] = True
        speaks &= inner & ~np.eye(n, dtype=bool)
        if speaks.any():
            assert (
                row.peak == found.values[speaks].max() == found.values[int(row.query), int(row.key)]
            )
        else:
            assert pd.isna(row.peak)


def test_relevance_by_flow_says_how_much_is_bound(tmp_path: Path) -> None:
    items = corpus_of(3)
    for source in (0, None):
        corpus = aw.map_corpus(
            items, to=tmp_path / str(source), method="flow", source=source, **QUIET
        )
        for row, one in zip(table(corpus).itertuples(), items, strict=True):
            found = flow_values(aw.layer_maps(one))
            rows = slice(None) if source is None else slice(0, 1)
            np.testing.assert_allclose(row.relevance, found.values[rows].mean(axis=0))
            held = found.values[rows] >= found.bound[rows] - 1e-9
            assert row.bound_share == pytest.approx(held.mean())


def test_heads_of_even_and_of_diagonal_attention(tmp_path: Path) -> None:
    n = 8
    even, alone = np.full((n, n), 1 / n), np.eye(n)
    one = aw.Attention([[even, alone]] * 3, ["[CLS]", *"abcdef", "[SEP]"])
    corpus = aw.map_corpus([one], "heads", to=tmp_path / "out", residual=0.0, outputs=n, **QUIET)
    (row,) = table(corpus).itertuples()
    grid = {
        name: getattr(row, name).reshape(3, 2)
        for name in ("entropy", "distance", "special_share", "bound_share")
    }
    np.testing.assert_allclose(grid["entropy"], [[3, 0]] * 3, atol=1e-6)
    np.testing.assert_allclose(grid["distance"], [[(n * n - 1) / (3 * n), 0]] * 3, rtol=1e-6)
    np.testing.assert_allclose(grid["special_share"], [[2 / n, 2 / n]] * 3, rtol=1e-6)
    # One layer: an entry of the map is below what its row gives and its column takes, unless it
    # is the only one of the two.
    np.testing.assert_allclose(grid["bound_share"][0], [0, 1])
    assert row.mean_entropy == pytest.approx(1.5)


def test_shares_on_the_bound_are_those_of_the_head_on_top(tmp_path: Path) -> None:
    one = attention(3, 9)
    corpus = aw.map_corpus([one], "heads", to=tmp_path / "out", outputs=9, **QUIET)
    found = table(corpus)["bound_share"][0].reshape(3, 2)
    for layer in range(3):
        for head in range(2):
            maps = aw.layer_maps(one, levels=(0, layer + 1), top_head=head)
            values = flow_values(maps)
            held = (values.values >= values.bound - 1e-9).mean()
            assert found[layer, head] == pytest.approx(held)


def test_a_function_of_ones_own(tmp_path: Path) -> None:
    def first_letters(one: aw.Attention, *, many: int) -> list[dict[str, Any]]:
        return [
            {"letter": token[0], "at": np.int64(i)} for i, token in enumerate(one.tokens[:many])
        ]

    corpus = aw.map_corpus(corpus_of(3), first_letters, to=tmp_path / "out", many=2, **QUIET)
    frame = table(corpus)
    assert frame["item"].tolist() == [0, 0, 1, 1, 2, 2]
    assert frame["row"].tolist() == [0, 1] * 3
    assert frame["letter"].tolist() == ["[", "w"] * 3
    assert frame["at"].tolist() == [0, 1] * 3
    assert corpus.meta["columns"]["at"]["type"] == "int64"
    assert len(corpus) == 3
    assert [row["letter"] for row in corpus[1]] == ["[", "w"]


def test_columns_of_several_types_agree_in_the_end(tmp_path: Path) -> None:
    def odd(one: aw.Attention) -> dict[str, Any]:
        n = one.n_tokens
        extra = {"late": 1.5} if n == 8 else {}
        return {"whole": n if n < 6 else n / 2, "mixed": "long" if n > 6 else n} | extra

    corpus = aw.map_corpus(corpus_of(6), odd, to=tmp_path / "out", chunk=1, **QUIET)
    plain = pd.read_parquet(corpus.path)  # by a reader that takes the first schema for all
    assert plain["whole"].tolist() == [3.0, 4.0, 5.0, 3.0, 3.5, 4.0]
    assert plain["mixed"].tolist() == ["3", "4", "5", "6", "long", "long"]
    assert plain["late"].isna().tolist() == [True] * 5 + [False]


def test_evaluation_asks_the_model(tmp_path: Path) -> None:
    from tiny_models import sixty_words, tiny

    model, tokenizer = tiny("gpt2"), sixty_words()
    texts = ["w4 w5 w6", "w7 w8 w9 w10"]
    settings = {"references": "blank_out", "levels": "each"}
    corpus = aw.map_corpus(
        texts,
        "evaluation",
        to=tmp_path / "out",
        model=model,
        tokenizer=tokenizer,
        **settings,
        **QUIET,
    )
    evaluator = aw.Evaluator(model, tokenizer=tokenizer, **settings)
    for item, text in enumerate(texts):
        wanted = evaluator(text)
        assert len(corpus[item]) == len(wanted) == 9
        for row, one in zip(corpus[item], wanted, strict=True):
            assert row["spearman"] == pytest.approx(one["spearman"], nan_ok=True)
            assert (row["method"], row["stop"]) == (one["method"], one["stop"])
            assert row["tokens"] == text.split()


def test_evaluation_names_the_tokens_that_it_evaluated(tmp_path: Path) -> None:
    from tiny_models import sixty_words, tiny

    tokenizer = sixty_words()
    tokenizer.model_max_length = 6
    corpus = aw.map_corpus(
        ["w4 w5 w6", "w7 " * 9],
        "evaluation",
        to=tmp_path / "out",
        model=tiny("gpt2"),
        tokenizer=tokenizer,
        references="gradients",
        **QUIET,
    )
    frame = table(corpus)
    assert frame["error"].isna().all()
    assert [len(tokens) for tokens in frame["tokens"]] == frame["n_tokens"].tolist()
    assert set(frame["n_tokens"]) == {3, 6}


# --- items ---------------------------------------------------------------------------------------


def test_files_and_arrays_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    one = attention(1)
    saved = aw.save(one, tmp_path / "one.attn")
    np.savez(tmp_path / "two.npz", weights=one.weights, tokens=list(one.tokens))
    (tmp_path / "three.attn").write_bytes(b"nothing")
    items = [
        saved,
        str(tmp_path / "two.npz"),
        one.weights,
        tmp_path / "three.attn",
        tmp_path / "gone.attn",
        42,
        one,
    ]
    corpus = aw.map_corpus(items, to=tmp_path / "out", chunk=2, **QUIET)
    frame = table(corpus)
    assert frame["error"].isna().tolist() == [True, True, True, False, False, False, True]
    assert "no attention file" in frame["error"][3]
    assert "no file" in frame["error"][4]
    np.testing.assert_allclose(frame["relevance"][0], frame["relevance"][6])
    np.testing.assert_allclose(frame["relevance"][1], frame["relevance"][6])
    assert frame["origin"][0] == str(saved)
    assert corpus.errors["item"].tolist() == [3, 4, 5]
    assert corpus.meta["errors"] == 3
    assert corpus.attention(0).tokens == one.tokens
    with pytest.raises(aw.AttentionError, match="no attention file"):
        corpus.attention(3)


def test_texts_go_through_the_model_in_batches(tmp_path: Path) -> None:
    from tiny_models import tiny, word_pieces

    model, tokenizer = tiny("bert", "sdpa"), word_pieces()
    texts = ["the", "unreadable the.", "the the the the", ".", "un the unreadable"]
    settings: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "source": 0, **QUIET}
    alone = aw.map_corpus(texts, to=tmp_path / "one", batch=1, **settings)
    batched = aw.map_corpus(texts, to=tmp_path / "all", batch=4, **settings)
    assert alone.meta["errors"] == batched.meta["errors"] == 0
    for left, right in zip(table(alone).itertuples(), table(batched).itertuples(), strict=True):
        assert list(left.tokens) == list(right.tokens)
        np.testing.assert_allclose(left.relevance, right.relevance, atol=1e-6)
    assert list(table(alone)["tokens"][1]) == ["un", "##read", "##able", "the", "."]
    # The attention comes back through the model, also when the data set is only opened.
    assert batched.attention(1).tokens == alone.attention(1).tokens
    opened = aw.open_corpus(tmp_path / "all")
    with pytest.raises(aw.AttentionError, match="BertModel"):
        opened.attention(1)
    again = opened.attention(1, model=model, tokenizer=tokenizer)
    np.testing.assert_allclose(aw.rollout(again)[0], table(batched)["relevance"][1], atol=1e-6)


def test_a_model_that_raises_on_one_text(tmp_path: Path) -> None:
    def model(text: str) -> aw.Attention:
        if text == "bad":
            message = "no\nsuch thing"
            raise ValueError(message)
        return attention(len(text))

    texts = ["a", "bb", "bad", "cccc", "dd"]
    corpus = aw.map_corpus(texts, to=tmp_path / "out", model=model, chunk=3, **QUIET)
    frame = table(corpus)
    assert frame["origin"].tolist() == texts
    assert frame["error"].dropna().to_dict() == {2: "ValueError: no such thing"}
    assert frame["relevance"].notna().tolist() == [True, True, False, True, True]
    assert repr(corpus).startswith("Corpus('relevance', 5 items, 1 failed")


def test_an_error_of_a_function_is_that_items_alone(tmp_path: Path) -> None:
    def picky(one: aw.Attention) -> Any:
        if one.n_tokens == 8:
            raise ZeroDivisionError("division by zero")
        wrong = ({"x": 1}, "text", {"item": 3}, {"x": object()}, [{"x": 2}, 3])
        return wrong[one.n_tokens - 3]

    corpus = aw.map_corpus(corpus_of(6), picky, to=tmp_path / "out", **QUIET)
    errors = table(corpus)["error"]
    assert pd.isna(errors[0])
    assert "a dict or a list of dicts is wanted" in errors[1]
    assert "column named 'item'" in errors[2]
    assert "can be stored" in errors[3]
    assert "a dict or a list of dicts is wanted" in errors[4]
    assert errors[5] == "ZeroDivisionError: division by zero"


def test_no_items_and_one_item(tmp_path: Path) -> None:
    none = aw.map_corpus([], to=tmp_path / "none", **QUIET)
    assert len(none) == 0
    assert list(none.to_frame().columns) == list(none.meta["columns"])
    assert len(none.errors) == 0
    one = aw.map_corpus(corpus_of(1), to=tmp_path / "one", **QUIET)
    assert len(one) == len(one.to_frame()) == 1
    with pytest.raises(aw.AttentionError, match="item 1 is out of range"):
        one[1]


def test_items_are_read_as_they_are_needed(tmp_path: Path) -> None:
    taken = 0
    ahead = []

    def items() -> Iterator[aw.Attention]:
        nonlocal taken
        for seed in range(120):
            taken += 1
            yield attention(seed, 3)

    aw.map_corpus(
        items(),
        count_tokens,
        to=tmp_path / "out",
        chunk=2,
        workers=2,
        progress=lambda done, total: ahead.append((taken - done, total)),
    )
    assert taken == 120
    assert max(count for count, _ in ahead) <= 2 * (2 * 2 + 1)  # 2 chunks a thread, and one
    assert {total for _, total in ahead} == {None}


def test_a_bar_counts_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Any] = []

    class Bar:
        def __init__(self, **settings: Any) -> None:
            self.total, self.done, self.closed = settings["total"], 0, False
            bars.append(self)

        def update(self, count: int) -> None:
            self.done += count

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    items = corpus_of(7)
    for resume in (False, True):  # what is there already counts as well
        aw.map_corpus(items, count_tokens, to=tmp_path / "out", chunk=3, resume=resume)
    assert [(bar.total, bar.done, bar.closed) for bar in bars] == [(7, 7, True)] * 2


# --- the folder ----------------------------------------------------------------------------------


def test_the_data_set_is_documented_and_plain(tmp_path: Path) -> None:
    corpus = aw.map_corpus(corpus_of(5), "flow", to=tmp_path / "out", chunk=2, **QUIET)
    names = sorted(path.name for path in corpus.path.iterdir())
    assert names == ["_corpus.json", *(f"part-00000{k}.parquet" for k in range(3))]
    manifest = json.loads((corpus.path / "_corpus.json").read_text())
    assert (manifest["format"], manifest["version"]) == ("attn-widget corpus", 1)
    assert manifest["complete"] is True
    schema = pq.read_schema(corpus.path / "part-000002.parquet")
    assert schema.names == list(manifest["columns"])
    assert all(column["meaning"] for column in manifest["columns"].values())
    about = json.loads(schema.metadata[b"attn_widget.corpus"])
    assert (about["version"], about["chunk"], about["items"]) == (1, 2, 1)
    assert len(pd.read_parquet(corpus.path)) == 5


class Interrupted(Exception):  # noqa: N818
    """What a test raises."""


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    computed: list[str] = []

    def note(one: aw.Attention) -> dict[str, Any]:
        computed.append(one.tokens[1])
        return count_tokens(one)

    def stops() -> Iterator[aw.Attention]:
        yield from corpus_of(11)
        raise Interrupted

    whole = aw.map_corpus(corpus_of(30), note, to=tmp_path / "whole", chunk=4, **QUIET)
    computed.clear()
    with pytest.raises(aw.AttentionError, match="resume=True"):
        aw.map_corpus(stops(), note, to=tmp_path / "parts", chunk=4, **QUIET)
    assert len(computed) == 8
    half = aw.open_corpus(tmp_path / "parts")
    assert (half.meta["complete"], len(half)) == (False, 8)
    assert "8 items so far" in repr(half)
    (tmp_path / "parts" / "part-000000.parquet").write_bytes(b"damaged")
    told: list[int] = []
    resumed = aw.map_corpus(
        iter(corpus_of(30)),
        note,
        to=tmp_path / "parts",
        chunk=4,
        resume=True,
        workers=2,
        progress=lambda done, _total: told.append(done),
    )
    assert len(computed) == 8 + 30 - 4  # the second partition was there
    assert told[-1] == 30
    same(resumed, whole)
    # Of a run that is through, nothing is computed; of a corpus that has grown, its new chunks.
    computed.clear()
    aw.map_corpus(corpus_of(30), note, to=tmp_path / "parts", chunk=4, resume=True, **QUIET)
    assert computed == []
    grown = aw.map_corpus(corpus_of(33), note, to=tmp_path / "parts", chunk=4, resume=True, **QUIET)
    assert len(computed) == 5
    assert len(grown) == len(grown.to_frame()) == 33


def test_ctrl_c_keeps_what_was_written(tmp_path: Path) -> None:
    def stop(done: int, _total: int | None) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aw.map_corpus(corpus_of(12), to=tmp_path / "out", chunk=2, workers=1, progress=stop)
    assert len(aw.open_corpus(tmp_path / "out")) == 4
    resumed = aw.map_corpus(corpus_of(12), to=tmp_path / "out", chunk=2, resume=True, **QUIET)
    same(resumed, aw.map_corpus(corpus_of(12), to=tmp_path / "other", chunk=2, **QUIET))


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    items = corpus_of(6)
    out = tmp_path / "out"
    aw.map_corpus(items, to=out, chunk=2, **QUIET)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def other(one: aw.Attention) -> dict[str, Any]:
        return {"n": one.n_tokens}

    for wrong, match in (
        ({}, "holds a run of 'relevance' .3 partitions.*resume=True"),
        ({"resume": True, "residual": 0.7}, "residual=None and this call says 0.7"),
        ({"resume": True, "chunk": 3}, "chunk=2 and this call says 3"),
        ({"resume": True, "compute": "flow"}, "compute='relevance' and this call says 'flow'"),
        ({"resume": True, "compute": other}, "compute='relevance'"),
        ({"resume": True, "model": lambda _: items[0]}, "no model and this call has one"),
    ):
        given: dict[str, Any] = {"chunk": 2, **wrong, **QUIET}
        with pytest.raises(aw.AttentionError, match=match):
            aw.map_corpus(items, given.pop("compute", "relevance"), to=out, **given)
    for others, match in (
        (corpus_of(7)[1:], "not those that"),
        (items[:3], "Items 2 to 2 are not those"),
        (items[:2], "holds 2 more partitions"),
    ):
        with pytest.raises(aw.AttentionError, match=match):
            aw.map_corpus(others, to=out, chunk=2, resume=True, **QUIET)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(aw.AttentionError, match="holds other files"):
        aw.map_corpus(items, to=tmp_path / "mine", resume=True, **QUIET)
    with pytest.raises(aw.AttentionError, match="is a file"):
        aw.map_corpus(items, to=tmp_path / "mine" / "thesis.txt", **QUIET)
    (out / "_corpus.json").write_text(json.dumps({"format": "attn-widget corpus", "version": 2}))
    with pytest.raises(aw.AttentionError, match="version 2"):
        aw.open_corpus(out)
    with pytest.raises(aw.AttentionError, match="holds no corpus"):
        aw.open_corpus(tmp_path)


def test_a_changed_function_is_another_one(tmp_path: Path) -> None:
    def version(number: int) -> Callable[[aw.Attention], dict[str, Any]]:
        source = f"def f(one):\n    return {{'x': one.n_tokens * {number}}}"
        names: dict[str, Any] = {}
        exec(source, names)
        function: Callable[[aw.Attention], dict[str, Any]] = names["f"]
        return function

    aw.map_corpus(corpus_of(2), version(1), to=tmp_path / "out", **QUIET)
    aw.map_corpus(corpus_of(2), version(1), to=tmp_path / "out", resume=True, **QUIET)
    with pytest.raises(aw.AttentionError, match="another 'f'"):
        aw.map_corpus(corpus_of(2), version(2), to=tmp_path / "out", resume=True, **QUIET)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    sync = os.fsync

    def fsync(file: int) -> None:
        nonlocal written
        written += 1
        if written > 3:  # the manifest and two partitions
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    items = corpus_of(10)
    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "fsync", fsync)
        with pytest.raises(aw.AttentionError, match=r"No space left.* 2 partitions .*resume=True"):
            aw.map_corpus(items, to=tmp_path / "out", chunk=2, **QUIET)
    assert not list((tmp_path / "out").glob(".*"))
    resumed = aw.map_corpus(items, to=tmp_path / "out", chunk=2, resume=True, **QUIET)
    same(resumed, aw.map_corpus(items, to=tmp_path / "other", chunk=2, **QUIET))


# --- Dask ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_killed_worker_and_a_client_that_goes_away(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    mark = tmp_path / "killed"

    def deadly(one: Any) -> dict[str, Any]:
        if one.tokens[1] == "w9.1" and not mark.exists():
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return {"count": one.n_tokens, "worker": os.getpid()}

    items = corpus_of(24)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=50,
            local_directory=str(tmp_path),
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        corpus = aw.map_corpus(
            iter(items), deadly, to=tmp_path / "out", chunk=3, client=client, progress=False
        )
        assert mark.exists()
        frame = table(corpus)
        assert frame["item"].tolist() == list(range(24))
        assert frame["error"].isna().all()
        assert frame["count"].tolist() == [one.n_tokens for one in items]
        assert os.getpid() not in set(frame["worker"])

        def leave(done: int, _total: int | None) -> None:
            if done >= 4:
                client.close()

        with pytest.raises(GoneError, match="resume=True"):
            aw.map_corpus(items, to=tmp_path / "gone", chunk=2, client=client, progress=leave)
        with pytest.raises(aw.AttentionError, match="The Dask client is closed"):
            aw.map_corpus(items, to=tmp_path / "gone", chunk=2, client=client, resume=True)
    assert 4 <= len(aw.open_corpus(tmp_path / "gone")) < 24
    resumed = aw.map_corpus(items, to=tmp_path / "gone", chunk=2, resume=True, **QUIET)
    same(resumed, aw.map_corpus(items, to=tmp_path / "whole", chunk=2, **QUIET))


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"compute": "rollout"}, "compute is 'rollout': choose one of 'relevance'"),
        ({"items": "text"}, "give a list or an iterator"),
        ({"items": 3}, "give a list or an iterator"),
        ({"to": 3}, "to is 3"),
        ({"chunk": 0}, "chunk is 0"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"workers": 0}, "workers is 0"),
        ({"client": "cluster"}, "client is 'cluster'"),
        ({"model": 3}, "model is 3"),
        ({"progress": 3}, "progress is 3"),
        ({"residul": 0.5}, "no setting named 'residul'"),
        ({"source": "CLS"}, "source is 'CLS'"),
        ({"compute": "heads", "outputs": -1}, "outputs is -1"),
        ({"compute": "evaluation"}, "asks a torch model"),
    ],
)
def test_mistakes_get_a_sentence_and_leave_no_folder(
    tmp_path: Path, wrong: dict[str, Any], match: str
) -> None:
    given: dict[str, Any] = {"to": tmp_path / "out", "progress": False, **wrong}
    with pytest.raises(aw.AttentionError, match=match):
        aw.map_corpus(given.pop("items", corpus_of(1)), given.pop("compute", "relevance"), **given)
    assert not (tmp_path / "out").exists()


def test_a_torch_model_needs_its_tokenizer_and_peace(tmp_path: Path) -> None:
    from tiny_models import tiny, word_pieces

    model = tiny("bert")
    with pytest.raises(aw.AttentionError, match="without its tokenizer"):
        aw.map_corpus(["the"], to=tmp_path / "out", model=model)
    model.train()
    try:
        with pytest.raises(aw.AttentionError, match=r"model\.eval"):
            aw.map_corpus(["the"], to=tmp_path / "out", model=model, tokenizer=word_pieces())
    finally:
        model.eval()


@pytest.mark.parametrize("missing", ["pyarrow", "distributed"])
def test_what_is_missing_is_named(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'attn-widget\[corpus\]'"):
        aw.map_corpus(corpus_of(1), to=tmp_path / "out", **QUIET)


def test_a_setting_that_fits_no_item_is_every_items_error(tmp_path: Path) -> None:
    corpus = aw.map_corpus(corpus_of(3), to=tmp_path / "out", levels=(0, 9), **QUIET)
    assert corpus.meta["errors"] == 3
    assert table(corpus)["error"].str.contains("9").all()
    shutil.rmtree(corpus.path)
