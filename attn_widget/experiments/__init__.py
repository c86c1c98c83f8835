"""Experiments that can be run from an install: `python -m attn_widget paper`."""
