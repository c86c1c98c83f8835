"""See how information travels through a transformer: attention rollout and attention flow.

Both methods are from Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attention import Attention as Attention
    from .attention import AttentionError as AttentionError
    from .flow import attention_flow as attention_flow
    from .mixing import layer_maps as layer_maps
    from .rollout import rollout as rollout
    from .sample import load_sample as load_sample
    from .sample import sample_names as sample_names
    from .trace import Trace as Trace
    from .trace import trace as trace
    from .widget import AttentionWidget as AttentionWidget

__version__ = "0.1.0"

# Public name -> the module that defines it. Resolved on first use, so that `import attn_widget`
# costs a few milliseconds and a script that only wants rollout never loads ipywidgets or numba.
_HOME = {
    "Attention": "attention",
    "AttentionError": "attention",
    "AttentionWidget": "widget",
    "Trace": "trace",
    "attention_flow": "flow",
    "layer_maps": "mixing",
    "load_sample": "sample",
    "rollout": "rollout",
    "sample_names": "sample",
    "trace": "trace",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - every entry is a string


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
