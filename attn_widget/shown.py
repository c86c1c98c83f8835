"""What the browser is sent: the shown matrix and the shown trace, ready to pack.

`ShownMatrix` and `ShownTrace` in `js/src/model.ts` document every entry; `trace.ts` evaluates them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .analysis import Analysis, Float, Relevance, start_masses
from .flow import BINDINGS, FlowTrace
from .headmaps import head_maps
from .rollout import down_terms, evaluate_terms, masses_down, matrix_terms, up_terms
from .wire import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .layout import Picture
    from .selection import Selection
    from .settings import Settings
    from .workers import Flag

TERMS_BUDGET = 1_000_000
"""Numbers, 4 bytes each. A rollout matrix whose terms are more is sent as it is, without them."""

LARGE = 50_000
"""Numbers of a matrix in terms from which on they travel, and are stored, in three bytes each."""

ALL_EDGES = 64
"""Up to this many tokens every edge is sent; above, those that can be among the strongest."""

EDGES_A_BLOCK = 1500
CONTEXT_A_BLOCK = 70

PROBED_RESIDUALS = (0.2, 0.5, 0.8)
"""Where on the slider the strongest edges are looked for."""

UNKNOWN = len(BINDINGS)
"""Binding code of a cell that is not computed yet; it follows the known ones in `model.ts`."""

IMAGE_SIDE = 512
"""Pixels, the most that an image is sent with in height and in width."""


def shown_matrix(analysis: Analysis, settings: Settings) -> dict[str, Any]:
    """Pack the matrix of the settings; with flow only if it has been computed."""
    if settings.method == "flow":
        known = analysis.known_flow(settings)
        if known is not None:
            return flow_matrix(settings, known.values, known.binding)
        n = analysis.attention.n_tokens
        return flow_matrix(settings, np.full((n, n), np.nan), np.full((n, n), UNKNOWN, np.uint8))
    even = None
    if in_terms(analysis, settings):
        terms = analysis.matrix_terms(settings)
        if settings.compared:
            even = pack(matrix_terms(analysis.even(settings)), short=terms.size > LARGE)
    else:
        terms = analysis.matrix(replace(settings, baseline=None))[None]
        if settings.compared:
            even = pack(analysis.even_matrix(settings)[None])
    return {
        "method": settings.method,
        "levels": analysis.matrix_levels(settings),
        "terms": pack(terms, short=terms.size > LARGE),
        "even": even,
        "binding": None,
    }


def flow_matrix(settings: Settings, values: Float, binding: NDArray[np.uint8]) -> dict[str, Any]:
    """Pack a flow matrix, maybe a partial one: NaN where it is still being computed."""
    return {
        "method": "flow",
        "levels": settings.levels,
        "terms": pack(values[None]),
        "even": None,
        "binding": pack(binding),
    }


def in_terms(analysis: Analysis, settings: Settings) -> bool:
    """Whether the shown matrix is sent as a polynomial in the residual."""
    start, stop = settings.levels
    n = analysis.attention.n_tokens
    size = (stop - start + 1) * n * n
    return settings.method == "rollout" and settings.polynomial and size <= TERMS_BUDGET


def shown_trace(
    analysis: Analysis, settings: Settings, selection: Selection, relevance: Relevance | None
) -> dict[str, Any]:
    """Pack the trace of the selection; `relevance` is None where the browser derives it itself."""
    trace = {
        "method": settings.method,
        "levels": (selection.start, selection.stop),
        "sources": selection.sources,
        "sinks": selection.sinks,
        "value": None,
        "bound": None,
        "binding": None,
        "cut": None,
        "cut_capacity": None,
        "source_side": None,
        "even": _even(analysis, settings, selection) if settings.compared else None,
        "relevance": None if relevance is None else pack(relevance.values),
        "relevance_binding": (
            None if relevance is None or relevance.binding is None else pack(relevance.binding)
        ),
        "context": None if selection.empty else pack(_context(analysis, settings)),
    }
    if settings.method == "flow" and selection.sinks is not None:
        return trace | _flow_entries(analysis, settings, selection)
    # A flow from a source to every input takes all that the source has, and the walk carries it:
    # the walk is one of its maximum flows.
    return trace | _walk_entries(analysis, settings, selection)


def _even(analysis: Analysis, settings: Settings, selection: Selection) -> Any:
    """What even attention gives each token: as terms where the trace travels as such."""
    if not settings.polynomial:
        return pack(analysis.even_relevance(settings, selection)[None])
    start = settings.levels[0]
    maps = analysis.even(settings)[selection.start - start : selection.stop - start]
    top, bottom = start_masses(selection, analysis.attention.n_tokens)
    return pack(up_terms(maps, bottom)[-1] if selection.forward else down_terms(maps, top)[0])


def shown_comparison(
    analysis: Analysis,
    a: tuple[Settings, Selection],
    b: tuple[Settings, Selection],
    *,
    cancel: Flag | None = None,
) -> dict[str, Any]:
    """Pack two pictures to be subtracted in the browser, each evaluated at its own residual."""
    return {"a": _evaluated(analysis, *a, cancel), "b": _evaluated(analysis, *b, cancel)}


def _evaluated(
    analysis: Analysis, settings: Settings, selection: Selection, cancel: Flag | None
) -> dict[str, Any]:
    # Points are differences of shares.
    settings = replace(settings, baseline=None)
    if not isinstance(settings.residual, tuple):
        # One residual a layer has no polynomial: numbers travel instead of terms.
        start, stop = settings.levels
        settings = replace(settings, residual=(settings.residual,) * (stop - start))
    if settings.method == "flow":
        analysis.flow(settings, cancel=cancel)
    relevance = analysis.relevance(settings, selection)
    return {
        "matrix": shown_matrix(analysis, settings),
        "trace": shown_trace(analysis, settings, selection, relevance),
    }


def shown_picture(picture: Picture | None) -> dict[str, Any]:
    """Pack the patches of a vision model and its image, empty for other models."""
    if picture is None:
        return {}
    image = None if picture.image is None else pack(_small(picture.image))
    return {"grid": picture.grid, "first": picture.first, "image": image}


def _small(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An image in whole steps from 0 to 255; of a large one, means over areas of its pixels."""
    values = image.astype(np.float32) * (1 if image.dtype == np.uint8 else 255)
    for axis in (0, 1):
        size = values.shape[axis]
        side = min(size, max(1, round(size * IMAGE_SIDE / max(image.shape[:2]))))
        if side < size:
            edges = np.arange(side + 1) * size // side
            values = np.add.reduceat(values, edges[:-1], axis=axis)
            lengths = np.diff(edges).astype(np.float32)
            values /= lengths.reshape((-1,) + (1,) * (values.ndim - 1 - axis))
    return np.rint(values).clip(0, 255).astype(np.uint8)


