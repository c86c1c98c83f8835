"""What a picture says, in words: labels, names, figures and the sentence over a still picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .analysis import Float, Relevance
    from .attention import Attention
    from .selection import Selection
    from .settings import Settings

_WORTH_NAMING = 0.4
"""Words under this part of the strongest one are left to the picture."""

_WORTH_A_CLAUSE = 0.05
"""Special tokens that hold less than this together are not worth a clause."""


def token_label(token: str, limit: int = 14) -> str:
    """Write a token as a label: "##ed" as "-ed", CLS without its brackets, long ones shortened."""
    text = token.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
    if text.startswith("##") and len(text) > 2:
        text = "-" + text[2:]
    elif len(text) > 2 and (text[0], text[-1]) in {("[", "]"), ("<", ">")}:
        text = text[1:-1]
    text = text.lstrip("\u0120\u2581") or "\u2423"
    if len(text) > limit:
        text = f"{text[: limit - limit // 2 - 1]}\u2026{text[-(limit // 2) :]}"
    return text


def selection_name(attention: Attention, selection: Selection) -> str:
    """Name a selection as a sentence does: "‘it’ at layer 6", "3 tokens of the input"."""
    tokens = selection.sinks if selection.forward else selection.sources
    if tokens is None:
        return "the mean output"
    level = selection.start if selection.forward else selection.stop
    where = "of the input" if level == 0 else f"at layer {level}"
    return f"{_tokens(attention, tokens)} {where}"


def percent(share: float) -> str:
    """Write a share: whole per cents from 2 %, one decimal below."""
    digits = 0 if share >= 0.0195 else 1
    return f"{100 * share:.{digits}f}\u00a0%"


def finding(
    attention: Attention, settings: Settings, selection: Selection, found: Relevance | None
) -> str:
    """Say what a picture shows, as the sentence in the widget does.

    Parameters
    ----------
    found : Relevance or None
        Of the selection; None where it is a flow that has not been computed.
    """
    who = selection_name(attention, selection)
    if found is None:
        return f"Attention flow of {who}, still being computed when this was drawn"
    values, as_flow = found.values, settings.method == "flow"
    own = (selection.sinks if selection.forward else selection.sources) or ()
    figure = _two_digits if as_flow else percent
    if selection.sources is not None and selection.sinks is not None:
        value = float(values[list(selection.sinks)].sum())
        verb = "can draw at most" if as_flow else "draws"
        return f"{who} {verb} {figure(value)} from {_tokens(attention, selection.sinks)}"
    words = _leading(attention, values, own)
    joint, verb = _verb(settings, selection, len(own))
    listed = ", ".join(
        f"{figure(float(values[token]))} {joint} {_quoted(attention, token)}" for token in words
    )
    head = f"{who[0].upper()}{who[1:]} {verb} {listed or 'nothing from other words'}"
    if as_flow:
        return head
    rest = []
    stays = float(values[list(own)].sum())
    if own and not selection.forward and stays > 0.0005:
        rest.append(f"{percent(stays)} stays")
    held = float(values[list(attention.special)].sum()) if attention.special else 0.0
    if held >= _WORTH_A_CLAUSE and not selection.forward:
        rest.append(f"{percent(held)} rests on special tokens")
    return f"{head} \u00b7 {', '.join(rest)}" if rest else head


def facts(settings: Settings) -> str:
    """Tell the settings in one line: "rollout · layers input–4 · head 3 · residual 0.65"."""
    start, stop = settings.levels
    parts = [settings.method]
    if settings.method == "attention":
        parts.append(f"layer {stop}")
    else:
        parts.append(f"layers {start or 'input'}\u2013{stop}")
    heads = settings.heads
    if isinstance(heads, str):
        parts.append(f"{heads} of all heads")
    elif isinstance(heads, int):
        parts.append(f"head {heads}")
    else:
        parts.append("heads " + ", ".join(str(head) for head in heads))
    if settings.top_head is not None:
        parts.append(f"head {settings.top_head} on top")
    if settings.method != "attention":
        residual = settings.residual
        parts.append(
            "residual of each layer" if isinstance(residual, tuple) else f"residual {residual:g}"
        )
    if settings.drop:
        parts.append(f"{len(settings.drop)} tokens dropped")
    return " \u00b7 ".join(parts)


def _verb(settings: Settings, selection: Selection, count: int) -> tuple[str, str]:
    several = "" if count > 1 else "s"
    as_flow = settings.method == "flow"
    if selection.forward:
        return "of", "can reach" if as_flow else "reach" if count > 1 else "reaches"
    if settings.method == "attention":
        return "on", f"put{several}"
    return "from", "can draw" if as_flow else f"draw{several}"


def _leading(attention: Attention, values: Float, own: Sequence[int]) -> list[int]:
    apart = {*attention.special, *own}
    words = [token for token in values.argsort()[::-1].tolist() if token not in apart]
    words = [token for token in words if values[token] >= 0.0005]
    return [token for token in words if values[token] >= _WORTH_NAMING * values[words[0]]][:3]


def _tokens(attention: Attention, tokens: Sequence[int]) -> str:
    if len(tokens) == 1:
        return _quoted(attention, tokens[0])
    return f"{len(tokens)} tokens"


def _quoted(attention: Attention, token: int) -> str:
    return f"\u2018{token_label(attention.tokens[token])}\u2019"


def _two_digits(value: float) -> str:
    return f"{value:.2f}"
