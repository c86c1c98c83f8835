"""Peak memory of `capture` with heads fused on the way, beside the stack of all heads.

    python tests/bench/capture.py [--layers 16] [--heads 16] [--tokens 1024]

One random Llama in one process: a plain forward pass first, then one that is captured with
`heads="mean"`, then one that is captured whole. What each adds to the process's peak is its cost;
the weights that one layer computes at a time are in both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers as hf

import attn_widget as aw

MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=1024)
    asked = parser.parse_args()
    config = hf.LlamaConfig(
        vocab_size=64,
        hidden_size=4 * asked.heads,
        intermediate_size=16,
        num_hidden_layers=asked.layers,
        num_attention_heads=asked.heads,
        max_position_embeddings=asked.tokens,
        use_cache=False,
    )
    model = hf.LlamaModel(config).eval()
    ids = torch.randint(64, (1, asked.tokens))
    report = {"one_map": asked.tokens**2 * 4 / MIB}
    with torch.no_grad():
        model(input_ids=ids)
        for name, heads in (("fused", "mean"), ("stacked", None)):
            before = _peak()
            with aw.capture(model, heads=heads) as captured:
                model(input_ids=ids)
            report[name] = _peak() - before
            kept = [weights.nbytes for one in captured.passes for _, weights in one.records]
            report[f"{name}_kept"] = sum(kept) / MIB
            del captured
    # The peak never falls, so the second run adds to what the first one reached.
    report["stacked"] += report["fused"]
    print(json.dumps({name: round(size, 1) for name, size in report.items()}))
    print(
        f"{asked.layers} x {asked.heads} heads x {asked.tokens} tokens, float32, MiB: fused "
        f"{report['fused']:.0f}, stacked {report['stacked']:.0f}",
        file=sys.stderr,
    )


def _peak() -> float:
    """The most memory that this process ever had, in MiB."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    # Not getrusage: on Linux its peak begins with that of the process which started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1]) / 1024


if __name__ == "__main__":
    main()