def shown_head_maps(analysis: Analysis) -> dict[str, Any]:
    """Pack the overview of all heads."""
    found = head_maps(analysis.attention)
    return {"maps": pack(found.maps), "tops": pack(found.tops), "entropy": pack(found.entropy)}


def shown_head_shares(
    analysis: Analysis, settings: Settings, selection: Selection
) -> dict[str, Any]:
    """Pack what each head carries of the selection."""
    return {
        "levels": (selection.start, selection.stop),
        "shares": pack(analysis.head_shares(settings, selection)),
    }


def note(analysis: Analysis, settings: Settings) -> str:
    """Say in one sentence which rows were left without mass, if any."""
    rows = analysis.fuse(settings).empty_rows
    if not rows:
        return ""
    block, query = rows[0]
    first = f"‘{analysis.attention.tokens[query]}’ in layer {block + 1}"
    if len(rows) == 1:
        return f"{first} has nothing left to read: it keeps to itself."
    return f"{first} and {len(rows) - 1} more have nothing left to read: they keep to themselves."


def _flow_entries(analysis: Analysis, settings: Settings, selection: Selection) -> dict[str, Any]:
    path: FlowTrace = analysis.flow_path(settings, selection)
    found = [np.sort(_largest(edges, edges.shape[-1])) for edges in path.edges]
    block = np.repeat(np.arange(len(found)), [len(places) for places in found])
    query, key = np.divmod(np.concatenate(found), path.edges.shape[-1])
    cut = np.array(path.cut, dtype=np.int32).reshape(-1, 3)
    capacity = analysis.between(settings, selection)[cut[:, 0], cut[:, 1], cut[:, 2]]
    into = path.edges[-1].sum(axis=1)
    through = np.concatenate([path.edges.sum(axis=1), into[None]])
    return {
        "kind": "flow",
        "polynomial": False,
        "mixed": False,
        "down": pack(through),
        "up": None,
        "edges": pack(np.stack([block + selection.start, query, key], axis=1)),
        "weights": pack(path.edges[block, query, key]),
        "value": path.value,
        "bound": path.bound,
        "binding": path.binding,
        "cut": pack(cut + np.array([selection.start, 0, 0], dtype=np.int32)),
        "cut_capacity": pack(capacity),
        "source_side": pack(path.source_side),
    }


