"""What all tests share: reproducible examples, the quick tests first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis

# For models as small as the tests' a second thread of torch only waits, the more the busier the
# machine is. Before the first import of torch, and handed on to the kernels of the notebooks.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    import pytest

# Examples are the same in every run, so that a failure is a change of the code and not of luck;
# HYPOTHESIS_PROFILE=search looks for new ones. No deadline: a first call compiles the flow engine.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests last.

    They are the slowest, and Playwright keeps an event loop running in this thread, in which other
    tests could start none of their own.
    """
    items.sort(key=lambda item: "browser" in item.path.parts)
