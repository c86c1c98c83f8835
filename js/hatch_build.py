"""Hatch build hook: no archive leaves without a bundle made from the sources beside it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleHook(BuildHookInterface[Any]):
    """Bring attn_widget/static up to date before the files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the front end unless its stamp says that it is the one of these sources."""
        # Loaded from its file: the build environment has none of the package's dependencies.
        path = Path(self.root) / "attn_widget" / "bundle.py"
        spec = importlib.util.spec_from_file_location("attn_widget_bundle", path)
        if spec is None or spec.loader is None:
            message = f"cannot load {path}"
            raise ImportError(message)
        bundle = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bundle)
        bundle.refresh(release=True)
