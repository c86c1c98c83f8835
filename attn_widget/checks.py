"""Every setting is checked before it is taken, whoever sets it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from traitlets import validate

from .errors import AttentionError, brief, check_index, check_tokens
from .mixing import check_levels
from .pins import check_compared, check_pins
from .selection import check_nodes
from .settings import check_method, plain_baseline, plain_heads, plain_residual
from .state import COLOR_SCALES, OVERLAYS, SettingError, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .attention import Attention

Proposal = dict[str, Any]


class CheckedState(State):
    """The synced state, with every value checked against the attention that it is about."""

    # The levels that the selection was made for, so that it can follow when they change.
    _selected_within: tuple[int, int]

    @property
    def attention(self) -> Attention:
        """What is shown."""
        raise NotImplementedError

    @validate("method")
    def _check_method(self, proposal: Proposal) -> str:
        with as_setting_error():
            return check_method(proposal["value"])

    @validate("levels")
    def _check_levels(self, proposal: Proposal) -> tuple[int, int]:
        with as_setting_error():
            return check_levels(proposal["value"], self.attention.n_layers)

    @validate("heads")
    def _check_heads(self, proposal: Proposal) -> str | int | list[int]:
        with as_setting_error():
            return plain_heads(proposal["value"], self.attention.n_heads)

    @validate("top_head")
    def _check_top_head(self, proposal: Proposal) -> int | None:
        if proposal["value"] is None:
            return None
        with as_setting_error():
            return check_index(proposal["value"], self.attention.n_heads, "top_head")

    @validate("residual")
    def _check_residual(self, proposal: Proposal) -> float | list[float]:
        start, stop = self.levels
        with as_setting_error():
            return plain_residual(proposal["value"], stop - start)

    @validate("drop")
    def _check_drop(self, proposal: Proposal) -> list[int]:
        with as_setting_error():
            return list(check_tokens(proposal["value"], self.attention.n_tokens, "drop"))

    @validate("selected")
    def _check_selected(self, proposal: Proposal) -> list[tuple[int, int]]:
        model = self.attention
        with as_setting_error():
            nodes = check_nodes(proposal["value"], model.n_layers, model.n_tokens)
        start, stop = self.levels
        for level, token in nodes:
            if not start <= level <= stop:
                message = (
                    f"selected names level {level} (token {token}), but levels {start} to {stop} "
                    "are shown: set levels first."
                )
                raise SettingError(message)
        self._selected_within = (start, stop)
        return nodes

    @validate("baseline")
    def _check_baseline(self, proposal: Proposal) -> str | None:
        with as_setting_error():
            return plain_baseline(proposal["value"])

    @validate("mass_shown")
    def _check_mass_shown(self, proposal: Proposal) -> float:
        if not 0 < proposal["value"] <= 1:
            message = (
                f"mass_shown is {proposal['value']!r}: it is the share of each layer's mass "
                "whose edges are drawn, above 0 and at most 1."
            )
            raise SettingError(message)
        return float(proposal["value"])

    @validate("height")
    def _check_height(self, proposal: Proposal) -> int:
        if proposal["value"] < 0:
            message = (
                f"height is {proposal['value']}: give a height in px, or 0 to leave it to the "
                "number of tokens."
            )
            raise SettingError(message)
        return int(proposal["value"])

    @validate("color_scale")
    def _check_color_scale(self, proposal: Proposal) -> str:
        if proposal["value"] not in COLOR_SCALES:
            message = (
                f"color_scale is {brief(proposal['value'])}: choose one of "
                f"{', '.join(map(repr, COLOR_SCALES))}."
            )
            raise SettingError(message)
        return str(proposal["value"])

    @validate("overlay")
    def _check_overlay(self, proposal: Proposal) -> str:
        if proposal["value"] not in OVERLAYS:
            message = (
                f"overlay is {brief(proposal['value'])}: choose one of "
                f"{', '.join(map(repr, OVERLAYS))}."
            )
            raise SettingError(message)
        return str(proposal["value"])

    @validate("overlay_opacity")
    def _check_overlay_opacity(self, proposal: Proposal) -> float:
        if not 0 <= proposal["value"] <= 1:
            message = (
                f"overlay_opacity is {proposal['value']!r}: give a number from 0, the image as it "
                "is, to 1."
            )
            raise SettingError(message)
        return float(proposal["value"])

    @validate("pins")
    def _check_pins(self, proposal: Proposal) -> list[dict[str, Any]]:
        with as_setting_error():
            return check_pins(proposal["value"], self.attention)

    @validate("compared")
    def _check_compared(self, proposal: Proposal) -> list[int]:
        with as_setting_error():
            return check_compared(proposal["value"], len(self.pins))


@contextmanager
def as_setting_error() -> Iterator[None]:
    """Let traitlets take a refused change back: it does so for a TraitError alone."""
    try:
        yield
    except AttentionError as error:
        raise SettingError(str(error)) from None
