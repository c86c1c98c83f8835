"""`map_corpus` beside a plain loop: throughput, overhead, memory, and a killed worker.

    python tests/bench/corpus.py [--sentences 500] [--items 1000 10000] [--repeat 3] [--out FOLDER]

Real attention of MiniLM on texts of 17 to 64 tokens. The loop calls the same function on the same
items in one process and keeps the results in a list; each ratio is of two runs right after each
other, the median of `--repeat`; on a machine that is shared, only processor time tells. Memory is
the peak of a process of its own for each length. Wanted: 1.7 x on two workers, overhead under 10 %
on one, memory within 20 %, every item once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import minilm
import numpy as np

import attn_widget as aw
from attn_widget import flow
from attn_widget.corpuscompute import read_compute
from attn_widget.corpusitems import Example

SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--items", type=int, nargs=2, default=[1000, 10_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", choices=["speed", "memory", "killed"])
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak is not None:
        print(_peak(asked.peak))
        return
    report: dict[str, Any] = {}
    if asked.only in {None, "speed"}:
        report["speed"] = _speed(asked.sentences, asked.repeat)
    if asked.only in {None, "memory"}:
        report["memory"] = _memory(*asked.items)
    if asked.only in {None, "killed"}:
        report["killed"] = _killed()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench-corpus.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"written to {asked.out / 'bench-corpus.json'}")


def sentences(count: int) -> list[aw.Attention]:
    """Real attention of texts of 17 to 64 tokens, in an order of its own."""
    random = np.random.default_rng(SEED)
    kept = {n: aw.Attention(minilm.attention(n), minilm.labels(n)) for n in range(17, 65)}
    return [kept[int(n)] for n in random.integers(17, 65, size=count)]


def _speed(count: int, repeat: int) -> dict[str, Any]:
    items = sentences(count)
    flow.wait_ready()
    compute = read_compute("flow", {}, None, None)
    # The first client of a process imports Dask: that is the price of a program, not of a corpus.
    with tempfile.TemporaryDirectory() as folder:
        aw.map_corpus(items[:4], "flow", to=folder, progress=False)
    found: dict[str, Any] = {"sentences": count, "runs": []}
    for _ in range(repeat):
        began, spent = time.perf_counter(), time.process_time()
        kept = [compute.rows(Example(one, None, None)) for one in items]
        times = {"loop": time.perf_counter() - began}
        used = time.process_time() - spent
        assert len(kept) == count
        del kept
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                began, spent = time.perf_counter(), time.process_time()
                corpus = aw.map_corpus(items, "flow", to=folder, workers=workers, progress=False)
                times[f"{workers} workers"] = time.perf_counter() - began
                times[f"processor, {workers}"] = (time.process_time() - spent) / used
                assert len(corpus) == count
        found["runs"].append(times)
        print({name: round(seconds, 2) for name, seconds in times.items()})
    runs = found["runs"]
    found["overhead on 1"] = statistics.median(r["1 workers"] / r["loop"] - 1 for r in runs)
    found["speedup on 2"] = statistics.median(r["loop"] / r["2 workers"] for r in runs)
    print(
        f"{count} sentences with flow: {found['speedup on 2']:.2f} x on 2 workers, "
        f"{100 * found['overhead on 1']:+.1f} % on 1 ("
        f"{100 * statistics.median(r['processor, 1'] - 1 for r in runs):+.1f} % of processor time)"
    )
    return found


def _peak(count: int) -> int:
    """Peak memory of this process in KiB over a corpus that comes from an iterator."""
    weights = np.random.default_rng(SEED).dirichlet(np.ones(48), size=(6, 12, 48))

    def items() -> Any:
        for number in range(count):
            yield aw.Attention(weights.astype(np.float32), [f"{number}.{i}" for i in range(48)])

    with tempfile.TemporaryDirectory() as folder:
        corpus = aw.map_corpus(items(), to=folder, workers=2, progress=False)
        assert len(corpus) == count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _memory(short: int, long: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--peak"]
    peaks = {
        count: int(
            subprocess.run(
                [*command, str(count)], check=True, capture_output=True, text=True
            ).stdout.split()[-1]
        )
        for count in (short, long)
    }
    growth = peaks[long] / peaks[short] - 1
    print(
        f"memory: {peaks[short] >> 10} MiB for {short} items, {peaks[long] >> 10} MiB for {long}: "
        f"{100 * growth:+.1f} %"
    )
    return {"peaks in KiB": peaks, "growth": growth}


def _killed() -> dict[str, Any]:
    from distributed import Client, LocalCluster

    items = sentences(120)
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "killed"

        def deadly(one: Any) -> dict[str, Any]:
            if one.n_tokens == items[60].n_tokens and not mark.exists():
                mark.write_text("")
                os.kill(os.getpid(), signal.SIGKILL)
            return {"count": one.n_tokens}

        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            corpus = aw.map_corpus(
                items, deadly, to=Path(folder) / "out", chunk=4, client=client, progress=False
            )
        frame = corpus.to_frame()
        once = frame["item"].tolist() == list(range(len(items)))
        right = frame["count"].tolist() == [one.n_tokens for one in items]
        print(f"a worker killed: {mark.exists()}, every item once: {once}, all right: {right}")
        return {"killed": mark.exists(), "once": once, "right": right}


if __name__ == "__main__":
    main()