def _walk_entries(analysis: Analysis, settings: Settings, selection: Selection) -> dict[str, Any]:
    start = settings.levels[0]
    fused = analysis.fused(settings)[selection.start - start : selection.stop - start]
    top, bottom = start_masses(selection, analysis.attention.n_tokens)
    if settings.polynomial:
        down, up = down_terms(fused, top), up_terms(fused, bottom)
        mixed = fused
        probes = [
            (
                residual,
                [evaluate_terms(terms, residual) for terms in down],
                [evaluate_terms(terms, residual) for terms in up],
            )
            for residual in PROBED_RESIDUALS
        ]
    else:
        mixed = analysis.between(settings, selection)
        walk = analysis.masses(settings, selection)
        down, up = [row[None] for row in walk[0]], [row[None] for row in walk[1]]
        probes = [(0.0, list(walk[0]), list(walk[1]))]
    edges = _strongest(mixed, probes)
    large = analysis.attention.n_tokens > ALL_EDGES
    return {
        "kind": "walk",
        "polynomial": settings.polynomial,
        "mixed": settings.polynomial,
        "down": pack(np.concatenate(down), short=large),
        "up": pack(np.concatenate(up), short=large),
        "edges": pack(edges + np.array([selection.start, 0, 0], dtype=np.int32)),
        "weights": pack(mixed[edges[:, 0], edges[:, 1], edges[:, 2]], short=large),
    }


def _strongest(
    maps: Float, probes: list[tuple[float, list[Float], list[Float]]]
) -> NDArray[np.int32]:
    """Edges that carry something, (edges, 3): block, query, key; the strongest of a large graph.

    Each probe is a residual still to be mixed into the maps, with the masses it gives.
    """
    n = maps.shape[-1]
    found = []
    for block, weights in enumerate(maps):
        chosen = []
        for residual, down, up in probes:
            # The residual's share is added to what passes, so that no map has to be mixed.
            mass = weights * up[block]
            mass *= (1 - residual) * down[block + 1][:, None]
            mass.ravel()[:: n + 1] += residual * down[block + 1] * up[block]
            chosen.append(_largest(mass, n))
        flat = np.unique(np.concatenate(chosen))
        found.append(np.stack([np.full_like(flat, block), flat // n, flat % n], axis=1))
    return np.concatenate(found).astype(np.int32)


def _largest(mass: Float, n: int) -> NDArray[np.intp]:
    flat = mass.ravel()
    if n > ALL_EDGES and flat.size > EDGES_A_BLOCK:
        top = np.argpartition(flat, -EDGES_A_BLOCK)[-EDGES_A_BLOCK:]
        return top[flat[top] > 0]
    return np.flatnonzero(flat)


def _context(analysis: Analysis, settings: Settings) -> NDArray[np.int32]:
    """The strongest edges of the mean trace: what a selection is seen against.

    Where the browser moves the residual they are those of its middle, and stay where they are.
    """
    if settings.polynomial:
        settings = replace(settings, residual=PROBED_RESIDUALS[1])
    maps = analysis.maps(settings)
    n = maps.shape[-1]
    down = masses_down(maps, np.full(n, 1 / n))
    found = []
    for block in range(len(maps)):
        flat = (down[block + 1][:, None] * maps[block]).ravel()
        top = np.argsort(-flat, kind="stable")[:CONTEXT_A_BLOCK]
        found.append(np.stack([np.full_like(top, block), top // n, top % n], axis=1))
    offset = np.array([settings.levels[0], 0, 0], dtype=np.int32)
    return np.concatenate(found).astype(np.int32) + offset
