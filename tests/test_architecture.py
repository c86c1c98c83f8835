"""The modules know of each other only along these arrows, so that each can be read on its own."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import attn_widget

PACKAGE = Path(attn_widget.__file__).parent

# Module -> the modules of this package that it may import.
ARROWS: dict[str, set[str]] = {
    # numbers
    "arrays": set(),
    "errors": set(),
    "reading": {"arrays", "errors"},
    "words": set(),
    "layout": {"errors", "words"},
    "attention": {"arrays", "errors", "layout", "reading", "words"},
    "memory": {"attention", "errors"},
    "mixing": {"arrays", "attention", "errors", "memory"},
    "baseline": {"arrays", "attention", "errors", "mixing"},
    "layers": {"arrays", "attention", "errors", "mixing"},
    "merging": {"arrays", "attention", "errors", "words"},
    "rollout": {"arrays", "attention", "baseline", "errors", "mixing"},
    "kernels": set(),
    "workers": set(),
    "loading": {"kernels", "workers"},
    "network": {"errors"},
    "hubs": {"network", "workers"},
    "maxflow": {"hubs", "loading", "network", "workers"},
    "flowtrace": {"errors", "loading", "network"},
    "flow": {
        "attention",
        "errors",
        "flowtrace",
        "loading",
        "maxflow",
        "memory",
        "mixing",
        "network",
        "workers",
    },
    "flowslider": {"flow", "mixing", "network"},
    "trace": {"arrays", "attention", "errors", "flow", "mixing", "rollout"},
    "sample": {"attention", "errors"},
    "adapters.__init__": set(),
    "adapters.tokenizer": {"errors", "words"},
    "adapters.parts": {"errors"},
    "adapters.assembly": {"arrays", "errors", "layout"},
    "adapters.text": {"adapters.parts", "adapters.tokenizer", "errors", "words"},
    "adapters.passes": {"adapters.parts", "errors"},
    "adapters.hooks_huggingface": {"adapters.passes", "adapters.recording"},
    "adapters.hooks_torch": {"adapters.hooks_huggingface", "adapters.recording"},
    "adapters.recording": {"adapters.passes", "errors", "mixing"},
    "adapters.capture": {
        "adapters.hooks_huggingface",
        "adapters.hooks_torch",
        "adapters.huggingface",
        "adapters.parts",
        "adapters.passes",
        "adapters.recording",
        "adapters.vision",
        "attention",
        "errors",
        "mixing",
    },
    "adapters.weighted": {"adapters.capture", "adapters.recording", "attention", "errors"},
    "adapters.huggingface": {
        "adapters.assembly",
        "adapters.parts",
        "adapters.text",
        "adapters.tokenizer",
        "adapters.vision",
        "attention",
        "errors",
        "words",
    },
    "adapters.vision": {
        "adapters.assembly",
        "adapters.parts",
        "arrays",
        "attention",
        "errors",
        "layout",
    },
    "selection": {"attention", "errors"},
    "settings": {"attention", "baseline", "errors", "mixing", "selection"},
    "pins": {"attention", "errors", "selection", "settings"},
    "headmaps": {"attention"},
    "analysis": {
        "attention",
        "baseline",
        "flow",
        "flowslider",
        "headmaps",
        "mixing",
        "rollout",
        "selection",
        "settings",
    },
    "export": {"analysis", "flow", "settings"},
    # widget
    "wire": set(),
    "shown": {
        "analysis",
        "flow",
        "headmaps",
        "layout",
        "mixing",
        "rollout",
        "selection",
        "settings",
        "wire",
        "workers",
    },
    "state": {"errors"},
    "checks": {"attention", "errors", "mixing", "pins", "selection", "settings", "state"},
    "bundle": set(),
    "jobs": set(),
    "saving": {"errors", "writing"},
    "flowpicture": {"analysis", "flow", "selection", "settings", "shown"},
    "pinning": {"checks", "errors", "pins"},
    "outputs": {
        "analysis",
        "checks",
        "errors",
        "export",
        "htmlfile",
        "phrases",
        "saving",
        "selection",
        "settings",
        "state",
        "still",
    },
    "widget": {
        "analysis",
        "attention",
        "bundle",
        "errors",
        "flow",
        "flowpicture",
        "jobs",
        "merging",
        "mixing",
        "outputs",
        "pinning",
        "pins",
        "saving",
        "selection",
        "settings",
        "shown",
        "state",
        "words",
    },
    # files
    "arrayfiles": {"attention", "errors"},
    "writing": {"errors"},
    "files": {"arrayfiles", "attention", "errors", "layout", "reading", "words", "writing"},
    # pages
    "version": set(),
    "htmlpage": set(),
    "htmldata": {"attention", "mixing"},
    "htmlflow": {"analysis", "errors", "flow", "pins", "selection", "settings", "shown"},
    "htmlfile": {
        "analysis",
        "attention",
        "baseline",
        "bundle",
        "errors",
        "htmldata",
        "htmlflow",
        "htmlpage",
        "merging",
        "mixing",
        "settings",
        "shown",
        "version",
        "writing",
    },
    # beside the widget
    "chartdata": {"analysis", "attention", "headmaps", "rollout", "selection", "settings"},
    "chartparts": {
        "analysis",
        "attention",
        "errors",
        "flow",
        "jobs",
        "phrases",
        "selection",
        "settings",
        "widget",
    },
    "chartshares": {"analysis", "chartdata", "chartparts", "selection", "settings", "widget"},
    "chartsweep": {"analysis", "chartdata", "chartparts", "selection", "settings", "widget"},
    "chartpoints": {
        "analysis",
        "chartdata",
        "chartparts",
        "flow",
        "selection",
        "settings",
        "widget",
    },
    "charts": {"chartparts", "chartpoints", "chartshares", "chartsweep", "widget"},
    "phrases": {"analysis", "attention", "selection", "settings"},
    "stillparts": set(),
    "still": {"analysis", "attention", "flow", "phrases", "selection", "settings", "stillparts"},
    "serving": set(),
    "cli": {
        "arrayfiles",
        "attention",
        "errors",
        "experiments.paper",
        "files",
        "serving",
        "widget",
        "writing",
    },
    # does it tell the truth
    "agreement": {"errors"},
    "examples": {"errors"},
    "scoring": {"errors", "examples"},
    "references": {"errors", "examples", "scoring"},
    "relevance": {"attention", "errors", "flow", "mixing", "rollout"},
    "measured": {"agreement", "attention", "mixing", "relevance"},
    "evaluation": {"agreement", "errors", "measured", "mixing", "relevance"},
    "evaluator": {
        "adapters.capture",
        "agreement",
        "attention",
        "errors",
        "evaluation",
        "examples",
        "measured",
        "references",
        "relevance",
        "scoring",
    },
    "evaluate": {"errors", "evaluation", "evaluator", "relevance"},
    "experiments.__init__": set(),
    "experiments.grammar": set(),
    "experiments.training": {"examples", "experiments.grammar"},
    "experiments.minilm": {"errors", "evaluation", "evaluator"},
    "experiments.report": {"errors", "writing"},
    "experiments.figures": {"chartdata", "chartparts", "experiments.report"},
    "experiments.paper": {
        "attention",
        "errors",
        "evaluation",
        "evaluator",
        "examples",
        "experiments.grammar",
        "experiments.minilm",
        "experiments.report",
        "experiments.training",
        "mixing",
    },
    "__main__": {"cli"},
    # corpora
    "headstatistics": {"attention", "chartdata", "flow", "mixing"},
    "corpusitems": {"adapters.capture", "attention", "errors", "files"},
    "corpuscompute": {
        "analysis",
        "attention",
        "corpusitems",
        "errors",
        "evaluator",
        "flow",
        "headstatistics",
        "mixing",
        "selection",
        "settings",
    },
    "corpusstore": {"corpuscompute", "errors", "writing"},
    "corpusrun": {"corpuscompute", "corpusitems", "corpusstore", "errors", "workers"},
    "corpusdata": {"attention", "corpusitems", "corpusstore", "errors"},
    "corpus": {
        "corpuscompute",
        "corpusdata",
        "corpusitems",
        "corpusrun",
        "corpusstore",
        "errors",
    },
    "corpuscharts": {"chartparts", "corpusdata", "errors"},
    "browser": {"attention", "corpusdata", "errors", "settings", "widget"},
    "browsing": {"browser", "corpusdata", "errors"},
    "board": {"attention", "chartparts", "charts", "errors", "widget"},
    "dashboard": {"attention", "board", "errors", "widget"},
    "__init__": {
        "files",
        "charts",
        "browsing",
        "corpus",
        "corpuscharts",
        "corpusdata",
        "dashboard",
        "adapters.capture",
        "adapters.huggingface",
        "adapters.vision",
        "adapters.weighted",
        "attention",
        "evaluate",
        "evaluation",
        "evaluator",
        "flow",
        "layers",
        "layout",
        "merging",
        "mixing",
        "rollout",
        "sample",
        "trace",
        "version",
        "widget",
        "words",
    },
}

# Module -> the packages beside the standard library and numpy that it may import.
PACKAGES: dict[str, set[str]] = {
    "adapters.recording": {"torch"},
    "adapters.hooks_torch": {"torch"},
    "adapters.hooks_huggingface": {"torch"},
    "kernels": {"llvmlite", "numba"},
    "flow": {"tqdm"},
    "export": {"pandas", "xarray"},
    "arrayfiles": {"safetensors"},
    "state": {"traitlets"},
    "checks": {"traitlets"},
    "outputs": {"pandas", "xarray"},
    "widget": {"anywidget", "traitlets"},
    "chartparts": {"bqplot", "ipywidgets"},
    "board": {"ipywidgets"},
    "corpuscharts": {"ipywidgets"},
    "browser": {"ipywidgets", "itables", "pandas"},
    "browsing": {"pandas"},
    "corpusitems": {"torch"},
    "corpusstore": {"pyarrow"},
    "corpusrun": {"dask", "distributed"},
    "corpusdata": {"pandas", "pyarrow"},
    "corpus": {"tqdm"},
    "agreement": {"scipy"},
    "examples": {"torch"},
    "scoring": {"torch"},
    "references": {"captum"},
    "evaluator": {"tqdm"},
    "evaluation": {"pandas"},
    "experiments.minilm": {"transformers"},
    "experiments.report": {"pandas"},
    "experiments.figures": {"ipywidgets", "pandas"},
    "experiments.paper": {"pandas"},
}

# Scripts that made the bundled data: run by hand, imported by nothing.
NOT_MODULES = {"data"}


def modules() -> dict[str, Path]:
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {
        ".".join(path.with_suffix("").parts): PACKAGE / path
        for path in paths
        if path.parts[0] not in NOT_MODULES
    }


def imports(name: str, source: str) -> tuple[set[str], set[str]]:
    """Names of what a module imports, wherever in the file: of this package, and packages."""
    inside: set[str] = set()
    outside: set[str] = set()
    depth = name.count(".") + 1
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = ["attn_widget", *name.split(".")][: depth + 1 - node.level]
            stem = ".".join([*here, *([node.module] if node.module else [])])
            found = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        for dotted in found:
            package, _, rest = dotted.partition(".")
            if package == "attn_widget":
                inside.add(_module_of(rest))
            elif package not in sys.stdlib_module_names:
                outside.add(package)
    return inside, outside


def _module_of(dotted: str) -> str:
    """`mixing.layer_maps` and `mixing` are both of the module `mixing`."""
    while dotted and dotted not in ARROWS and "." in dotted:
        dotted = dotted.rpartition(".")[0]
    return dotted


def test_every_module_has_its_place() -> None:
    new = sorted(modules().keys() - ARROWS.keys())
    gone = sorted(ARROWS.keys() - modules().keys())
    assert not new, (
        f"{new} stand nowhere yet: say in ARROWS of {Path(__file__).name} what they may import, "
        "and show them in the README's picture of the architecture."
    )
    assert not gone, f"{gone} are gone: take them out of ARROWS of {Path(__file__).name}."


@pytest.mark.parametrize("name", sorted(modules().keys() & ARROWS.keys()))
def test_imports_follow_the_arrows(name: str) -> None:
    inside, outside = imports(name, modules()[name].read_text(encoding="utf-8"))
    against = inside - ARROWS[name]
    assert not against, f"{name} may not import {sorted(against)}: against the arrows."
    foreign = outside - {"numpy"} - PACKAGES.get(name, set())
    assert not foreign, f"{name} may not import {sorted(foreign)}: it belongs further right."


def test_the_arrows_go_one_way() -> None:
    tuple(graphlib.TopologicalSorter(ARROWS).static_order())  # raises CycleError at a circle


def test_imports_are_found_in_every_spelling() -> None:
    source = """
