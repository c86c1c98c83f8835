"""A view as one HTML file, live without a kernel and without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import bundle
from .baseline import mask_of
from .errors import AttentionError, brief
from .htmldata import ROUNDING, Arrays, layer_codes, plain, scale_of, script_json, size_of
from .htmlflow import FlowOfPage, check_flow
from .htmlpage import heading, page
from .merging import words_of
from .settings import Settings
from .shown import shown_head_maps
from .version import __version__
from .writing import as_path, check_target, write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .analysis import Analysis
    from .attention import Attention
    from .mixing import HeadFusion

HEADS = ("all", "shown")

_FRAME = 12_000  # bytes: the page without its script, style and data
_FLOW_CELL = 4.8  # bytes of a flow and its binding in base64; fewer where many are alike


@dataclass(frozen=True)
class HtmlSize:
    """What a page will take.

    Attributes
    ----------
    megabytes : float
        About how large the file will be, in 10^6 bytes.
    seconds : float
        About how long the flow takes that still has to be computed for it; 0 without.
    """

    megabytes: float
    seconds: float

    def __str__(self) -> str:
        """Say it in words."""
        if self.seconds < 0.05:
            return f"about {_megabytes(self.megabytes)}"
        return f"about {_megabytes(self.megabytes)} and {_duration(self.seconds)} of computing flow"


class HtmlFile:
    """One page, planned first and written then.

    Parameters
    ----------
    analysis : Analysis
    state : mapping
        The synced traits of the view that are not derived from others.
    flow, heads : as in `AttentionWidget.save_html`
    """

    def __init__(
        self, analysis: Analysis, state: Mapping[str, Any], *, flow: object, heads: object
    ) -> None:
        self._analysis = analysis
        self._state = dict(state)
        self._settings = settings = Settings.of(state)
        pins = state["pins"]
        choice = check_flow(flow, settings)
        self._flow = FlowOfPage(analysis, choice, settings, state["selected"], pins)
        self._only = _check_heads(heads, settings)

    @property
    def _attention(self) -> Attention:
        return self._analysis.attention

    def size(self) -> HtmlSize:
        """Tell the size from two layers, and the time from a few rows."""
        attention = self._attention
        scale = scale_of(attention)
        probed = sorted({0, attention.n_layers - 1})
        codes = [size_of(layer_codes(attention, layer, scale, self._only)[0]) for layer in probed]
        weights = sum(codes) / len(probed) * attention.n_layers
        files = sum(path.stat().st_size for path in (bundle.page_script_path(), bundle.css_path()))
        cells = len(self._flow.matrices) * attention.n_tokens**2
        tokens = 30 * attention.n_tokens
        total = _FRAME + files + tokens + weights + _FLOW_CELL * cells
        return HtmlSize(total / 1e6, self._flow.seconds())

    def check(self, *, budget: float, patience: float) -> None:
        """Refuse what would become larger or take longer than is allowed."""
        size = self.size()
        if size.megabytes > budget:
            enough = math.ceil(size.megabytes * 1.05)
            less = (
                "" if self._only is not None else ', or keep the shown heads alone, heads="shown"'
            )
            flow = ' Leave flow out, flow="none", to save some.' if self._flow.matrices else ""
            message = (
                f"This page would take about {_megabytes(size.megabytes)} and budget is "
                f"{budget:g} MB: pass budget={enough}, show fewer tokens with "
                f"attn_widget.window{less}.{flow}"
            )
            raise AttentionError(message)
        if size.seconds > patience:
            message = (
                f"The flow of this page would take about {_duration(size.seconds)} to compute and "
                f"patience is {patience:g} s: pass patience={math.ceil(size.seconds * 1.2)}, or "
                'ask for less, such as flow="current".'
            )
            raise AttentionError(message)

    def write(self, path: Path, *, title: str | None, overwrite: bool) -> Path:
        """Compute what is missing and write the page, whole or not at all."""
        text = self.text(title=title)
        return write_whole(path, lambda file: file.write(text.encode()), overwrite=overwrite)

    def text(self, *, title: str | None) -> str:
        """The page."""
        attention = self._attention
        arrays = Arrays()
        scale = scale_of(attention)
        codes, exact = self._codes(scale)
        shape = attention.weights.shape
        state = self._state
        if self._only is not None:
            # Small maps of heads whose weights are not there.
            state = {**state, "head_maps": shown_head_maps(self._analysis)}
        content = {
            "state": plain(state, arrays),
            "attention": {
                "codes": arrays.add(codes, 2),
                "scale": scale,
                "only": None if self._only is None else _as_json(self._only),
                "masks": [_mask(attention, block) for block in range(shape[0])],
            },
            "flow": plain(self._flow.compute(), arrays),
        }
        return page(
            title=title if title and title.strip() else _heading(attention),
            summary=_summary(attention),
            about=self._about(exact=exact),
            version=__version__,
            style=bundle.css_path().read_text(encoding="utf-8"),
            script=bundle.page_script_path().read_text(encoding="utf-8"),
            state=script_json({**content, "arrays": arrays.places}),
            data=arrays.packed(),
        )

    def _codes(self, scale: float) -> tuple[bytes, bool]:
        layers: list[NDArray[np.uint16]] = []
        exact = True
        for layer in range(self._attention.n_layers):
            codes, same = layer_codes(self._attention, layer, scale, self._only)
            layers.append(codes)
            exact = exact and same
        return b"".join(codes.tobytes() for codes in layers), exact

    def _about(self, *, exact: bool) -> list[str]:
        kept = (
            f"The weights are in it as they were given ({self._attention.dtype})."
            if exact
            else "Each weight is rounded to 11 significant bits, by at most "
            f"{100 * ROUNDING:.2f}\u00a0%."
        )
        heads = "" if self._only is None else " The heads are fused as shown; others are not in it."
        holds = self._flow.holds
        flow = f"Flow is in it for {holds}." if holds else "It was saved without flow."
        made = (
            f"Made with attn-widget {__version__}. It works from disk, and its policy forbids it "
            "to load or send anything."
        )
        computed = "Rollout and attention are computed here, in float64."
        return [made, f"{kept}{heads} {computed} {flow}", *self._attention.notes]


def save_page(
    analysis: Analysis,
    state: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    flow: object = None,
    heads: object = "all",
    budget: float = 20.0,
    patience: float = 120.0,
    overwrite: bool = False,
    title: object = None,
) -> Path:
    """Check everything, then write: see `AttentionWidget.save_html`."""
    target = as_path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        message = f"{target.name!r} is no name for a page: end it with .html."
        raise AttentionError(message)
    check_target(target, overwrite=overwrite)
    if title is not None and not isinstance(title, str):
        message = f"title is {brief(title)}: give text, or leave it out for the tokens."
        raise AttentionError(message)
    _check_limit("budget", budget, "megabytes of the file")
    _check_limit("patience", patience, "seconds of computing flow")
    file = HtmlFile(analysis, state, flow=flow, heads=heads)
    file.check(budget=budget, patience=patience)
    return file.write(target, title=title, overwrite=overwrite)


def _check_limit(name: str, given: Any, what: str) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        message = f"{name} is {brief(given)}: give a number above 0, the most {what}."
        raise AttentionError(message)


def _check_heads(given: object, settings: Settings) -> HeadFusion | None:
    """The fusion to keep instead of every head, or None."""
    if not isinstance(given, str) or given not in HEADS:
        message = f'heads is {brief(given)}: choose "all", or "shown" for their shown fusion.'
        raise AttentionError(message)
    if given == "all":
        return None
    if settings.top_head is not None:
        message = (
            'heads="shown" keeps one map a layer and top_head needs another one: set '
            "widget.top_head to None, or keep all heads."
        )
        raise AttentionError(message)
    return settings.heads


def _as_json(heads: HeadFusion) -> Any:
    return list(heads) if isinstance(heads, tuple) else heads


def _mask(attention: Attention, block: int) -> dict[str, Any]:
    """The mask of a block: queries and keys as [first, after the last], and its band."""
    mask = mask_of(attention, block)
    n = attention.n_tokens
    return {
        "queries": mask.queries.indices(n)[:2],
        "keys": mask.keys.indices(n)[:2],
        "behind": mask.behind,
        "ahead": mask.ahead,
    }


def _heading(attention: Attention) -> str:
    if attention.picture is not None:
        rows, columns = attention.picture.grid
        return f"Attention in an image of {rows} × {columns} patches"
    if attention.tokens == tuple(map(str, range(attention.n_tokens))):
        return f"Attention among {attention.n_tokens} tokens"  # nobody has named them
    special = set(attention.special)
    words = words_of(attention)
    first = [words.of_token.index(word) for word in range(len(words.labels))]
    labels = [
        label for label, token in zip(words.labels, first, strict=True) if token not in special
    ]
    return heading(" ".join(labels))


def _summary(attention: Attention) -> str:
    layers, heads, n = attention.n_layers, attention.n_heads, attention.n_tokens
    counts = [
        f"{layers} layer{'s' * (layers != 1)}",
        f"{heads} head{'s' * (heads != 1)} in each",
        f"{n} token{'s' * (n != 1)}",
    ]
    return ", ".join([*counts, *(["causal"] if attention.causal else [])])


def _megabytes(size: float) -> str:
    return f"{size:.1f} MB" if size < 10 else f"{size:.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
