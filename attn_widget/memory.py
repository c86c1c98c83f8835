"""Foresee whether a request fits into memory, before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import AttentionError

_ALWAYS_THERE = 2**27  # too little to ask the system about


def available() -> int | None:
    """Bytes that this process can still take, or None where the system does not tell."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        if limit != "max":
            found.append(max(0, int(limit) - int(used)))
    except (OSError, ValueError):
        pass  # not Linux, or no control group: what was found so far stands
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def foresee(needed: int, what: str, instead: str) -> None:
    """Refuse `what` if its `needed` bytes are not there; `instead` says what to ask for."""
    if needed < _ALWAYS_THERE:
        return
    free = available()
    if free is not None and needed > free:
        message = (
            f"{what} needs {needed} bytes ({needed / 2**30:.1f} GiB), "
            f"and {free} are free: {instead}."
        )
        raise AttentionError(message)
