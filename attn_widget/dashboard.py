"""`dashboard`: the widget with its charts. Light on purpose: ipywidgets comes with the first call.

The package holds this function under the name of this module, so it has to be imported with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .attention import Attention, as_attention
from .errors import AttentionError, brief, named_settings

if TYPE_CHECKING:
    from .board import Dashboard


@named_settings
def dashboard(given: Any, *, height: int = 480) -> Dashboard:
    """Lay the widget out with its linked charts; with several attentions, a picker above it.

    Parameters
    ----------
    given : AttentionWidget, Attention, whatever `Attention(...)` takes, or several
        Several: a dict of names and attentions, or a list of `Attention`. A widget that is given
        is shown as it is, and stays open when the dashboard is closed.
    height : int
        Height in px that a new widget's picture aims at.

    Returns
    -------
    Dashboard
        An ipywidgets box; `.widget`, `.charts` and `.picker` are its parts.

    Raises
    ------
    AttentionError
        For anything else, for nothing at all, and for a widget that is closed.
    ImportError
        Without bqplot.

    Examples
    --------
    >>> import attn_widget as aw
    >>> board = dashboard({"trophy": aw.load_sample(), "keys": aw.load_sample("keys")})
    >>> list(board.charts)
    ['relevance', 'residual', 'heads', 'flow']
    >>> board.picker.value = "keys"
    >>> board.widget.tokens[1:4]
    ['the', 'keys', 'to']
    """
    from .board import Dashboard
    from .widget import AttentionWidget

    if isinstance(given, AttentionWidget):
        return Dashboard(given)
    examples = read_examples(given)
    widget = AttentionWidget(next(iter(examples.values())), height=height)
    return Dashboard(widget, examples, owned=True)


def read_examples(given: Any) -> dict[str, Attention]:
    """Read one attention or several; each gets a name of its own."""
    # A model's output is a mapping, too, but one with attentions.
    if isinstance(given, Mapping) and not hasattr(given, "attentions"):
        named = {str(name): as_attention(one) for name, one in given.items()}
        if len(named) < len(given):
            message = f"dashboard was given names that are the same as text: {brief(list(given))}."
            raise AttentionError(message)
    elif isinstance(given, (list, tuple)) and all(isinstance(one, Attention) for one in given):
        named = {}
        for number, one in enumerate(given, start=1):
            named[f"{number}. {_text(one)}"] = one
    else:
        one = as_attention(given)
        named = {_text(one): one}
    if not named:
        message = "dashboard was given no attention: give at least one."
        raise AttentionError(message)
    return named


def _text(attention: Attention) -> str:
    words = [token for i, token in enumerate(attention.tokens) if i not in attention.special]
    text = " ".join(words).replace(" ##", "")
    return text if len(text) <= 60 else text[:59] + "\u2026"
