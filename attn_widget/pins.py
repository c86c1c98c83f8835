"""Pins: selections kept with their settings, to come back to and to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import AttentionError, brief
from .selection import ends
from .settings import Settings, check_settings

if TYPE_CHECKING:
    from .attention import Attention
    from .selection import Selection

KEPT = ("method", "levels", "heads", "top_head", "residual", "drop", "baseline", "selected")
"""What a pin keeps, beside its name."""


def check_pins(pins: Any, attention: Attention) -> list[dict[str, Any]]:
    """Normalise a list of pins: each has a name and every setting, checked; missing ones default.

    Raises
    ------
    AttentionError
        Naming the pin and what is wrong with it.
    """
    if not isinstance(pins, Sequence) or isinstance(pins, str):
        message = f"pins is {brief(pins)}: give a list of dictionaries, e.g. [widget.pin()]."
        raise AttentionError(message)
    return [_check_pin(pin, index, attention) for index, pin in enumerate(pins)]


def check_compared(compared: Any, n_pins: int) -> list[int]:
    """Normalise the two pins that are compared: [] or two different indices into the pins."""
    if (
        not isinstance(compared, Sequence)
        or isinstance(compared, str)
        or len(compared) not in (0, 2)
    ):
        message = f"compared is {brief(compared)}: give two indices into pins, or [] for none."
        raise AttentionError(message)
    chosen = list(compared)
    for index in chosen:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n_pins:
            message = f"compared names pin {brief(index)}: there are {n_pins}, numbered from 0."
            raise AttentionError(message)
    if len(set(chosen)) == 1:
        message = f"compared names pin {chosen[0]} twice: choose two different pins."
        raise AttentionError(message)
    return chosen


def read_pin(pin: Mapping[str, Any]) -> tuple[Settings, Selection]:
    """Return the settings and the selection that a checked pin stands for."""
    settings = Settings.of(pin)
    return settings, ends([(level, token) for level, token in pin["selected"]], settings.levels)


def pin_name(pin: Mapping[str, Any], attention: Attention) -> str:
    """Name a pin by what is particular to it: its tokens, its method, its heads."""
    upper = sorted(pin["selected"], reverse=True)
    tokens = [f"‘{attention.tokens[token]}’" for _, token in upper]
    levels = {level for level, _ in upper}
    if not tokens:
        what = "all outputs"
    elif len(levels) == 1:
        what = " and ".join(tokens)
    else:
        top = upper[0][0]
        sources = [f"‘{attention.tokens[token]}’" for level, token in upper if level == top]
        sinks = [f"‘{attention.tokens[token]}’" for level, token in upper if level != top]
        what = f"{' and '.join(sources)} from {' and '.join(sinks)}"
    heads = pin["heads"]
    how = "all heads" if heads == "mean" else f"head {heads}" if isinstance(heads, int) else heads
    if isinstance(how, list):
        how = "heads " + ", ".join(map(str, how))
    extra = "" if pin["method"] == "rollout" else f", {pin['method']}"
    return f"{what}, {how}{extra}"


def _check_pin(pin: Any, index: int, attention: Attention) -> dict[str, Any]:
    if not isinstance(pin, Mapping):
        message = f"pins[{index}] is {brief(pin)}: a pin is a dictionary, as widget.pin() returns."
        raise AttentionError(message)
    unknown = set(pin) - {"name", *KEPT}
    if unknown:
        message = (
            f"pins[{index}] has no setting {min(map(str, unknown))!r}: a pin holds name, "
            f"{', '.join(KEPT)}."
        )
        raise AttentionError(message)
    try:
        checked = check_settings(pin, attention)
    except AttentionError as error:
        message = f"pins[{index}]: {error}"
        raise AttentionError(message) from None
    name = pin.get("name")
    return {"name": pin_name(checked, attention) if not name else str(name), **checked}