import numpy as np, os
import attn_widget.rollout
from attn_widget import wire
from attn_widget.trace import Trace
from .mixing import layer_maps
from . import maxflow
def f():
    import torch.nn as nn
    from pandas import DataFrame
"""
    inside, outside = imports("widget", source)
    assert inside == {"rollout", "wire", "trace", "mixing", "maxflow"}
    assert outside == {"numpy", "torch", "pandas"}
    assert imports("adapters.huggingface", "from ..attention import A")[0] == {"attention"}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HEAVY = {
    "IPython",
    "anywidget",
    "bqplot",
    "ipywidgets",
    "matplotlib",
    "networkx",
    "numba",
    "pandas",
    "scipy",
    "torch",
    "traitlets",
    "transformers",
}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = run("import attn_widget, sys; print(*{name.split('.')[0] for name in sys.modules})")
    assert "attn_widget" in loaded.split()
    assert not HEAVY & set(loaded.split())


def test_rollout_needs_neither_torch_nor_the_flow_engine() -> None:
    loaded = run(
        "import attn_widget as aw, sys\n"
        "w = [[[[1.0, 0.0], [0.5, 0.5]]]]\n"
        "aw.rollout(w); aw.trace(w, source=(1, 1), method='rollout')\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    assert not HEAVY & set(loaded.split())


def test_functions_keep_their_names_when_their_modules_are_imported_first() -> None:
    shown = run(
        "import attn_widget.trace, attn_widget.rollout, attn_widget.flow, importlib\n"
        "importlib.import_module('attn_widget.trace')\n"
        "import attn_widget as aw\n"
        "print(callable(aw.trace), callable(aw.rollout), callable(aw.attention_flow))"
    )
    assert shown == "True True True"


def test_every_public_name_is_there() -> None:
    for name in attn_widget.__all__:
        assert getattr(attn_widget, name) is not None
    assert set(attn_widget.__all__) <= set(dir(attn_widget))
    with pytest.raises(AttributeError, match="no attribute 'rolout'"):
        _ = attn_widget.rolout
