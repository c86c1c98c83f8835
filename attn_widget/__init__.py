"""See how information travels through a transformer: attention rollout and attention flow.

Both methods are from Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Bound now, and needing numpy alone: numba comes with the first flow. `rollout`, `trace`,
# `dashboard` and `evaluate` name a function and its module, and if they were resolved later,
# whoever imported the module first would put the module in its place.
from .attention import Attention, AttentionError, as_attention
from .dashboard import dashboard
from .evaluate import evaluate
from .flow import attention_flow
from .layers import attention_from_layers
from .layout import Network, Picture
from .merging import merge_words, window
from .mixing import EmptyRowsWarning, layer_maps
from .rollout import rollout
from .trace import Trace, trace
from .version import __version__
from .words import Words, split_words

if TYPE_CHECKING:
    from .adapters.capture import capture as capture
    from .adapters.huggingface import from_huggingface as from_huggingface
    from .adapters.vision import from_vision as from_vision
    from .adapters.weighted import chefer2021 as chefer2021
    from .adapters.weighted import kobayashi2020 as kobayashi2020
    from .browsing import browse as browse
    from .charts import flow_chart as flow_chart
    from .charts import head_chart as head_chart
    from .charts import relevance_chart as relevance_chart
    from .charts import residual_sweep as residual_sweep
    from .corpus import map_corpus as map_corpus
    from .corpuscharts import head_statistics_chart as head_statistics_chart
    from .corpusdata import Corpus as Corpus
    from .corpusdata import open_corpus as open_corpus
    from .evaluation import Evaluation as Evaluation
    from .evaluator import Evaluator as Evaluator
    from .files import load as load
    from .files import save as save
    from .sample import load_sample as load_sample
    from .sample import sample_names as sample_names
    from .widget import AttentionWidget as AttentionWidget

# Public name -> the module that defines it, imported on first use: a script that only wants
# numbers never loads ipywidgets.
_HOME = {
    "capture": "adapters.capture",
    "chefer2021": "adapters.weighted",
    "kobayashi2020": "adapters.weighted",
    "from_huggingface": "adapters.huggingface",
    "from_vision": "adapters.vision",
    "AttentionWidget": "widget",
    "Corpus": "corpusdata",
    "Evaluation": "evaluation",
    "browse": "browsing",
    "head_statistics_chart": "corpuscharts",
    "map_corpus": "corpus",
    "open_corpus": "corpusdata",
    "Evaluator": "evaluator",
    "load": "files",
    "save": "files",
    "flow_chart": "charts",
    "head_chart": "charts",
    "relevance_chart": "charts",
    "residual_sweep": "charts",
    "load_sample": "sample",
    "sample_names": "sample",
}

__all__ = [  # noqa: PLE0604 - every entry is a string
    "Attention",
    "AttentionError",
    "EmptyRowsWarning",
    "Network",
    "Picture",
    "Trace",
    "Words",
    "__version__",
    "as_attention",
    "attention_from_layers",
    "attention_flow",
    "dashboard",
    "evaluate",
    "layer_maps",
    "merge_words",
    "rollout",
    "split_words",
    "trace",
    "window",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
