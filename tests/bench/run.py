"""Attention flow and rollout timed beside other solvers, on the same tensors in the same run.

    python tests/bench/run.py [--tokens 17 46 ...] [--blocks 6 12] [--cpu] [--out FOLDER]

Prints a table, and writes it with every number to `FOLDER/bench.md` and `FOLDER/bench.json`.
A peer solves a sample of pairs; its times for a row and for all pairs are extrapolated from it and
marked with ~. The engine's own are measured in full. `--cpu` counts processor time instead of wall
time, for a machine that is shared; the comparison of two threads is always by wall time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minilm
import numpy as np
import solvers

from attn_widget import flow
from attn_widget.rollout import masses_down, rollout_matrix
from attn_widget.workers import processors

if TYPE_CHECKING:
    from numpy.typing import NDArray

Clock = Callable[[], float]
KINDS = {
    "mean": "mean of heads",
    "peaky": "lowest-entropy head",
    "causal": "mean, masked causal",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[17, 46, 64, 128, 256, 512])
    parser.add_argument("--blocks", type=int, nargs="+", choices=[6, 12], default=[6, 12])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seconds", type=float, default=3, help="at most, for a peer's sample")
    parser.add_argument("--all-pairs", type=float, default=60, help="give up after (seconds)")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of wall time")
    parser.add_argument("--out", type=Path, default=Path("build"))
    asked = parser.parse_args()
    clock = time.process_time if asked.cpu else time.perf_counter
    flow.wait_ready()
    report: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": _machine(),
        "clock": "processor time" if asked.cpu else "wall time",
        "flow": [],
        "rollout": [],
    }
    for tokens in asked.tokens:
        for blocks in asked.blocks:
            for kind, maps in minilm.cases(tokens, blocks).items():
                if kind in asked.kinds:
                    report["flow"].append(_flow(kind, maps, clock, asked.seconds, asked.all_pairs))
                    _say(report["flow"][-1])
    for tokens, blocks in ((128, 12), (512, 12)):
        report["rollout"].append(_rollout(minilm.cases(tokens, blocks)["mean"], clock))
    text = _table(report)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench.md").write_text(text, encoding="utf-8")
    (asked.out / "bench.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(text)
    print(f"written to {asked.out / 'bench.md'} and {asked.out / 'bench.json'}")


def _flow(
    kind: str, maps: NDArray[np.float64], clock: Clock, seconds: float, longest: float
) -> dict[str, Any]:
    blocks, n, _ = maps.shape
    random = np.random.default_rng(n)
    keys = random.permutation(n * n)
    pairs = [(int(key) // n, int(key) % n) for key in keys]
    if kind == "causal":
        pairs = [(query, key) for query, key in pairs if key <= query]
    row = n - 3
    case: dict[str, Any] = {"kind": kind, "n": n, "blocks": blocks, "pairs": len(pairs)}
    case["row pairs"] = row + 1 if kind == "causal" else n
    one = [
        _best(lambda p=p: flow.flow_values(maps, [p[0]], [p[1]], threads=1), clock, 2)
        for p in pairs[:16]
    ]
    ours: dict[str, float] = {"pair": float(np.median(one))}
    ours["row"] = _best(lambda: flow.flow_values(maps, [row], threads=1), clock, 5)
    case["ours"] = ours
    found = _all_pairs(maps, clock, longest, case)
    if found is None:
        found = flow.flow_values(maps, [row])
    share = np.bincount(found.binding.ravel(), minlength=5) / found.binding.size
    case["binding"] = dict(zip(flow.BINDINGS, share.round(4).tolist(), strict=True))
    case["gap"] = float(found.gap.max())
    case["peers"] = {}
    values: dict[tuple[int, int], float] = {}
    for peer in solvers.PEERS:
        if n > peer.largest:
            continue
        solve = peer.build(maps)
        solve(*pairs[0])
        apart = spent = 0.0
        solved = 0
        for pair in pairs[:200]:
            began = clock()
            value = solve(*pair)
            spent += clock() - began
            solved += 1
            if pair not in values:
                values[pair] = float(flow.flow_values(maps, [pair[0]], [pair[1]]).values[0, 0])
            apart = max(apart, abs(value - values[pair]))
            if spent > seconds:
                break
        case["peers"][peer.name] = {"pair": spent / solved, "sample": solved, "apart": apart}
    return case


def _all_pairs(
    maps: NDArray[np.float64], clock: Clock, longest: float, case: dict[str, Any]
) -> flow.FlowValues | None:
    """Time all pairs with one thread and with two; None if it takes longer than `longest`."""
    late = threading.Event()
    timer = threading.Timer(longest, late.set)
    timer.start()
    began, began_wall = clock(), time.perf_counter()
    try:
        found = flow.flow_values(maps, threads=1, cancel=late)
    except flow.FlowCancelled:
        return None
    finally:
        timer.cancel()
    taken, single = clock() - began, time.perf_counter() - began_wall
    repeats = 4 if taken < 1 else 1
    again = _best(lambda: flow.flow_values(maps, threads=1), clock, repeats)
    case["ours"]["all"] = min(taken, again)
    if processors() > 1:
        ones, twos = [single], []
        for _ in range(repeats):  # in turns, so that both see the same machine
            twos.append(_best(lambda: flow.flow_values(maps, threads=2), time.perf_counter, 1))
            ones.append(_best(lambda: flow.flow_values(maps, threads=1), time.perf_counter, 1))
        case["two threads"] = min(ones) / min(twos)
    return found


def _rollout(maps: NDArray[np.float64], clock: Clock) -> dict[str, Any]:
    maps = maps.astype(np.float32)
    start = np.zeros(maps.shape[1])
    start[-3] = 1
    wide = maps.astype(np.float64)

    def chain() -> NDArray[np.float32]:
        product = maps[-1]
        for one in maps[-2::-1]:
            product = product @ one
        return product

    def row() -> NDArray[np.float64]:
        product = start
        for one in wide[::-1]:
            product = product @ one
        return product

    out = {"n": maps.shape[1], "blocks": len(maps)}
    # In turns, so that both see the same machine.
    times = np.array(
        [
            [_best(work, clock, 1) for work in (lambda: rollout_matrix(maps), chain)]
            for _ in range(30)
        ]
    ).min(axis=0)
    out["full"], out["full BLAS"] = times.tolist()
    times = np.array(
        [
            [_best(work, clock, 3) for work in (lambda: masses_down(wide, start), row)]
            for _ in range(30)
        ]
    ).min(axis=0)
    out["row"], out["row BLAS"] = times.tolist()
    return out


def _best(work: Callable[[], object], clock: Clock, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = clock()
        work()
        best = min(best, clock() - began)
    return best


def _machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        if sys.platform == "darwin":
            found = subprocess.run(
                ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            name = found.stdout.strip() or name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _say(case: dict[str, Any]) -> None:
    ours = {job: f"{1e3 * taken:.3g} ms" for job, taken in case["ours"].items()}
    print(case["kind"], case["n"], case["blocks"], ours, flush=True)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"# Attention flow beside other solvers, {report['date']}",
        "",
        (
            f"{report['machine']}; {report['clock']}, one thread. True attention of MiniLM-L6"
            " (BERT), residual 0.5; 12 blocks are the 6 layers stacked twice; causal is the mean"
            " masked and renormalised. ~ is extrapolated from a sample of single pairs; every other"
            " solver answers one pair at a time. x says how many times the time of this package."
        ),
        "",
    ]
    names = list(dict.fromkeys(name for case in report["flow"] for name in case["peers"]))
    for job, title in (("pair", "One pair"), ("row", "One row"), ("all", "All pairs")):
        lines += [f"## {title}", ""]
        lines.append("| data | n | blocks | this package | " + " | ".join(names) + " |")
        lines.append("|---|---|---|---|" + "---|" * len(names))
        for case in report["flow"]:
            if job not in case["ours"]:
                continue
            mine = case["ours"][job]
            many = {"pair": 1, "row": case["row pairs"], "all": case["pairs"]}[job]
            cells = [KINDS[case["kind"]], str(case["n"]), str(case["blocks"]), _time(mine)]
            for name in names:
                peer = case["peers"].get(name)
                if peer is None:
                    cells.append("")
                else:
                    taken = peer["pair"] * many
                    mark = "" if many == 1 else "~"
                    cells.append(f"{mark}{_time(taken)}, {taken / mine:.3g} x")
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## Agreement, threads, what binds", ""]
    lines.append("| data | n | blocks | gap to the cut | two threads | trivial cut | "
                 + " | ".join(names) + " |")  # fmt: skip
    lines.append("|---|---|---|---|---|---|" + "---|" * len(names))
    for case in report["flow"]:
        trivial = sum(case["binding"][name] for name in ("source", "sink", "both"))
        threads = f"{case['two threads']:.2f} x" if "two threads" in case else ""
        cells = [KINDS[case["kind"]], str(case["n"]), str(case["blocks"]), f"{case['gap']:.0e}"]
        cells += [threads, f"{trivial:.0%}"]
        for name in names:
            peer = case["peers"].get(name)
            cells.append(f"{peer['apart']:.0e}" if peer else "")
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        (
            "The solvers' columns give the largest difference from this package over the sample;"
            " OR-Tools and scipy round capacities to whole numbers."
        ),
        "",
        "## Rollout",
        "",
        "| n | blocks | matrix, float32 | bare BLAS chain | ratio | row | bare BLAS row | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in report["rollout"]:
        full, bare = case["full"], case["full BLAS"]
        row, bare_row = case["row"], case["row BLAS"]
        lines.append(
            f"| {case['n']} | {case['blocks']} | {_time(full)} | {_time(bare)} | {full / bare:.2f}"
            f" | {_time(row)} | {_time(bare_row)} | {row / bare_row:.2f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
